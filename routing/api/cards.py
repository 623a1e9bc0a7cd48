"""Who sees cards in full, as a column of what the API lists."""

from __future__ import annotations

from typing import Any

from django.apps import apps
from django.db.models import Exists, OuterRef

from accounts.api.permissions import has_scope

Charger: Any = apps.get_model("chargers", "Charger")


def cards_of(user: Any, charger: str) -> Exists:
    """Whether the person may see the cards of the charger that this column names."""
    return Exists(Charger.objects.with_cards_for(user).filter(pk=OuterRef(charger)))


def sees_cards(request: Any, row: Any) -> bool:
    """Whether a row is told with its cards: the person may (its ``sees_cards``), and so may the token."""
    return bool(getattr(row, "sees_cards", False)) and has_scope(request, "messages:sensitive")
