"""Which session a message of the charger belongs to: ocpp-semantics 3.1."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from routing.core.payloads import INT32_MAX, EventHead, MeterHead, StartHead, StopHead, read
from routing.core.rows import RouteTransactionRow, TransactionRow
from routing.core.transactions import (
    PROXY_BAND,
    RouteTransaction,
    Transaction,
    Transactions,
    event_mark,
    same_family,
)

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


def transactions(last_proxy_id: int = 0) -> Transactions:
    keys = (UUID(int=n) for n in itertools.count(1))
    return Transactions(1, lambda: next(keys), last_proxy_id)


def begin(
    all_: Transactions,
    connector: int = 1,
    number: str | None = None,
    meter: int = 0,
    at: str = "2026-01-01T10:00:00Z",
) -> Transaction:
    payload = f'{{"connectorId":{connector},"idTag":"C","meterStart":{meter},"timestamp":"{at}"}}'
    transaction = all_.start(read(payload, StartHead), payload, 1, NOON)
    transaction.change(charger_transaction_id=number)
    return transaction


def close(
    transaction: Transaction, meter: int = 100, at: str = "2026-01-01T11:00:00Z", ago: int = 0
) -> Transaction:
    transaction.change(closed=NOON - timedelta(hours=ago), meter_stop=meter, stopped_at=at)
    return transaction


def stop_head(number: object, meter: int = 100, at: str = "2026-01-01T11:00:00Z") -> StopHead:
    return read(f'{{"transactionId":{number},"meterStop":{meter},"timestamp":"{at}"}}', StopHead)


@pytest.mark.parametrize(
    ("payload", "same"),
    [
        ('{"connectorId":1,"idTag":"C","meterStart":0,"timestamp":"2026-01-01T10:00:00Z"}', True),
        ('{"timestamp":"2026-01-01T10:00:00Z","meterStart":"0","idTag":"C","connectorId":1.0}', True),
        ('{"connectorId":2,"idTag":"C","meterStart":0,"timestamp":"2026-01-01T10:00:00Z"}', False),
        ('{"connectorId":1,"idTag":"D","meterStart":0,"timestamp":"2026-01-01T10:00:00Z"}', False),
        ('{"connectorId":1,"idTag":"C","meterStart":1,"timestamp":"2026-01-01T10:00:00Z"}', False),
        ('{"connectorId":1,"idTag":"C","meterStart":0,"timestamp":"2026-01-01T10:00:01Z"}', False),
        ("{}", False),
    ],
)
def test_what_repeats_a_start(payload: str, same: bool) -> None:
    all_ = transactions()
    known = begin(all_)
    assert (all_.started_before(read(payload, StartHead), NOON) is known) is same


def test_a_start_with_an_endless_timestamp_is_recognised_too() -> None:
    all_ = transactions()
    head = read(f'{{"connectorId":1,"idTag":"C","meterStart":0,"timestamp":"{"9" * 200}"}}', StartHead)
    known = all_.start(head, "{}", 1, NOON)
    assert len(known.row.started_at) == 64
    assert all_.started_before(head, NOON) is known


@pytest.mark.parametrize(
    ("wished", "given"),
    [
        (17, "17"),
        (1, "1"),
        (INT32_MAX, str(INT32_MAX)),
        (0, str(PROXY_BAND)),
        (-1, str(PROXY_BAND)),
        (INT32_MAX + 1, str(PROXY_BAND)),
        (2**63 - 1, str(PROXY_BAND)),
        (None, str(PROXY_BAND)),
        (55, str(PROXY_BAND)),
        (66, str(PROXY_BAND)),
    ],
)
def test_the_number_for_the_charger(wished: int | None, given: str) -> None:
    all_ = transactions()
    begin(all_, 1, "55")
    close(begin(all_, 2, "66"))
    assert all_.number_for_charger(wished) == given


def test_the_proxys_numbers_skip_what_is_in_use_and_begin_anew_at_the_end() -> None:
    all_ = transactions(INT32_MAX - 1)
    assert all_.number_for_charger(None) == str(INT32_MAX)
    begin(all_, 1, str(PROXY_BAND))
    assert all_.number_for_charger(None) == str(PROXY_BAND + 1)


@pytest.mark.parametrize(
    ("number", "connector", "expected"),
    [
        (55, 1, "55"),
        (55, 2, "55"),
        (66, 2, "66"),
        (77, 1, "55"),
        (77, 9, "77"),
        (-1, 2, "66"),
        (None, 2, "66"),
        (None, 9, None),
        (None, None, None),
        (12345, 1, "55"),
        (12345, 9, None),
    ],
)
def test_the_session_of_meter_values(number: int | None, connector: int | None, expected: str | None) -> None:
    """Open: 55 on connector 1, 66 on connector 2; closed: 77 on connector 1."""
    all_ = transactions()
    close(begin(all_, 1, "77", at="a"))
    begin(all_, 1, "55", at="b")
    begin(all_, 2, "66", at="c")
    found = all_.of_meter_values(number, connector)
    assert (found.row.charger_transaction_id if found else None) == expected


def test_a_number_used_again_means_the_open_session() -> None:
    all_ = transactions()
    old = close(begin(all_, 1, "55", at="a"))
    new = begin(all_, 1, "55", at="b")
    newer = close(begin(all_, 1, "55", at="c"))
    assert all_.of_meter_values(55, 1) is new
    close(new)
    assert all_.of_meter_values(55, 1) is newer
    assert old is not newer


@pytest.mark.parametrize("number", ["55", "-1", "0", "9223372036854775807", "4711", '"x"', "null"])
def test_a_stop_ends_the_only_session(number: str) -> None:
    all_ = transactions()
    running = begin(all_, 1, "55")
    assert all_.of_stop(stop_head(number)) is running


@pytest.mark.parametrize(
    ("number", "meter", "at", "expected"),
    [
        ("55", 0, "1999-01-01T00:00:00Z", "55"),
        ("-1", 50, "2026-01-01T10:30:00Z", "55"),
        ("-1", 5000, "2026-01-01T10:30:00Z", None),
        ("-1", 5, "2026-01-01T10:30:00Z", None),
        ("-1", 5000, "2026-01-01T09:30:00Z", None),
    ],
)
def test_a_stop_with_two_sessions_running(number: str, meter: int, at: str, expected: str | None) -> None:
    all_ = transactions()
    begin(all_, 1, "55", meter=10)
    begin(all_, 2, "66", meter=1000, at="2026-01-01T10:10:00Z")
    found = all_.of_stop(stop_head(number, meter, at))
    assert (found.row.charger_transaction_id if found else None) == expected


@pytest.mark.parametrize("number", ["77", "-1", "4711"])
def test_the_same_stop_again_means_the_session_it_has_ended(number: str) -> None:
    all_ = transactions()
    ended = close(begin(all_, 1, "77"))
    begin(all_, 1, "55", at="2026-01-01T11:30:00Z")
    assert all_.of_stop(stop_head(number)) is ended


@pytest.mark.parametrize(
    ("at", "expected"), [("2026-01-01T11:05:00Z", "77"), ("2026-01-01T11:45:00Z", "55"), ("garbage", "55")]
)
def test_a_stop_with_the_number_of_an_ended_session(at: str, expected: str) -> None:
    """A late repeat is the ended one's; a charger that never forgets its first number means the running."""
    all_ = transactions()
    close(begin(all_, 1, "77"))
    begin(all_, 1, "55", meter=100, at="2026-01-01T11:30:00Z")
    found = all_.of_stop(stop_head(77, 150, at))
    assert found is not None
    assert found.row.charger_transaction_id == expected


