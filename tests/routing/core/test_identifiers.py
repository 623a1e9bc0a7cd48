"""The table that says whose identifier is what (ocpp-semantics 3, rules 1 to 4)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from routing.core.actions import Kind
from routing.core.identifiers import (
    MOST,
    REMEMBERED_FOR_DELIVERY,
    Identifiers,
    Mapping,
    identifier,
)
from tests.graph import sizes

NOW = datetime(2026, 1, 1, tzinfo=UTC)
BILLING, CONTROL, ENERGY = 1, 2, 3
BAND = 1_000_000


def table() -> Identifiers:
    names = iter(f"name-{n}" for n in range(100))
    return Identifiers(1, lambda: next(names))


def opened(ids: Identifiers, kind: Kind, route: int, route_id: str, *, utc: datetime = NOW) -> Mapping:
    return ids.open(kind, route, route_id, utc, keep=route == BILLING, band=BAND)


@pytest.mark.parametrize(
    ("token", "value"),
    [
        ("17", "17"),
        ('"17"', "17"),
        ("17.0", "17"),
        ("1.7e1", "17"),
        ("-1", "-1"),
        ("17.5", "17"),
        ("true", None),
        ("null", None),
        ('"x"', None),
        ("[17]", None),
        ('{"a":17}', None),
        ("1e400", None),
        ("9" * 40, None),
        ('""', None),
    ],
)
def test_a_number_is_read_leniently(token: str, value: str | None) -> None:
    assert identifier(Kind.RESERVATION, token) == value


@pytest.mark.parametrize(
    ("token", "value"),
    [
        ('"a b"', "a b"),
        ("17", "17"),
        ('"' + "x" * 36 + '"', "x" * 36),
        ('"' + "x" * 37 + '"', None),
        ('""', None),
        ("null", None),
        ('"a\\u0000"', None),
        ('"\\ud800"', None),
        ('"quote\\""', 'quote"'),
    ],
)
def test_a_name_is_short_and_printable(token: str, value: str | None) -> None:
    assert identifier(Kind.DER, token) == value


def test_a_name_with_quotes_is_written_as_json() -> None:
    mapping = opened(table(), Kind.DER, BILLING, 'a"b')
    assert mapping.token() == mapping.route_token() == '"a\\"b"'


@pytest.mark.parametrize("kind", [Kind.RESERVATION, Kind.DISPLAY_MESSAGE, Kind.PROFILE, Kind.REMOTE_START])
def test_billings_ids_pass_and_those_of_others_get_numbers_of_the_band(kind: Kind) -> None:
    ids = table()
    assert opened(ids, kind, BILLING, "1").charger_id == "1"
    assert opened(ids, kind, CONTROL, "1").charger_id == "1000000"
    assert opened(ids, kind, ENERGY, "1").charger_id == "1000001"


def test_what_somebody_else_holds_billing_is_not_given() -> None:
    ids = table()
    held = opened(ids, Kind.RESERVATION, CONTROL, "1")
    assert opened(ids, Kind.RESERVATION, BILLING, held.charger_id).charger_id == "1000001"


@pytest.mark.parametrize(("hours", "charger_id"), [(23, "1000001"), (25, "1000000")])
def test_what_somebody_else_held_is_free_after_a_day(hours: int, charger_id: str) -> None:
    ids = table()
    held = opened(ids, Kind.DISPLAY_MESSAGE, CONTROL, "1")
    held.closed = NOW
    utc = NOW + timedelta(hours=hours)
    assert opened(ids, Kind.DISPLAY_MESSAGE, BILLING, "1000000", utc=utc).charger_id == charger_id


@pytest.mark.parametrize("route_id", ["-5", "2147483648", "99999999999999"])
def test_a_number_that_fits_no_charger_is_mapped_for_billing_too(route_id: str) -> None:
    assert opened(table(), Kind.RESERVATION, BILLING, route_id).charger_id == "1000000"


def test_the_same_thing_keeps_its_id() -> None:
    ids = table()
    assert opened(ids, Kind.PROFILE, CONTROL, "7") is opened(ids, Kind.PROFILE, CONTROL, "7")


def test_names_become_new_names_but_for_billing() -> None:
    ids = table()
    assert opened(ids, Kind.DER, BILLING, "a").charger_id == "a"
    assert opened(ids, Kind.DER, CONTROL, "a").charger_id == "name-0"


def test_each_request_gets_a_number_of_its_own_from_one_on() -> None:
    ids = table()
    numbers = [opened(ids, Kind.REQUEST, r, "1").charger_id for r in (BILLING, CONTROL, BILLING)]
    assert numbers == ["1", "2", "3"]
    assert ids.of(Kind.REQUEST, BILLING, "1") is not None  # the first is still its own


def test_a_closed_mapping_routes_late_reports_for_a_day() -> None:
    ids = table()
    first = opened(ids, Kind.REQUEST, CONTROL, "5")
    first.closed = NOW
    assert ids.named(Kind.REQUEST, CONTROL, "5") is None
    assert ids.of(Kind.REQUEST, CONTROL, "1") is first
    opened(ids, Kind.REQUEST, BILLING, "9", utc=NOW + timedelta(hours=25))
    assert ids.of(Kind.REQUEST, CONTROL, "1") is None


@pytest.mark.parametrize("kind", [Kind.RESERVATION, Kind.REMOTE_START])
def test_what_stands_in_sessions_is_remembered_as_long_as_deliveries_wait(kind: Kind) -> None:
    ids = table()
    first = opened(ids, kind, CONTROL, "5")
    first.closed = NOW
    opened(ids, kind, BILLING, "9", utc=NOW + timedelta(days=29))
    assert ids.of(kind, CONTROL, first.charger_id) is first


def test_a_route_means_what_it_has_open_else_what_it_had_last() -> None:
    ids = table()
    old = opened(ids, Kind.RESERVATION, CONTROL, "5")
    old.closed = NOW
    assert ids.meant(Kind.RESERVATION, CONTROL, "5") is old
    new = opened(ids, Kind.RESERVATION, CONTROL, "5")
    assert new is not old
    assert new.charger_id == old.charger_id  # should the charger still have it, it is replaced
    assert ids.meant(Kind.RESERVATION, CONTROL, "5") is new
    assert ids.meant(Kind.RESERVATION, ENERGY, "5") is None


def test_a_closed_id_that_somebody_else_has_now_is_not_meant() -> None:
    ids = table()
    old = ids.assign(Kind.MONITOR, "7", CONTROL, "1", NOW)
    old.closed = NOW
    ids.assign(Kind.MONITOR, "7", ENERGY, "3", NOW)
    assert ids.meant(Kind.MONITOR, CONTROL, "1") is None


def test_an_id_that_the_charger_gives_again_forgets_its_old_name() -> None:
    ids = table()
    ids.assign(Kind.MONITOR, "7", CONTROL, "1", NOW)
    new = ids.assign(Kind.MONITOR, "7", CONTROL, "2", NOW)
    assert ids.named(Kind.MONITOR, CONTROL, "1") is None
    assert ids.own(Kind.MONITOR, CONTROL) == [new]


def test_what_is_shared_has_all_its_holders() -> None:
    ids = table()
    for route in (BILLING, CONTROL):
        ids.assign(Kind.MONITOR, "7", route, "7", NOW)
    assert [m.route for m in ids.holders(Kind.MONITOR, "7")] == [BILLING, CONTROL]


def test_a_restart_changes_nothing() -> None:
    ids = table()
    mappings = [
        opened(ids, Kind.REQUEST, BILLING, "1"),
        opened(ids, Kind.REQUEST, CONTROL, "1"),
        opened(ids, Kind.RESERVATION, CONTROL, "4"),
    ]
    mappings[0].closed = NOW
    again = table()
    again.restore([ids.row(m) for m in mappings])
    assert again.named(Kind.REQUEST, BILLING, "1") is None
    assert [m.route for m in again.holders(Kind.REQUEST, "1")] == [BILLING]
    assert opened(again, Kind.REQUEST, ENERGY, "1").charger_id == "3"
    assert opened(again, Kind.RESERVATION, CONTROL, "4").charger_id == "1000000"


def test_what_the_charger_never_knew_is_forgotten() -> None:
    ids = table()
    ids.forget(opened(ids, Kind.REQUEST, CONTROL, "1"))
    ids.forget(opened(ids, Kind.RESERVATION, CONTROL, "1"))
    assert opened(ids, Kind.REQUEST, BILLING, "9").charger_id == "1"
    assert opened(ids, Kind.RESERVATION, ENERGY, "9").charger_id == "1000000"
    assert ids.meant(Kind.RESERVATION, CONTROL, "1") is None


def test_nobody_fills_the_memory() -> None:
    ids = table()
    kept = opened(ids, Kind.RESERVATION, CONTROL, "0")
    for number in range(1, 3000):
        opened(ids, Kind.RESERVATION, CONTROL, str(number)).closed = NOW
        opened(ids, Kind.REQUEST, CONTROL, str(number))
    assert ids.named(Kind.RESERVATION, CONTROL, "0") is kept
    assert len([n for n in range(3000) if ids.meant(Kind.RESERVATION, CONTROL, str(n))]) == MOST
    assert len(ids.own(Kind.REQUEST, CONTROL)) == MOST


def test_a_thing_that_is_set_again_and_again_is_one_thing() -> None:
    ids = table()
    ids.assign(Kind.MONITOR, "7", CONTROL, "7", NOW)
    once = sizes(ids)
    for _ in range(2 * MOST):
        ids.assign(Kind.MONITOR, "7", CONTROL, "7", NOW)
    assert sizes(ids) == once


def test_nobody_fills_the_memory_with_things_that_are_never_over() -> None:
    ids = table()
    first = opened(ids, Kind.RESERVATION, BILLING, "0")
    for number in range(1, MOST + 5):
        opened(ids, Kind.RESERVATION, BILLING, str(number))
    assert len(ids.own(Kind.RESERVATION, BILLING)) == MOST
    given_up = ids.take_given_up()
    assert first in given_up
    assert len(given_up) == 5
    assert {mapping.closed for mapping in given_up} == {NOW}
    assert ids.take_given_up() == []


@pytest.mark.parametrize("kind", [Kind.RESERVATION, Kind.REMOTE_START, Kind.REQUEST], ids=str)
def test_what_nobody_hears_of_any_more_is_over_in_the_end(kind: Kind) -> None:
    ids = table()
    old = opened(ids, kind, CONTROL, "7")
    profile = opened(ids, Kind.PROFILE, CONTROL, "7")
    opened(ids, Kind.PROFILE, CONTROL, "8", utc=NOW + REMEMBERED_FOR_DELIVERY - timedelta(hours=1))
    assert old.is_open
    opened(ids, Kind.PROFILE, CONTROL, "9", utc=NOW + REMEMBERED_FOR_DELIVERY)
    assert ids.take_given_up() == [old]
    assert not old.is_open
    assert profile.is_open
    assert ids.meant(kind, CONTROL, "7") is old  # what comes of it still is still the asker's


def test_what_was_given_up_and_is_there_again_is_not_stored_as_over() -> None:
    ids = table()
    ids.assign(Kind.MONITOR, "1", CONTROL, "1", NOW)
    for number in range(2, MOST + 2):
        ids.assign(Kind.MONITOR, str(number), CONTROL, str(number), NOW)
    ids.assign(Kind.MONITOR, "1", CONTROL, "1", NOW)
    assert [mapping.charger_id for mapping in ids.take_given_up()] == ["2"]


def test_a_request_that_goes_on_is_not_forgotten_for_those_that_are_over() -> None:
    ids = table()
    update = opened(ids, Kind.REQUEST, CONTROL, "7")
    for number in range(2 * MOST):
        opened(ids, Kind.REQUEST, CONTROL, str(number)).closed = NOW
    assert ids.of(Kind.REQUEST, CONTROL, update.charger_id) is update
