"""What the tools of some makers ask for, as data: which lines of the copy card, under which words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from django.utils.translation import gettext_lazy as _


class Brand(NamedTuple):
    """``asks``: keys of the card's lines, which come first. ``hint``: what to mind."""

    name: str
    asks: tuple[str, ...]
    hint: Any


BRANDS: Mapping[str, Brand] = {
    "alfen": Brand(
        "Alfen",
        ("host", "port", "path_base", "identity", "password"),
        _("It asks for host, port and path in separate fields."),
    ),
    "zaptec": Brand(
        "Zaptec",
        ("base", "password"),
        _("It asks for a template of the URL, into which it puts each charger's identity at the end."),
    ),
    "go-e": Brand("go-e", ("url",), _("It asks for one URL, with the identity in it.")),
    "cfos": Brand(
        "cFos", ("base", "password", "identity"), _("It asks for the URL, the password and a client id.")
    ),
    "easee": Brand(
        "Easee",
        ("base", "identity", "password"),
        _(
            "It asks for the URL, the certificate of the authority (CA) that signed ours, the identity and "
            "the password."
        ),
    ),
}
"""By the value of the form's field."""


def choices() -> list[tuple[str, Any]]:
    """For a form: every brand, and the one that is not here."""
    return [("", _("Another one")), *((key, brand.name) for key, brand in BRANDS.items())]
