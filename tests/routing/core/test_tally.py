"""What is counted of rows on their way to the log."""

from typing import Any

import pytest
from msgspec.structs import replace

from routing.core.tally import MOST_REFUSED, Tally, refuses_charge
from tests.routing.core.presenting import VERSIONS, authorize, says, world_of
from tests.routing.rows import DELIVERY, MESSAGE


def tallied(*rows: Any) -> Tally:
    tally = Tally()
    tally.count(rows)
    return tally


@pytest.mark.parametrize(
    ("changes", "counted"),
    [
        ({}, (1, 0, 0)),
        ({"route": 7}, (0, 0, 0)),
        ({"direction": "down"}, (0, 1, 0)),
        ({"direction": "down", "route": 7}, (0, 0, 0)),
        ({"direction": "down", "route": 7, "outcome": "denied"}, (0, 0, 1)),
        ({"outcome": "denied"}, (1, 0, 0)),
    ],
    ids=[
        "charger asks",
        "its copy",
        "charger is asked",
        "as its backoffice sent it",
        "blocked",
        "refused up",
    ],
)
def test_an_exchange_counts_once_where_the_charger_had_it(changes: dict[str, Any], counted: Any) -> None:
    tally = tallied(replace(MESSAGE, **changes), DELIVERY)
    assert (tally.up, tally.down, tally.blocked) == counted


@pytest.mark.parametrize(
    ("action", "answer", "is_refused"),
    [
        ("Authorize", '[3,"1",{"idTagInfo":{"status":"Blocked"}}]', True),
        ("Authorize", '[3,"1",{"idTagInfo":{"status":"Accepted"}}]', False),
        ("StartTransaction", '[3,"1",{"transactionId":0,"idTagInfo":{"status":"Invalid"}}]', True),
        ("TransactionEvent", '[3,"1",{"idTokenInfo":{"status":"Unknown"}}]', True),
        ("TransactionEvent", '[3,"1",{}]', False),
        ("Authorize", '[4,"1","InternalError","",{}]', True),
        ("Authorize", "", False),
        ("StopTransaction", '[3,"1",{"idTagInfo":{"status":"Expired"}}]', False),
    ],
)
def test_a_charge_is_refused_by_a_status_or_an_error(action: str, answer: str, is_refused: bool) -> None:
    row = replace(MESSAGE, action=action, answer=answer, id_tag="CARD", exchange=5)
    assert refuses_charge(row) is is_refused
    assert tallied(row).refused == ([5] if is_refused else [])


def test_of_many_refused_charges_the_newest_are_remembered() -> None:
    answer = '[3,"1",{"idTagInfo":{"status":"Blocked"}}]'
    rows = [
        replace(MESSAGE, action="Authorize", answer=answer, id_tag="CARD", exchange=number)
        for number in range(MOST_REFUSED + 5)
    ]
    tally = tallied(*rows)
    assert tally.refused == list(range(5, MOST_REFUSED + 5))
    later = tallied(replace(rows[0], exchange=900))
    later.add(tally)
    assert (later.up, later.refused[-1], len(later.refused)) == (MOST_REFUSED + 6, 900, MOST_REFUSED)


@VERSIONS
@pytest.mark.parametrize(("status", "times"), [("Blocked", 1), ("Accepted", 0)])
def test_what_a_machine_stores_of_a_refused_card_is_one_refused_charge(
    version: str, status: str, times: int
) -> None:
    world = world_of(version=version)
    world["billing"].behave = says(status)
    before = len(world.database.messages)
    authorize(world)
    rows = world.database.messages[before:]
    assert len(tallied(*rows).refused) == times
    assert tallied(*rows).up == 1
