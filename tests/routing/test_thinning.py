"""What waits is counted and thinned in the database."""

from __future__ import annotations

from uuid import UUID

import pytest
from msgspec.structs import replace

from routing.core.decisions import DELIVERY_WINDOW
from routing.memories import load_memory
from routing.models import Delivery
from routing.thinning import count_waiting, thin_deliveries
from tests.databases import Database
from tests.routing import rows as make
from tests.routing.test_tables import store

SESSIONS = (UUID(int=1), UUID(int=2))
VALUES = '{"connectorId":1,"meterValue":[]}'


@pytest.fixture(autouse=True)
def fleet_of_two(database: Database) -> None:
    make.fleet()


def fill(count):
    """Starts and periodic values of two sessions of route 1, by turns."""
    rows = [make.delivery(1, seq) for seq in range(1, count + 1)]
    store(
        [
            replace(
                row,
                action="StartTransaction" if row.seq < 3 else "MeterValues",
                payload=VALUES,
                transaction=SESSIONS[row.seq % 2],
            )
            for row in rows
        ]
    )


def test_every_second_value_of_each_session_goes():
    fill(1002)
    assert count_waiting([1, 2]) == {1: (1002, 1002 * len(VALUES))}
    dropped, size = thin_deliveries(1, 0)
    assert dropped == 2 * 249
    assert size == dropped * len(VALUES)
    assert Delivery.objects.filter(route_id=1, action="StartTransaction").count() == 2
    assert Delivery.objects.filter(route_id=1).count() == 1002 - dropped


def test_what_is_in_memory_is_left_alone():
    fill(200)
    thin_deliveries(1, 100)
    here = Delivery.objects.filter(route_id=1, seq__lte=100).order_by("seq").values_list("seq", flat=True)
    assert list(here) == list(range(1, 101))
    assert Delivery.objects.filter(route_id=1).count() < 200


def test_a_session_is_told_how_much_waits():
    fill(DELIVERY_WINDOW + 10)
    assert load_memory(1).waiting == {1: (DELIVERY_WINDOW + 10, (DELIVERY_WINDOW + 10) * len(VALUES))}
    Delivery.objects.filter(seq__gt=DELIVERY_WINDOW).delete()
    assert load_memory(1).waiting == {}
