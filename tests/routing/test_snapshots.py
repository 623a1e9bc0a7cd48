"""The figures of a minute: what they say, that they add up, and that they end."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.db.models import Sum
from django.test.utils import CaptureQueriesContext

from accounts.models import Organisation
from backoffices.models import Backoffice
from chargers.models import Charger
from routing import snapshots
from routing.core.tally import Tally
from routing.models import Alarm, ChargerSession, Delivery, RefusedCharge, Route, RouteState, Snapshot
from routing.models.traffic import number_at

NOW = datetime(2030, 1, 2, 3, 4, 45, tzinfo=UTC)
MINUTE = NOW.replace(second=0)


@pytest.fixture(autouse=True)
def _database(database: Any) -> None:
    """All of it on both databases: what adds up is SQL of our own."""


def charger(identity: str, organisation: Any = None, *, online: bool = True, **route: Any) -> Any:
    made = Charger.objects.create(identity=identity, organisation=organisation)
    ChargerSession.objects.create(charger=made, online=online, connected_at=NOW)
    office, _ = Backoffice.objects.get_or_create(name="Billing", defaults={"url": "ws://x/"})
    joined = Route.objects.create(charger=made, backoffice=office, role="control")
    if route:
        RouteState.objects.create(route=joined, since=NOW, **route)
    return made


def tally(up: int = 0, down: int = 0, blocked: int = 0, refused: Any = ()) -> Tally:
    made = Tally()
    made.up, made.down, made.blocked, made.refused = up, down, blocked, list(refused)
    return made


def test_it_tells_how_all_is_by_organisation() -> None:
    ours = Organisation.objects.create(name="Ours")
    charger("A", ours, state="connected", round_trip_ms=40, waiting=2, oldest=NOW)
    charger("B", ours, state="waiting", last_error="refused with 401", waiting=5, oldest=MINUTE)
    charger("C", ours, online=False)
    Charger.objects.create(identity="new", organisation=ours)
    Charger.objects.create(identity="off", organisation=ours, enabled=False)
    nobodys = charger("D", state="connected", round_trip_ms=10)
    Alarm.objects.create(charger=nobodys, kind="x", text="x", raised=NOW)
    route = nobodys.routes.get()
    Delivery.objects.create(
        charger=nobodys, route=route, seq=1, exchange=1, at=NOW, action="x", payload="{}", dead=True
    )
    assert snapshots.take(NOW) == 2
    mine, other = Snapshot.objects.get(organisation=ours), Snapshot.objects.get(organisation=None)
    assert (mine.minute, mine.taken_at) == (MINUTE, NOW)
    assert (mine.chargers, mine.online, mine.never) == (4, 2, 1)
    assert (mine.links, mine.links_up, mine.waiting, mine.oldest) == (2, 1, 7, MINUTE)
    assert mine.backoffices is not None
    office = mine.backoffices[str(route.backoffice_id)]
    assert (office["up"], office["links"], office["median_ms"]) == (1, 2, 40)
    assert (office["failing"], office["error"]) == (1, "refused with 401")
    assert (other.chargers, other.alarms, other.dead, other.links_up) == (1, 1, 1, 1)


def test_a_link_of_a_process_that_died_is_not_up() -> None:
    made = charger("A", state="connected")
    ChargerSession.objects.filter(charger=made).update(runtime="gone")
    assert snapshots.gauges()[None].links_up == 0


def test_several_processes_write_one_row_a_minute() -> None:
    charger("A")
    snapshots.take(NOW)
    snapshots.take(NOW + timedelta(seconds=5))
    assert Snapshot.objects.get().taken_at == NOW + timedelta(seconds=5)
    snapshots.take(NOW + timedelta(minutes=1))
    assert Snapshot.objects.count() == 2


def test_what_several_processes_count_adds_up() -> None:
    ours = Organisation.objects.create(name="Ours")
    one, two, nobodys = charger("A", ours), charger("B", ours), charger("C")
    snapshots.add_counts({one.pk: tally(3, 1, 1), nobodys.pk: tally(10)}, NOW)
    snapshots.take(NOW)
    snapshots.add_counts({one.pk: tally(2), two.pk: tally(5, 4), 999_999: tally(7)}, NOW)
    mine = Snapshot.objects.get(organisation=ours)
    assert (mine.messages_up, mine.messages_down, mine.blocked, mine.chargers) == (10, 5, 1, 2)
    assert Snapshot.objects.aggregate(all=Sum("messages_up"))["all"] == 20


def test_a_refused_charge_is_noted_once() -> None:
    made, number = charger("A"), number_at(NOW)
    for _ in range(2):
        snapshots.add_counts({made.pk: tally(refused=[number, number + 1])}, NOW)
    assert list(RefusedCharge.objects.values_list("charger", "exchange")) == [
        (made.pk, number + 1), (made.pk, number),
    ]  # fmt: skip


def test_what_is_old_goes() -> None:
    made = charger("A")
    for age in (timedelta(hours=49), timedelta(minutes=7), timedelta()):
        Snapshot.objects.create(minute=MINUTE - age, taken_at=NOW, backoffices={"1": {}})
        RefusedCharge.objects.create(charger=made, exchange=number_at(NOW - age))
    snapshots.forget(NOW)
    assert dict(Snapshot.objects.values_list("minute", "backoffices")) == {
        MINUTE - timedelta(minutes=7): None, MINUTE: {"1": {}},
    }  # fmt: skip
    assert RefusedCharge.objects.count() == 2


def test_it_asks_as_often_for_many_as_for_one_and_counts_no_messages() -> None:
    asked = []
    for number in (1, 10):
        for each in range(number):
            charger(f"{number}-{each}", Organisation.objects.create(name=f"{number}-{each}"))
        with CaptureQueriesContext(connection) as queries:
            snapshots.gauges()
        asked.append(len(queries))
        assert not [query for query in queries if "routing_message" in query["sql"]]
    assert asked == [6, 6]
