"""The admin's login with a second step, and the few pages of allauth that are reached."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from allauth.account.internal.flows.login import perform_password_login
from allauth.account.models import Login
from allauth.socialaccount import app_settings
from allauth.socialaccount.providers.openid_connect import views as oidc
from django.contrib.auth.views import LoginView
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.http import urlencode
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from requests import RequestException

from accounts.sso.adapters import unknown_page

logger = logging.getLogger(__name__)


class SteppedLoginView(LoginView):
    """Django's; who has a second factor is not logged in before it was asked for."""

    def form_valid(self, form: Any) -> HttpResponse:
        user = form.get_user()
        login = Login(user=user, redirect_url=self.get_success_url())
        answer: HttpResponse = perform_password_login(self.request, {"username": user.get_username()}, login)
        return answer


def directories(target: str) -> list[dict[str, str]]:
    """What the login page offers: a name and an address for each directory. ``target``: where to go then."""
    query = urlencode({"process": "login", **({"next": target} if target else {})})
    apps = app_settings.PROVIDERS["openid_connect"]["APPS"]
    return [
        {"name": app["name"], "url": f"{reverse('openid_connect_login', args=[app['provider_id']])}?{query}"}
        for app in apps
    ]


@require_safe
def to_login(request: HttpRequest) -> HttpResponse:
    """allauth's own login page is the admin's."""
    query = request.GET.urlencode()
    return HttpResponseRedirect(reverse("admin:login") + (f"?{query}" if query else ""))


@require_safe
def refused(request: HttpRequest) -> HttpResponse:
    """Somebody whose account was deactivated."""
    return unknown_page(request)


@require_safe
def cancelled(request: HttpRequest) -> HttpResponse:
    """The directory has let nobody in."""
    return _not_in(request, 403)


@never_cache
@require_safe
def to_directory(request: HttpRequest, provider_id: str) -> HttpResponse:
    """Off to a directory, to be told who it is."""
    return _asked(oidc.login, request, provider_id)


@never_cache
@require_safe
def from_directory(request: HttpRequest, provider_id: str) -> HttpResponse:
    """Back from it."""
    return _asked(oidc.callback, request, provider_id)


def _asked(view: Callable[..., HttpResponse], request: HttpRequest, provider_id: str) -> HttpResponse:
    """What allauth makes of it; a directory that is away or tells nonsense is no fault of ours."""
    try:
        return view(request, provider_id)
    except (RequestException, KeyError) as error:
        logger.warning("the directory %s does not answer as expected: %r", provider_id, error)
        return _not_in(request, 502)


def _not_in(request: HttpRequest, status: int) -> HttpResponse:
    return TemplateResponse(request, "socialaccount/authentication_error.html", status=status)
