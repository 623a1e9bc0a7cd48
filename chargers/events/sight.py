"""Which chargers a viewer asks about and which they may see: one rule for the socket and the poll."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import parse_qs

from django.utils import translation

from accounts.keys import key_in
from chargers.cells import rendered
from chargers.models import Charger

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser

    from accounts.models import User

MOST = 200
"""Chargers on one page, at most."""


def asked(query: str) -> list[int] | None:
    """The chargers that ``ids=1,2,3`` names; None where that is no such list."""
    texts = parse_qs(query).get("ids", [""])[0].split(",")
    keys = [key for text in texts[: MOST + 1] if (key := key_in(text)) is not None]
    return keys if len(keys) == len(texts) <= MOST else None


def may_look(user: User | AnonymousUser) -> bool:
    """Whether the user opens the list of chargers in the admin."""
    if not (user.is_authenticated and user.is_active and user.has_access):
        return False
    return any(user.has_perm(f"chargers.{verb}_charger") for verb in ("view", "change"))


def visible(user: User | AnonymousUser, keys: list[int]) -> frozenset[int] | None:
    """Those that the user may see; None for who may not look at all."""
    if not may_look(user):
        return None
    return frozenset(Charger.objects.visible_to(user).filter(pk__in=keys).values_list("pk", flat=True))


def told(keys: list[int], language: str = "") -> list[dict[str, object]]:
    """How these are, in the language of who looks ("": that of the request)."""
    if not (language and translation.check_for_language(language)):
        return rendered(keys)
    with translation.override(language):
        return rendered(keys)


def language_of(query: str) -> str:
    """The ``lang=`` of a page."""
    return parse_qs(query).get("lang", [""])[0][:15]
