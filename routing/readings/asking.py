"""Questions about readings of one charger: each a few queries by index, however much there is."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from typing import NamedTuple
from uuid import UUID

from django.db.models import QuerySet

from routing.core.masking import masked
from routing.core.payloads import moment
from routing.models import ConfigurationKey, FirmwareEvent, Reading, Transaction
from routing.readings.charting import Series, is_possible, series

__all__ = ["Place", "RunningSession", "Series", "configuration", "firmware", "latest", "of_session"]
__all__ += ["running", "series"]

TOGETHER = timedelta(minutes=2)
"""Some chargers send power and energy apart: what is not older than this is told as one reading."""

TOGETHER_ROWS = 8


MOST_PLACES = 32
"""Connectors of one charger that are told of: its own messages say how many there are."""


class Place(NamedTuple):
    """What is measured: 1.6 ``(0, connector)``, 2.x ``(evse, 0)``."""

    evse_id: int
    connector_id: int


@dataclass(frozen=True)
class RunningSession:
    """A session of charging that has not ended.

    ``transaction_id``: primary key of the Transaction. ``energy_wh``: charged so far, ``power_w`` and
    ``soc_percent`` as last read (``at``); None before anything was. ``card``: its last characters, or "".
    """

    transaction_id: UUID
    evse_id: int
    connector_id: int
    started: datetime
    energy_wh: float | None
    power_w: float | None
    soc_percent: float | None
    card: str
    at: datetime | None


def latest(charger_id: int) -> list[Reading]:
    """The newest reading of each connector (1.6) or EVSE (2.x), by their numbers.

    What it does not say is filled in from those shortly before. Two queries per connector.
    """
    rows = Reading.objects.filter(charger=charger_id)
    found = (
        rows.filter(evse_id=place.evse_id, connector_id=place.connector_id)
        for place in islice(_places(rows), MOST_PLACES)
    )
    return [reading for one in found if (reading := _newest(one))]


def running(charger_id: int) -> list[RunningSession]:
    """Sessions that have not ended, the newest first. Two queries per session.

    There are no more than places: what a charger has never ended does not make its pages slow.
    """
    rows = Transaction.objects.filter(charger=charger_id, closed=None).order_by("-created")
    return [_session(row) for row in rows[:MOST_PLACES]]


def of_session(transaction_id: UUID) -> QuerySet[Reading]:
    """The readings of one session (primary key of its Transaction), oldest first."""
    return Reading.objects.filter(transaction_id=transaction_id).order_by("at", "id")


def configuration(charger_id: int) -> list[ConfigurationKey]:
    """The settings of a charger as last seen, by component and name. No secrets are among them."""
    return list(ConfigurationKey.objects.filter(charger=charger_id))


def firmware(charger_id: int, most: int = 50) -> list[FirmwareEvent]:
    """What a charger said of its firmware, diagnostics and logs, the newest first."""
    return list(FirmwareEvent.objects.filter(charger=charger_id)[:most])


def _places(rows: QuerySet[Reading]) -> Iterator[Place]:
    """Each place that has readings, found by hopping through the index."""
    columns = rows.order_by("evse_id", "connector_id").values_list("evse_id", "connector_id")
    found = columns.first()
    while found is not None:
        place = Place(*found)
        yield place
        found = columns.filter(evse_id=place.evse_id, connector_id__gt=place.connector_id).first()
        found = found or columns.filter(evse_id__gt=place.evse_id).first()


def _newest(rows: QuerySet[Reading]) -> Reading | None:
    found = list(rows.order_by("-at")[:TOGETHER_ROWS])
    for row in found[1:]:
        if found[0].at - row.at <= TOGETHER:
            _fill(found[0], row)
    return found[0] if found else None


def _fill(reading: Reading, older: Reading) -> None:
    for name in Reading.FIGURES:
        if getattr(reading, name) is None:
            setattr(reading, name, getattr(older, name))


def _session(row: Transaction) -> RunningSession:
    readings = Reading.objects.filter(transaction_id=row.pk)
    newest = _newest(readings)
    return RunningSession(
        transaction_id=row.pk,
        evse_id=row.evse_id or 0,
        connector_id=row.connector_id or 0,
        started=moment(row.started_at) or row.created,
        energy_wh=_charged(row, readings, newest),
        power_w=newest.power_w if newest else None,
        soc_percent=newest.soc_percent if newest else None,
        card=masked(row.id_tag) if row.id_tag else "",
        at=newest.at if newest else None,
    )


def _charged(row: Transaction, readings: QuerySet[Reading], newest: Reading | None) -> float | None:
    """Wh since the session began, None where nothing says so, or what is said can't be.

    Some chargers begin sessions with 0, and go on with the register.
    """
    if newest is None or newest.energy_wh is None:
        return None
    start: float | None = row.meter_start
    if start is None:
        of_energy = readings.exclude(energy_wh=None).order_by("at")
        start = of_energy.values_list("energy_wh", flat=True).first() or 0.0
    charged = newest.energy_wh - start
    return charged if is_possible(charged, newest.at - (moment(row.started_at) or row.created)) else None
