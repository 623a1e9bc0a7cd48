"""What something was when it was last looked at: an event is made of a change, not of a state."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from routing.models import EventMark


class Now(NamedTuple):
    """The state of something. ``charger``, ``backoffice``: what it goes with."""

    value: str
    charger: int | None = None
    backoffice: int | None = None


def before(subjects: Iterable[str]) -> dict[str, str]:
    """What these were; those are missing that were never looked at."""
    names = list(subjects)
    return dict(EventMark.objects.filter(pk__in=names).values_list("pk", "value")) if names else {}


def keep(states: Mapping[str, Now]) -> None:
    """Remember what these are now."""
    rows = [
        EventMark(pk=subject, value=now.value, charger_id=now.charger, backoffice_id=now.backoffice)
        for subject, now in states.items()
    ]
    EventMark.objects.bulk_create(
        rows, update_conflicts=True, unique_fields=["subject"], update_fields=["value"], batch_size=500
    )
