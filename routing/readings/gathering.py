"""From rows of the log to what is stored of them; the database is asked for sessions and versions only."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from routing.core import frames
from routing.core.meter_values import READERS as METERING
from routing.core.meter_values import Measured, measured
from routing.core.told_settings import FIRMWARE, firmware_news, firmware_version, settings
from routing.core.told_settings import READERS as SETTING
from routing.models import FirmwareEvent, Transaction
from routing.readings.storing import Found, Readings, Spot, Told, add, versions_of
from routing.readings.thinning import bucket
from routing.tables import storable

BOOT = "BootNotification"
ASKED_UP = frozenset({*METERING, *FIRMWARE, BOOT, "NotifyReport"})
ASKED_DOWN = frozenset(SETTING) - ASKED_UP
ACTIONS = ASKED_UP | ASKED_DOWN

AHEAD = timedelta(minutes=10)
BEHIND = timedelta(days=90)
"""How far from when a message came its values may have been measured to be believed: a charger that was
offline tells what it has kept; a clock that was lost begins in 1970."""

Asked = Mapping[tuple[int, int], str]
"""Payloads of CALLs of backoffices, by charger and exchange."""


class Logged(NamedTuple):
    """A row of the log, as far as it is read."""

    id: int
    charger_id: int
    at: datetime
    exchange: int
    action: str
    text: str
    answer: str
    transaction_id: UUID | None


@dataclass
class Gathered:
    """What there is to store."""

    readings: Readings = field(default_factory=dict)
    told: Told = field(default_factory=dict)
    events: list[FirmwareEvent] = field(default_factory=list)


def gather(rows: list[Logged], asked: Asked, now: datetime) -> Gathered:
    """What these rows of chargers' sockets say. ``asked``: what backoffices asked where a row has no text."""
    gathered = Gathered()
    places = _places(rows)
    for row in rows:
        if row.action in METERING:
            _meters(gathered.readings, row, places)
        elif row.action in SETTING:
            _settings(gathered.told, row, asked)
        elif news := firmware_news(row.action, payload_of(row.text)):
            gathered.events.append(_event(row, *news))
    gathered.events += _versions([row for row in rows if row.action == BOOT])
    gathered.readings = _thinned(gathered.readings, now)
    return gathered


def payload_of(text: str) -> str:
    """The payload of a frame, "" where there is none."""
    frame = frames.parse(text) if text else None
    return frame.payload if isinstance(frame, frames.Call | frames.CallResult | frames.Send) else ""


# -- meters --------------------------------------------------------------------------------------------


def _places(rows: Iterable[Logged]) -> dict[UUID, tuple[int | None, int | None]]:
    """EVSE and connector of the sessions that rows are of; not all messages of a session name them."""
    keys = {row.transaction_id for row in rows if row.transaction_id and row.action in METERING}
    found = Transaction.objects.filter(pk__in=keys).values_list("pk", "evse_id", "connector_id")
    return {key: (evse, connector) for key, evse, connector in found}


def _meters(readings: Readings, row: Logged, places: Mapping[UUID, tuple[int | None, int | None]]) -> None:
    """What a message says of a meter that neither it nor its session names is left out."""
    session = places.get(row.transaction_id) if row.transaction_id else None
    for one in measured(row.action, payload_of(row.text)):
        evse, connector = _place(one, session or (None, None))
        if evse is not None and connector is not None:
            spot = Spot(row.charger_id, evse, connector, believed(one.at, row.at))
            add(readings, spot, Found(row.transaction_id, one.figures))


def _place(one: Measured, session: tuple[int | None, int | None]) -> tuple[int | None, int | None]:
    evse = session[0] if one.evse_id is None else one.evse_id
    connector = session[1] if one.connector_id is None else one.connector_id
    return evse, connector


def believed(at: datetime | None, came: datetime) -> datetime:
    """When something was measured: as the charger says, if that can be, else when the message came."""
    return at if at is not None and -BEHIND <= at - came <= AHEAD else came


def _thinned(readings: Readings, now: datetime) -> Readings:
    """Without what would be thinned out at once: what was kept offline for days comes late."""
    newest: dict[tuple[object, ...], Spot] = {}
    for spot in sorted(readings, key=lambda spot: spot.at):
        newest[bucket(spot, readings[spot].transaction, now)] = spot
    return {spot: readings[spot] for spot in newest.values()}


# -- settings ------------------------------------------------------------------------------------------


def _settings(told: Told, row: Logged, asked: Asked) -> None:
    question = payload_of(row.text) or asked.get((row.charger_id, row.exchange), "")
    for one in settings(row.action, question, payload_of(row.answer)):
        key = (row.charger_id, storable(one.component), storable(one.variable), storable(one.instance))
        if key not in told or told[key][1] <= row.at:
            told[key] = (one, row.at)


# -- firmware ------------------------------------------------------------------------------------------


def _event(row: Logged, kind: str, status: str, detail: str) -> FirmwareEvent:
    return FirmwareEvent(
        charger_id=row.charger_id,
        at=row.at,
        kind=kind,
        status=storable(status),
        detail=storable(detail)[:255],
    )


def _versions(boots: list[Logged]) -> Iterator[FirmwareEvent]:
    """An event for each boot with another version than the charger had."""
    known = versions_of(row.charger_id for row in boots) if boots else {}
    for row in sorted(boots, key=lambda row: row.at):
        version = firmware_version(payload_of(row.text))
        history = known.setdefault(row.charger_id, [])
        before = next((its for at, its in reversed(history) if at < row.at), "")
        if version and version != before and (row.at, version) not in history:
            history.append((row.at, version))
            history.sort(key=lambda one: one[0])
            detail = f"before: {before}" if before else ""
            yield _event(row, FirmwareEvent.Kind.VERSION, version, detail)
