"""Where a second factor is required, nobody gets anywhere without one but to where it is set up."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from allauth.mfa.models import Authenticator
from allauth.mfa.utils import is_mfa_enabled
from django.conf import settings
from django.core.exceptions import MiddlewareNotUsed
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.urls import reverse
from django.utils.deprecation import MiddlewareMixin

SAID = "A second factor is required: set one up in the admin first."


class SecondFactorMiddleware(MiddlewareMixin):
    """About sessions only, those of the admin and of the API: a token is no login of a person."""

    def __init__(self, get_response: Callable[[HttpRequest], Any]) -> None:
        if not settings.PROXY_MFA_REQUIRED:
            raise MiddlewareNotUsed
        super().__init__(get_response)

    def process_request(self, request: HttpRequest) -> HttpResponse | None:
        user: Any = request.user
        if not user.is_authenticated or request.path_info.startswith(_open()):
            return None
        if is_mfa_enabled(user, [Authenticator.Type.TOTP]):
            return None
        if request.path_info.startswith("/api/"):
            answer = {"message": SAID, "code": "second_factor_required", "errors": {}}
            return JsonResponse(answer, status=403)
        return HttpResponseRedirect(reverse("mfa_activate_totp"))


def _open() -> tuple[str, ...]:
    return (reverse("mfa_index"), reverse("account_reauthenticate"), reverse("admin:logout"), "/i18n/")
