"""What the settings of second factors and of a company's own directory mean to django-allauth.

The package is an extra (requirements-sso.txt): nothing here imports it.
"""

from __future__ import annotations

import json
import re
from importlib.util import find_spec
from typing import Any
from urllib.parse import urlsplit

APPS = [
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "allauth.socialaccount",
    "allauth.socialaccount.providers.openid_connect",
]
MIDDLEWARE = [
    "allauth.account.middleware.AccountMiddleware",
    "accounts.sso.middleware.SecondFactorMiddleware",
]

NEEDED = ("id", "name", "client_id", "secret", "issuer")
KNOWN = {*NEEDED, "trust_email"}
LOOPBACK = {("http", "localhost"), ("http", "127.0.0.1")}
"""Elsewhere whoever sits in between could be anybody: what comes from the issuer is believed for its TLS."""

_ID = re.compile(r"[a-z0-9][a-z0-9-]{0,30}")


class Wrong(ValueError):
    """PROXY_OIDC can't be read; the text shows nothing of what stands in it but names."""


def is_installed() -> bool:
    """Whether the extra is there."""
    return find_spec("allauth") is not None


def providers_of(text: str) -> list[dict[str, Any]]:
    """What PROXY_OIDC says: one directory as a JSON object, or a list of them. Raises Wrong."""
    if not text.strip():
        return []
    try:
        found = json.loads(text)
    except ValueError:
        raise Wrong("it is not JSON") from None
    entries = found if isinstance(found, list) else [found]
    for number, entry in enumerate(entries, start=1):
        _check(number, entry)
    ids = [entry["id"] for entry in entries]
    if len(set(ids)) < len(ids):
        raise Wrong('two entries have the same "id"')
    return entries


def _check(number: int, entry: Any) -> None:
    if not isinstance(entry, dict):
        raise Wrong(f"entry {number} is not an object")
    if unknown := sorted(set(entry) - KNOWN):
        raise Wrong(f'entry {number} has "{unknown[0][:40]}", expected {", ".join(sorted(KNOWN))}')
    for name in NEEDED:
        if not isinstance(entry.get(name), str) or not entry[name]:
            raise Wrong(f'entry {number} has no "{name}"')
    if not isinstance(entry.get("trust_email", False), bool):
        raise Wrong(f'entry {number}: "trust_email" is neither true nor false')
    if not _ID.fullmatch(entry["id"]):
        raise Wrong(f'entry {number}: "id" is not made of small letters, digits and hyphens')
    if not _is_trustworthy(entry["issuer"]):
        raise Wrong(f'entry {number}: "issuer" does not begin with https:// and the name of a host')


def _is_trustworthy(issuer: str) -> bool:
    try:
        parts = urlsplit(issuer)
    except ValueError:  # a bracket too few
        return False
    return bool(parts.hostname) and (parts.scheme == "https" or (parts.scheme, parts.hostname) in LOOPBACK)


def settings_for(providers: list[dict[str, Any]]) -> dict[str, Any]:
    """The settings of allauth: a second step, logins from directories, and nothing else that it can do."""
    return {
        "ACCOUNT_ADAPTER": "accounts.sso.adapters.AccountAdapter",
        "ACCOUNT_EMAIL_VERIFICATION": "none",
        "ACCOUNT_LOGIN_METHODS": {"username"},
        "ACCOUNT_SIGNUP_FIELDS": ["username*", "password1*"],
        # Beside the lockout by name and address: codes are short, and may be tried from anywhere.
        "ACCOUNT_RATE_LIMITS": {"login_failed": "20/m/ip,10/15m/key"},
        "MFA_ADAPTER": "accounts.sso.adapters.FactorAdapter",
        "MFA_ALLOW_UNVERIFIED_EMAIL": True,
        "MFA_FORMS": {
            "authenticate": "accounts.sso.forms.CodeForm",
            "reauthenticate": "accounts.sso.forms.CodeAgainForm",
        },
        "MFA_RECOVERY_CODES_SHOW_ONCE": True,
        "MFA_SUPPORTED_TYPES": ["totp", "recovery_codes"],
        "MFA_TOTP_ISSUER": "OCPP proxy",
        "MFA_TOTP_TOLERANCE": 1,  # clocks of phones and of bench machines are half a minute off
        "SOCIALACCOUNT_ADAPTER": "accounts.sso.adapters.DirectoryAdapter",
        "SOCIALACCOUNT_EMAIL_VERIFICATION": "none",
        # A link, not a form: form-action of our policy would forbid to be sent on to the directory.
        "SOCIALACCOUNT_LOGIN_ON_GET": True,
        "SOCIALACCOUNT_PROVIDERS": {
            "openid_connect": {"OAUTH_PKCE_ENABLED": True, "APPS": [_app(entry) for entry in providers]}
        },
    }


def _app(entry: dict[str, Any]) -> dict[str, Any]:
    return {
        "provider_id": entry["id"],
        "name": entry["name"],
        "client_id": entry["client_id"],
        "secret": entry["secret"],
        "settings": {
            "server_url": entry["issuer"].rstrip("/"),
            "oauth_pkce_enabled": True,
            "trust_email": entry.get("trust_email", False),
        },
    }
