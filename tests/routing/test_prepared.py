"""Statements that are compiled once find and change what the ORM's own do."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from django.utils import timezone

from chargers.models import Charger
from routing import prepared
from routing.models import ChargerSession, LatestValue
from tests.databases import Database
from tests.routing import rows as make
from tests.routing.test_tables import store

NOON = datetime.fromisoformat("2024-05-01T12:00:00+00:00")


@pytest.fixture(autouse=True)
def fleet_of_two(database: Database) -> None:
    make.fleet()
    store([make.latest(key=f"0/{hours}", at=NOON + timedelta(hours=hours)) for hours in range(3)])
    store([make.latest(2, key="odd", at=NOON)])


def test_a_query_is_compiled_once_and_run_with_other_values():
    built = []

    def build(charger, since):
        built.append(charger)
        rows = LatestValue.objects.filter(charger_id=charger, at__gte=since).order_by("-at")
        return rows.values_list("key", "at", "charger_id")[:2]

    query = prepared.Query(build, int, datetime)
    for charger, since in [(1, NOON), (1, NOON + timedelta(hours=2)), (2, NOON), (3, NOON)]:
        assert query(charger, since) == list(build(charger, since))
    assert len(built) == 5


def test_values_come_as_the_fields_have_them():
    Charger.objects.filter(pk=1).update(options={"pinned": "1.6"})
    query = prepared.Query(
        lambda identity: Charger.objects.filter(identity=identity).values_list("pk", "options", "enabled"),
        str,
    )
    assert query("CP-1") == [(1, {"pinned": "1.6"}, True)]
    assert query("CP-1' OR 1=1 --%s") == []


def test_one_argument_in_two_places():
    query = prepared.Query(
        lambda charger: LatestValue.objects.filter(charger_id=charger, charger__pk=charger).values_list(
            "key"
        ),
        int,
    )
    assert query(2) == [("odd",)]


@pytest.mark.parametrize(("runtime", "changed"), [("ours", 1), ("theirs", 0)])
def test_an_update_says_how_many_rows_there_were(runtime, changed):
    update = prepared.Update(
        lambda charger, runtime, now: (
            ChargerSession.objects.filter(pk=charger, runtime=runtime),
            {"online": True, "connected_at": now, "disconnected_at": None},
        ),
        int, str, datetime,
    )  # fmt: skip
    now = timezone.now()
    assert update(1, runtime, now) == changed
    row = ChargerSession.objects.get(pk=1)
    assert (row.online, row.connected_at) == ((True, now) if changed else (False, None))
    assert not ChargerSession.objects.get(pk=2).online


def test_an_argument_that_is_no_parameter_is_a_fault_of_ours():
    query = prepared.Query(lambda pk, count: Charger.objects.filter(pk=pk).values_list("pk"), int, int)
    with pytest.raises(ValueError, match="not every argument is a parameter"):
        query(1, 2)
