"""Writing what was read, so that reading the same again changes nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

import msgspec
from django.db import connection

from routing.core.told_settings import Setting
from routing.models import ConfigurationKey, FirmwareEvent, Reading
from routing.tables import storable

AT_ONCE = 500
"""Rows in one statement."""

KEY = ("charger_id", "evse_id", "connector_id", "at")
COLUMNS = (*KEY, "transaction_id", *Reading.FIGURES)


class Spot(NamedTuple):
    """A reading's key: there is one of them."""

    charger: int
    evse_id: int
    connector_id: int
    at: datetime


class Found(NamedTuple):
    """What a reading is made of."""

    transaction: UUID | None
    figures: dict[str, float]


Readings = dict[Spot, Found]


def add(readings: Readings, spot: Spot, found: Found) -> None:
    """Put what was found with what was found there before: some chargers say it in several messages."""
    before = readings.get(spot)
    if before is None:
        readings[spot] = found
        return
    readings[spot] = Found(found.transaction or before.transaction, before.figures | found.figures)


def store_readings(readings: Readings) -> None:
    """Insert them; of one that is there already, what it did not have is filled in."""
    rows = [_row(spot, found) for spot, found in sorted(readings.items(), key=lambda item: item[0])]
    with connection.cursor() as cursor:
        for start in range(0, len(rows), AT_ONCE):
            cursor.execute(_upsert(), [msgspec.json.encode(rows[start : start + AT_ONCE]).decode()])


def _row(spot: Spot, found: Found) -> list[Any]:
    transaction = None if found.transaction is None else found.transaction.hex
    at = str(connection.ops.adapt_datetimefield_value(spot.at))
    figures = [found.figures.get(name) for name in Reading.FIGURES]
    return [spot.charger, spot.evse_id, spot.connector_id, at, transaction, *figures]


def _upsert() -> str:
    """SQL, of which the rows are one parameter: thousands of them would have to be written one by one.

    A row that would not change is not written again: most of what overlaps is the same.
    """
    postgres, table = connection.vendor == "postgresql", Reading._meta.db_table
    differs = "IS DISTINCT FROM" if postgres else "IS NOT"
    fills = {name: f"COALESCE(excluded.{name}, {table}.{name})" for name in COLUMNS[len(KEY) :]}
    listed = "json_array_elements(%s::json) AS e(value)" if postgres else "json_each(%s) AS e"
    values = [_column(name, number, postgres=postgres) for number, name in enumerate(COLUMNS)]
    return (
        f"INSERT INTO {table} ({', '.join(COLUMNS)}) SELECT {', '.join(values)} FROM {listed} WHERE true "
        f"ON CONFLICT ({', '.join(KEY)}) DO UPDATE SET {', '.join(f'{n} = {v}' for n, v in fills.items())} "
        f"WHERE {' OR '.join(f'{table}.{name} {differs} {value}' for name, value in fills.items())}"
    )


def _column(name: str, number: int, *, postgres: bool) -> str:
    if not postgres:
        return f"json_extract(e.value, '$[{number}]')"
    return f"(e.value ->> {number})::{Reading._meta.get_field(name).db_type(connection)}"


MOST_SETTINGS = 5_000
"""Of one charger; those of 2.x have some thousands."""

Told = dict[tuple[int, str, str, str], tuple[Setting, datetime]]
"""The newest of each setting, by charger and names, with when it was said."""


def store_settings(told: Told) -> None:
    """Write settings, each unless a newer one is there."""
    if not told:
        return
    chargers = {charger for charger, *_ in told}
    there = {
        (row.charger_id, row.component, row.variable, row.instance): row
        for row in ConfigurationKey.objects.filter(charger__in=chargers)
    }
    new, changed = [], []
    room = Counter(charger for charger, *_ in there)
    for key, (setting, at) in sorted(told.items()):
        row = there.get(key)
        if row is None:
            room[key[0]] += 1
            if room[key[0]] > MOST_SETTINGS:
                continue
            new.append(_settle(_setting_row(key), setting, at))
        elif row.seen_at < at:
            changed.append(_settle(row, setting, at))
    ConfigurationKey.objects.bulk_create(new, AT_ONCE, ignore_conflicts=True)
    ConfigurationKey.objects.bulk_update(changed, ["value", "readonly", "seen_at"], AT_ONCE)


def _setting_row(key: tuple[int, str, str, str]) -> ConfigurationKey:
    charger, component, variable, instance = key
    return ConfigurationKey(charger_id=charger, component=component, variable=variable, instance=instance)


def _settle(row: ConfigurationKey, setting: Setting, at: datetime) -> ConfigurationKey:
    row.value, row.seen_at = storable(setting.value), at
    row.readonly = row.readonly if setting.readonly is None else setting.readonly
    return row


def store_events(events: Sequence[FirmwareEvent]) -> None:
    """Insert those that are not there."""
    FirmwareEvent.objects.bulk_create(events, AT_ONCE, ignore_conflicts=True)


def versions_of(chargers: Iterable[int]) -> dict[int, list[tuple[datetime, str]]]:
    """The firmware that each of these chargers said it has, and when it first did; oldest first."""
    rows = FirmwareEvent.objects.filter(charger__in=set(chargers), kind=FirmwareEvent.Kind.VERSION)
    found: dict[int, list[tuple[datetime, str]]] = {}
    for charger, at, version in rows.order_by("at", "id").values_list("charger", "at", "status"):
        found.setdefault(charger, []).append((at, version))
    return found