def test_a_stop_of_nothing() -> None:
    assert transactions().of_stop(stop_head(55)) is None


def test_sessions_are_remembered_for_a_day() -> None:
    all_ = transactions()
    old = close(begin(all_, 1, "1", at="a"), ago=25)
    young = close(begin(all_, 1, "2", at="b"), ago=23)
    all_.forget_old(NOON, owed={old.id})
    assert all_.get(old.id) is old
    all_.forget_old(NOON)
    assert all_.get(old.id) is None
    assert all_.get(young.id) is young
    assert all_.get(None) is None


def test_a_session_that_is_owed_to_a_backoffice_comes_back_as_an_old_one() -> None:
    all_ = transactions()
    old = close(begin(all_, 1, "1", at="a"), ago=25)
    old.routes[2] = RouteTransaction("known", "77")
    rows = [old.row], [old.route_row(2)]
    all_.forget_old(NOON)
    young = close(begin(all_, 1, "1", at="b"), ago=1)
    all_.restore_old(*rows)
    again = all_.get(old.id)
    assert again is not None
    assert again.routes[2].id == "77"
    assert all_.of_meter_values(1, None) is young  # the newest with this number
    all_.restore_old([young.row], [])
    assert all_.get(young.id) is young


def test_by_a_routes_own_number() -> None:
    all_ = transactions()
    first, second = begin(all_, 1, "1", at="a"), begin(all_, 2, "2", at="b")
    first.routes[7] = RouteTransaction("known", "900")
    second.routes[7] = RouteTransaction("known", "900")
    second.routes[8] = RouteTransaction("pending")
    assert all_.named_by_route(7, "900") is second
    close(second)
    assert all_.named_by_route(7, "900") is first
    assert all_.named_by_route(8, "900") is None
    assert all_.named_by_route(7, "1") is None


