"""System checks that tell an operator what is wrong with the settings, and what to do."""

import os
import stat
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from cryptography.fernet import Fernet
from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, Warning, register

from accounts.kept import LEAST_DAYS, MOST_DAYS

PUBLIC_SCHEMES = ("ws", "wss", "http", "https")
SKINS = ("unfold", "stock")
UNKNOWN_CHARGERS = ("refuse", "adopt")
BOOLEANS = (
    *("DEBUG", "PROXY_ALLOW_PRIVATE_UPSTREAMS", "PROXY_REQUIRE_TLS"),
    *("PROXY_SSO", "PROXY_MFA_REQUIRED"),
)
TRUE = ("true", "on", "ok", "y", "yes", "1")
FALSE = ("false", "off", "n", "no", "0")
TOKEN_LENGTH = 16


@register()
def unknown_chargers(app_configs: Any, **kwargs: Any) -> Sequence[CheckMessage]:
    """PROXY_UNKNOWN_CHARGERS has one of its two values."""
    hint = "refuse: unknown chargers get 404 and are recorded. adopt: they are created."
    return _chosen("PROXY_UNKNOWN_CHARGERS", UNKNOWN_CHARGERS, hint=hint, id="proxy.E001")


@register()
def public_url(app_configs: Any, **kwargs: Any) -> Sequence[CheckMessage]:
    """PROXY_PUBLIC_URL is an address that a charger can be given."""
    value = settings.PROXY_PUBLIC_URL
    if not value:
        return []
    try:
        parts = urlsplit(value)
        is_one = parts.scheme in PUBLIC_SCHEMES and bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_one = False
    if is_one:
        return []
    return [
        Error(
            f'PROXY_PUBLIC_URL is "{value[:60]}", expected wss://HOST or ws://HOST, and :PORT if need be.',
            hint="It is what people type into chargers; the identity is added to it.",
            id="proxy.E009",
        )
    ]


@register()
def admin_skin(app_configs: Any, **kwargs: Any) -> Sequence[CheckMessage]:
    """PROXY_ADMIN_SKIN is a look there is."""
    hint = "unfold: made for phones too. stock: Django's own admin."
    return _chosen("PROXY_ADMIN_SKIN", SKINS, hint=hint, id="proxy.E005")


def _chosen(name: str, known: Sequence[str], **more: str) -> Sequence[CheckMessage]:
    """An error where a setting has none of the values there are."""
    value = getattr(settings, name)
    if value in known:
        return []
    return [Error(f'{name} is "{value[:40]}", expected one of {", ".join(known)}.', **more)]


@register()
def booleans(app_configs: Any, **kwargs: Any) -> Sequence[CheckMessage]:
    """A misspelt yes would silently be a no."""
    return [
        Error(
            f'{name} is "{os.environ[name][:40]}", expected true or false.',
            hint=f"Set {name} to true or false in the environment or in .env.",
            id="proxy.E002",
        )
        for name in BOOLEANS
        if os.environ.get(name, "").lower() not in ("", *TRUE, *FALSE)
    ]


@register()
def second_factors(app_configs: Any, **kwargs: Any) -> Sequence[CheckMessage]:
    """Nobody who wants second factors or a directory runs without them. The messages show no secret."""
    problems = []
    if settings.PROXY_SSO and not settings.PROXY_SSO_READY:
        problems.append(
            Error(
                "PROXY_SSO is true, and django-allauth is not installed; script/server installs it.",
                hint=".venv/bin/pip install --require-hashes -r requirements-sso.txt",
                id="proxy.E020",
            )
        )
    needing = {"PROXY_MFA_REQUIRED": settings.PROXY_MFA_REQUIRED, "PROXY_OIDC": settings.PROXY_OIDC_GIVEN}
    if not settings.PROXY_SSO:
        problems += [
            Error(f"{name} is set, PROXY_SSO is not.", hint="Set PROXY_SSO to true.", id="proxy.E021")
            for name, is_set in needing.items()
            if is_set
        ]
    if settings.PROXY_OIDC_WRONG:
        problems.append(
            Error(
                f"PROXY_OIDC can't be used: {settings.PROXY_OIDC_WRONG}.",
                hint='{"id": "...", "name": "...", "client_id": "...", "secret": "...", "issuer": "https://..."}',
                id="proxy.E022",
            )
        )
    return problems


@register()
def encryption_keys(app_configs: Any, **kwargs: Any) -> Sequence[CheckMessage]:
    """Each key of FIELD_ENCRYPTION_KEYS can encrypt. The message counts, it does not show keys."""
    problems = []
    for number, key in enumerate(settings.FIELD_ENCRYPTION_KEYS, start=1):
        try:
            Fernet(key)
        except ValueError:
            problems.append(
                Error(
                    f"Key {number} of FIELD_ENCRYPTION_KEYS is not 32 bytes in URL-safe base64.",
                    hint="Make one with: python -c 'from cryptography.fernet import Fernet; "
                    "print(Fernet.generate_key().decode())'",
                    id="proxy.E003",
                )
            )
    return problems


