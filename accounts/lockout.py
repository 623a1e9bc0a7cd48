"""Who guesses passwords is locked out for a while (django-axes): what is stored, the page that says so."""

from __future__ import annotations

from typing import Any

from axes.utils import reset
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.crypto import salted_hmac

from accounts.models import User


def name_of(request: HttpRequest | None, credentials: dict[str, Any] | None) -> str:
    """By what failures are counted: never the name itself, in whose place many a password was typed."""
    given = (credentials or {}).get("username")
    if given is None and request is not None:
        given = request.POST.get("username", "")
    return hashed(str(given or ""))


def hashed(username: str) -> str:
    return salted_hmac("accounts.lockout", username, algorithm="sha256").hexdigest()[:40]


def locked_page(request: HttpRequest, response: Any = None, credentials: Any = None) -> HttpResponse:
    """What somebody sees who is locked out."""
    minutes = int(settings.AXES_COOLOFF_TIME.total_seconds() // 60)
    page = TemplateResponse(request, "accounts/locked.html", {"minutes": minutes}, status=429)
    page["Retry-After"] = str(minutes * 60)
    return page.render()


def unlock(user: User) -> bool:
    """Let somebody log in again at once; whether they were being counted."""
    return bool(reset(username=hashed(user.get_username())))