def test_restored_from_rows() -> None:
    started = '{"eventType":"Started","seqNo":0,"transactionInfo":{"transactionId":"T"}}'
    row = TransactionRow(
        id=UUID(int=9), charger=1, ocpp_version="2.0.1", evse_id=1, connector_id=1, id_tag="C",
        charger_transaction_id="T", owner=1, started_at="t", meter_start=None, start_payload=started,
        last_payload='{"eventType":"Updated","seqNo":"4"}', created=NOON,
    )  # fmt: skip
    known = RouteTransactionRow(
        charger=1, transaction=row.id, route=2, route_transaction_id="T", state="known"
    )
    stray = RouteTransactionRow(
        charger=1, transaction=UUID(int=8), route=2, route_transaction_id="X", state="known"
    )
    all_ = transactions()
    all_.restore([row], [known, stray])
    restored = all_.event("2.1", "T")
    assert restored is not None
    assert restored.row == row
    assert restored.route_row(2) == known
    assert restored.seen == {(0, "Started", ""), (4, "Updated", "")}
    assert all_.event("1.6", "T") is None
    assert all_.open("2.1") == [restored]
    assert all_.open("1.6") == []
    assert all_.of_stop(stop_head(-1)) is None


@pytest.mark.parametrize(
    ("payload", "mark"),
    [
        ('{"seqNo":1,"eventType":"Started","timestamp":"T"}', (1, "Started", "T")),
        ('{"seqNo":"1","eventType":"Started"}', (1, "Started", "")),
        ("{}", (None, "", "")),
        ("null", (None, "", "")),
    ],
)
def test_the_mark_of_an_event(payload: str, mark: tuple[int | None, str, str]) -> None:
    assert event_mark(read(payload, EventHead)) == mark


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [("1.6", "1.6", True), ("1.6", "2.1", False), ("2.0.1", "2.1", True), ("2.1", "1.6", False)],
)
def test_families_of_versions(one: str, other: str, same: bool) -> None:
    assert same_family(one, other) is same


def test_meter_values_read_their_head_only() -> None:
    head = read('{"meterValue":[{"x":1}],"transactionId":5,"connectorId":2}', MeterHead)
    assert (bytes(head.transactionId), bytes(head.connectorId)) == (b"5", b"2")  # type: ignore[arg-type]  # they are there
