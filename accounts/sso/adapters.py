"""What allauth asks of us: who may come in, how secrets are stored, where people go."""

from __future__ import annotations

import time
from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.internal.flows.login import get_authentication_records
from allauth.account.internal.flows.reauthentication import get_reauthentication_flows
from allauth.core import context
from allauth.core.exceptions import ImmediateHttpResponse
from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.socialaccount.adapter import DefaultSocialAccountAdapter
from cryptography.fernet import Fernet, MultiFernet
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse

from accounts.acting import acting, address_of
from accounts.deeds import did
from accounts.joining import BACKEND
from accounts.models import User
from accounts.sso.entering import person_for

FRESH_S = 300
"""For so long after a login nobody is asked again who they are before they change their second factor."""


class AccountAdapter(DefaultAccountAdapter):
    """Nobody signs up, and no mail is sent."""

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return False

    def login(self, request: HttpRequest, user: Any) -> None:
        user.backend = BACKEND
        super().login(request, user)

    def get_client_ip(self, request: HttpRequest) -> str:
        return address_of(request)

    def add_message(self, *args: Any, **kwargs: Any) -> None:
        """Its pages show what is so; nothing follows people into the admin."""

    def is_reauthentication_required(self, *, app: str, **kwargs: Any) -> bool:
        """Who has just logged in is not asked again, nor who has nothing to be asked for."""
        request = context.request
        fresh = time.time() - FRESH_S
        if any(one["at"] > fresh for one in get_authentication_records(request, request.user)):
            return False
        return bool(get_reauthentication_flows(request.user))


class FactorAdapter(DefaultMFAAdapter):
    """Secrets of second factors are encrypted with the keys of the installation."""

    def get_totp_label(self, user: Any) -> str:
        return str(user.get_username())

    def encrypt(self, text: str) -> str:
        return _fernet().encrypt(text.encode()).decode()

    def decrypt(self, encrypted_text: str) -> str:
        return _fernet().decrypt(encrypted_text).decode()


def _fernet() -> MultiFernet:
    return MultiFernet([Fernet(key) for key in settings.FIELD_ENCRYPTION_KEYS])


class DirectoryAdapter(DefaultSocialAccountAdapter):
    """A login that a directory vouches for enters as somebody who is known or invited, or not at all."""

    def is_open_for_signup(self, request: HttpRequest, sociallogin: Any) -> bool:
        return False

    def pre_social_login(self, request: HttpRequest, sociallogin: Any) -> None:
        if sociallogin.state.get("process") != "login":
            raise ImmediateHttpResponse(redirect("mfa_index"))
        account = sociallogin.account
        account.extra_data = {}  # who it is has been learnt; the rest is none of our business
        if account.pk:
            account.save(update_fields=["extra_data"])
            if not sociallogin.user.is_active:
                raise ImmediateHttpResponse(unknown_page(request))
            return
        person = person_for(_vouched(sociallogin), **_names(sociallogin.user))
        if person is None:
            raise ImmediateHttpResponse(unknown_page(request))
        _link(request, sociallogin, person)


def unknown_page(request: HttpRequest) -> HttpResponse:
    """What a stranger sees; it does not tell whether there is an account."""
    return TemplateResponse(request, "accounts/unknown.html", status=403).render()


def _vouched(sociallogin: Any) -> list[str]:
    """The addresses that the directory says it has checked, or that the installation trusts it to."""
    trusts = bool(sociallogin.provider.app.settings.get("trust_email"))
    return [one.email for one in sociallogin.email_addresses if one.verified or trusts]


def _names(user: Any) -> dict[str, str]:
    return {"username": user.username or "", "first": user.first_name or "", "last": user.last_name or ""}


def _link(request: HttpRequest, sociallogin: Any, person: User) -> None:
    """From now on this login of the directory is this person.

    Who has joined by a link has shown that they have the link, not that the address is theirs: whoever made
    the account could go on using it with its password. So that one ends, and its sessions with it.
    """
    with acting(person):
        if person.has_usable_password() and not (person.is_staff or person.is_superuser):
            person.set_unusable_password()
            with acting(words="The password ended with the first login by a directory."):
                person.save()
        sociallogin.connect(request, person)
        did(person, f"Linked to a login of {sociallogin.provider.name}.", actor=person)
