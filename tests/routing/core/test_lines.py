"""The queues of one route: order, window, deadlines."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

import pytest

from routing.core.decisions import DELIVERY_WINDOW
from routing.core.lines import ASKED_AT_ONCE, BEHIND, NEVER, Item, Kind, Line, Phase
from routing.core.rows import DeliveryRow
from tests.routing.core.harness import BILLING

AT = datetime(2026, 1, 1, tzinfo=UTC)


def item(seq: int, kind: Kind = Kind.DELIVERY, action: str = "MeterValues", asked: bool = False) -> Item:
    return Item(kind, action, "{}", seq=seq, exchange=seq, at=AT, asked=asked)


def line(phase: Phase = Phase.READY) -> Line:
    made = Line(BILLING)
    made.phase = phase
    return made


def taken(one: Line, now: float = 0.0) -> list[int]:
    """What would be sent, one answered after the other."""
    found = []
    while (head := one.next_item(now)) is not None:
        found.append(head.seq)
    return found


@pytest.mark.parametrize("phase", [Phase.DOWN, Phase.REGISTERING])
def test_only_a_boot_may_go_before_acceptance(phase: Phase) -> None:
    one = line(phase)
    one.deliver(item(1))
    one.ask(item(2, Kind.RELAY))
    one.put_status("s", item(3, Kind.STATUS))
    assert taken(one) == []
    one.boot_due = item(4, Kind.BOOT)
    assert taken(one) == ([4] if phase is Phase.REGISTERING else [])


def test_nothing_goes_while_something_is_outstanding() -> None:
    one = line()
    one.deliver(item(1))
    one.outstanding = item(0)
    one.boot_due = item(9, Kind.BOOT)
    assert taken(one) == []


def test_the_order_of_sending() -> None:
    one = line()
    one.deliver(item(3))
    one.put_status("later", item(4, Kind.STATUS))
    one.put_status("earlier", item(2, Kind.STATUS))
    one.ask(item(5, Kind.RELAY))
    one.boot_due = item(6, Kind.BOOT)
    assert taken(one) == [6, 5, 3, 4, 2]


@pytest.mark.parametrize(
    ("deliveries", "status", "expected"),
    [
        ([1], 2, [1, 2]),
        ([2], 1, [1, 2]),
        ([1, 2], 3, [3, 1, 2]),
        ([], 1, [1]),
    ],
)
def test_statuses_overtake_what_has_piled_up(deliveries: list[int], status: int, expected: list[int]) -> None:
    one = line()
    for seq in deliveries:
        one.deliver(item(seq))
    one.put_status("s", item(status, Kind.STATUS))
    assert taken(one) == expected


def test_a_newer_status_replaces_the_older_one() -> None:
    one = line()
    one.put_status("a", item(1, Kind.STATUS))
    one.put_status("b", item(2, Kind.STATUS))
    one.put_status("a", item(3, Kind.STATUS))
    assert taken(one) == [2, 3]


def test_only_statuses_of_connectors_are_forgotten() -> None:
    one = line()
    one.put_status("a", item(1, Kind.STATUS, "StatusNotification"))
    one.put_status("b", item(2, Kind.STATUS, "FirmwareStatusNotification"))
    one.forget_statuses()
    assert taken(one) == [2]


def test_a_repeat_waits_and_holds_back_what_came_after_it() -> None:
    one = line()
    first = item(1)
    one.deliver(item(2))
    first.not_before = 10.0
    one.give_back(first)
    assert taken(one, now=9.9) == []
    assert taken(one, now=10.0) == [1, 2]


def test_beyond_the_window_deliveries_wait_in_the_database() -> None:
    one = line(Phase.DOWN)
    for seq in range(1, DELIVERY_WINDOW + 3):
        one.deliver(item(seq))
    assert len(one.fifo) == DELIVERY_WINDOW
    assert one.more
    assert one.taken_up_to == DELIVERY_WINDOW
    assert not one.needs_load()
    del one.fifo[: DELIVERY_WINDOW * 3 // 4]
    assert one.needs_load()
    assert one.load() == DELIVERY_WINDOW
    assert not one.needs_load()  # one at a time


@pytest.mark.parametrize(
    ("meanwhile", "more", "still"),
    [(None, False, False), (None, True, True), (4, False, True), (4, True, True)],
)
def test_what_was_stored_while_loading_makes_another_load(
    meanwhile: int | None, more: bool, still: bool
) -> None:
    one = line(Phase.DOWN)
    one.load()
    if meanwhile is not None:
        one.deliver(item(meanwhile))
        assert one.fifo == []
    one.loaded([item(1), item(2)], more)
    assert [i.seq for i in one.fifo] == [1, 2]
    assert one.more is still
    assert not one.loading


def test_a_delivery_after_the_last_load_goes_straight_in() -> None:
    one = line(Phase.DOWN)
    one.load()
    one.loaded([], False)
    one.deliver(item(1))
    assert [i.seq for i in one.fifo] == [1]


def test_questions_that_nobody_waits_for_are_withdrawn() -> None:
    one = line(Phase.REGISTERING)
    one.ask(item(1, Kind.RELAY, asked=True))
    one.ask(item(2, Kind.RELAY))
    one.withdraw(1)
    one.withdraw(2)
    assert [i.seq for i in one.urgent] == [2]


def test_only_so_many_questions_wait() -> None:
    one = line(Phase.REGISTERING)
    assert [one.ask(item(n, Kind.RELAY)) for n in range(ASKED_AT_ONCE + 2)] == [True] * ASKED_AT_ONCE + [
        False
    ] * 2


@pytest.mark.parametrize(
    ("wanted", "failed", "phase", "why"),
    [
        (True, False, Phase.READY, ""),
        (True, False, Phase.REGISTERING, ""),
        (True, False, Phase.DOWN, ""),
        (True, True, Phase.DOWN, "the owner is away"),
        (False, False, Phase.DOWN, "the owner is away"),
    ],
)
def test_whether_it_is_worth_waiting(wanted: bool, failed: bool, phase: Phase, why: str) -> None:
    one = line(phase)
    one.wanted, one.failed = wanted, failed
    assert one.why_silent == one.why_not_now(0.0) == why


def test_older_messages_silence_and_a_pending_boot_are_reasons_not_to_wait() -> None:
    one = line()
    one.overdue = True
    assert one.why_silent == ""  # what was overdue is over
    one.outstanding = item(1)
    assert one.why_silent == "the owner does not answer"
    one.outstanding, one.overdue = None, False
    for seq in range(BEHIND + 1):
        one.deliver(item(seq))
    assert one.why_not_now(0.0) == "the owner has older messages waiting"
    one.fifo.clear()
    one.phase, one.retry_boot_at = Phase.REGISTERING, 60.0
    assert one.why_silent == ""
    assert one.why_not_now(0.0) == one.why_not_accepted == "the owner has not accepted the charger"


def test_what_a_backoffice_owes() -> None:
    one, session = line(), UUID(int=1)
    owed = Item(Kind.DELIVERY, "StartTransaction", "{1}", seq=1, exchange=1, at=AT, transaction=session)
    assert not one.owes(session, "{1}")
    one.outstanding = owed
    assert one.owes(session, "{1}")
    assert not one.owes(session, "{2}")
    assert not one.owes(UUID(int=2), "{1}")
    one.outstanding = None
    one.give_back(owed)
    assert one.owes(session, "{1}")


@pytest.mark.parametrize("heartbeats", [True, False])
def test_deadlines(heartbeats: bool) -> None:
    one = line()
    assert one.deadline(heartbeats=heartbeats) == NEVER
    one.heartbeat_interval, one.last_sent = 300.0, 1000.0
    assert one.deadline(heartbeats=heartbeats) == (1300.0 if heartbeats else NEVER)
    waiting = item(1)
    waiting.not_before = 1100.0
    one.give_back(waiting)
    assert one.deadline(heartbeats=heartbeats) == 1100.0
    one.outstanding = item(2)
    one.outstanding.sent_at = 1000.0
    assert one.deadline(heartbeats=heartbeats) == 1030.0
    one.overdue = True
    assert one.deadline(heartbeats=heartbeats) == 1060.0
    one.retry_boot_at = 1040.0
    assert one.deadline(heartbeats=heartbeats) == 1040.0


@pytest.mark.parametrize("last_sent", [0.1, 0.3, 1000.1, 123456.789])
@pytest.mark.parametrize("interval", [0.1, 300.0, 86400.0])
def test_a_heartbeat_is_due_at_its_very_deadline(last_sent: float, interval: float) -> None:
    one = line()
    one.last_sent, one.heartbeat_interval = last_sent, interval
    assert one.heartbeat_is_due(one.deadline(heartbeats=True))


def test_an_item_of_a_stored_delivery_has_all_of_it() -> None:
    row = DeliveryRow(
        charger=1,
        route=2,
        seq=3,
        exchange=4,
        at=AT,
        action="A",
        payload="{}",
        transaction=UUID(int=5),
        attempts=6,
    )
    made = Item.of(row, replayed=True)
    assert (made.kind, made.action, made.payload, made.seq, made.exchange) == (Kind.DELIVERY, "A", "{}", 3, 4)
    assert (made.at, made.transaction, made.attempts, made.replayed, made.asked) == (
        AT,
        UUID(int=5),
        6,
        True,
        False,
    )
