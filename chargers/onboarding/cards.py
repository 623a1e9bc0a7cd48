"""The copy card: all that is typed into a charger, in every form that brands ask for."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from typing import Any, Final

import msgspec
import segno
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext as _

from chargers.credentials import hash_password
from chargers.onboarding.addresses import Address
from chargers.onboarding.brands import BRANDS, Brand

ALPHABET: Final = "ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz23456789"
"""Without 0, O, 1, l and I, which are typed from paper."""

LENGTH: Final = 20
"""Characters: what OCPP 1.6 takes as 40 hexadecimal digits, and the most that many tools have room for."""


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """One thing to copy. ``is_asked``: the brand's tool has a field for it."""

    key: str
    label: str
    value: str
    is_secret: bool = False
    is_asked: bool = False


class CopyCard(msgspec.Struct, frozen=True, kw_only=True):
    """What the card of a charger shows. ``has_secret``: the password is on it, for this once."""

    address: Address
    lines: list[Line]
    brand: Brand | None
    has_secret: bool
    has_password: bool

    @property
    def qr(self) -> SafeString:
        """The whole URL as a drawing."""
        return qr(self.address.url)

    @property
    def security_profile(self) -> str:
        """That of OCPP which this comes to."""
        if not self.has_password:
            return _("0 (no password)")
        return _("2 (TLS and password)") if self.address.is_encrypted else _("1 (password)")


def new_password() -> str:
    """A password that nobody has had: 115 bits of chance."""
    return "".join(secrets.choice(ALPHABET) for _ in range(LENGTH))


def hashes_of(identity: str, password: str) -> list[str]:
    """Hashes of every form in which a charger sends it: the text, its bytes from hex, or the hex itself."""
    return hash_password(identity, as_hex(password), is_hex=True)


def as_hex(password: str) -> str:
    """What is typed where a tool wants the AuthorizationKey of OCPP 1.6."""
    return password.encode().hex()


def card_of(address: Address, *, password: str | None, has_password: bool, brand: str = "") -> CopyCard:
    """The card; ``password`` is None where it is not (any more) known."""
    known = BRANDS.get(brand)
    asked = known.asks if known else ()
    lines = [
        Line(key=key, label=label, value=value, is_secret=key.startswith("password"), is_asked=key in asked)
        for key, label, value in _lines(address, password)
    ]
    lines.sort(key=lambda line: asked.index(line.key) if line.is_asked else len(asked))
    return CopyCard(
        address=address,
        lines=lines,
        brand=known,
        has_secret=password is not None,
        has_password=has_password,
    )


def _lines(address: Address, password: str | None) -> Iterator[tuple[str, str, str]]:
    yield "url", _("Whole URL"), address.url
    yield "base", _("URL without identity"), address.base
    yield "identity", _("Identity"), address.identity
    yield "username", _("User name"), address.identity
    if password is not None:
        yield "password", _("Password"), password
        yield "password_hex", _("Password as hexadecimal"), as_hex(password)
    yield "host", _("Host"), address.host
    yield "port", _("Port"), str(address.port)
    yield "path_base", _("Path without identity"), address.path_base
    yield "path", _("Path"), address.path


def qr(text: str) -> SafeString:
    """A QR code as SVG, black on white in the dark too, for cameras."""
    made: Any = segno.make(text, error="m", micro=False)
    drawn: str = made.svg_inline(dark="#000", light="#fff", border=3, omitsize=True, svgclass="q-code")
    return mark_safe(drawn)