@register()
def days_kept(app_configs: Any, **kwargs: Any) -> Sequence[CheckMessage]:
    """Nothing is thrown away because of a zero too few."""
    names = {kind: f"PROXY_KEEP_{kind.upper()}_DAYS" for kind in LEAST_DAYS}
    problems: list[CheckMessage] = [
        Error(
            f"{name} is {getattr(settings, name)}, expected days from {LEAST_DAYS[kind]} to {MOST_DAYS}.",
            hint=f"Set {name} in the environment or in .env, or leave it out.",
            id="proxy.E004",
        )
        for kind, name in names.items()
        if not LEAST_DAYS[kind] <= getattr(settings, name) <= MOST_DAYS
    ]
    frames, exchanges = getattr(settings, names["frames"]), getattr(settings, names["exchanges"])
    if exchanges < frames and not problems:
        sentence = f"is {exchanges}, less than {names['frames']}: everything is kept for {frames} days."
        hint = f"Raise {names['exchanges']}, or lower {names['frames']}."
        problems.append(Warning(f"{names['exchanges']} {sentence}", hint=hint, id="proxy.W006"))
    return problems


@register()
def several_processes(app_configs: Any, **kwargs: Any) -> Sequence[CheckMessage]:
    """Redis joins processes, and SQLite serves one."""
    if not (settings.REDIS_URL and settings.DATABASE_URL.startswith("sqlite")):
        return []
    return [
        Warning(
            "REDIS_URL is set, DATABASE_URL is SQLite: only one process may use this database.",
            hint="For several processes set DATABASE_URL to PostgreSQL; for one, leave REDIS_URL out.",
            id="proxy.W001",
        )
    ]


@register(Tags.security)
def secrets_are_private(app_configs: Any, **kwargs: Any) -> Sequence[CheckMessage]:
    """Nobody but the proxy's user may read what it encrypts with."""
    return [
        Warning(
            f"Others can read the secrets in {path} (mode {stat.S_IMODE(path.stat().st_mode):o}).",
            hint=f"chmod 600 {path}",
            id="proxy.W002",
        )
        for path in (settings.PROXY_DATA_DIR / "secrets.env", Path(settings.BASE_DIR) / ".env")
        if path.exists() and path.stat().st_mode & 0o077
    ]


@register(Tags.security)
def hosts(app_configs: Any, **kwargs: Any) -> Sequence[CheckMessage]:
    """Without ALLOWED_HOSTS the admin answers 400 to everybody."""
    if settings.ALLOWED_HOSTS or settings.DEBUG:
        return []
    return [
        Warning(
            "ALLOWED_HOSTS is empty: the admin can't be reached.",
            hint="Set ALLOWED_HOSTS to the names in the admin's address, e.g. proxy.example.org.",
            id="proxy.W003",
        )
    ]


@register(Tags.security)
def password_reset(app_configs: Any, **kwargs: Any) -> Sequence[CheckMessage]:
    """Where anybody can name the host of a request, a link in a mail could lead to theirs."""
    if not settings.PROXY_MAIL or settings.PROXY_PASSWORD_RESET:
        return []
    return [
        Warning(
            'EMAIL_URL is set, and ALLOWED_HOSTS is "*": nobody can set a forgotten password anew.',
            hint="Set ALLOWED_HOSTS to the names in the admin's address, e.g. proxy.example.org.",
            id="proxy.W007",
        )
    ]


@register(Tags.security, deploy=True)
def private_upstreams(app_configs: Any, **kwargs: Any) -> Sequence[CheckMessage]:
    """In a fleet, whoever may edit a backoffice could otherwise reach the operator's own network."""
    if settings.PROXY_EMBEDDED or not settings.PROXY_ALLOW_PRIVATE_UPSTREAMS:
        return []
    return [
        Warning(
            "PROXY_ALLOW_PRIVATE_UPSTREAMS is true: a backoffice's URL may point into your own network.",
            hint="Set it to false unless your backoffices have private addresses.",
            id="proxy.W004",
        )
    ]


@register(Tags.security)
def metrics_token(app_configs: Any, **kwargs: Any) -> Sequence[CheckMessage]:
    """A token can be tried as often as somebody likes. The message does not show it."""
    token = settings.PROXY_METRICS_TOKEN
    if not token or len(token) >= TOKEN_LENGTH:
        return []
    return [
        Warning(
            f"PROXY_METRICS_TOKEN has {len(token)} characters, expected {TOKEN_LENGTH} or more.",
            hint="Make one with: python -c 'import secrets; print(secrets.token_urlsafe(24))'",
            id="proxy.W005",
        )
    ]
