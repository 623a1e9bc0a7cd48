"""A list that is one backoffice's, and what any list is (ocpp-semantics 3.8)."""

from __future__ import annotations

import pytest

from routing.core import local_list
from routing.core.lists import CardList, LocalLists, changes, entry, sent, union
from routing.core.rows import LatestRow
from tests.routing.core.harness import EPOCH
from tests.routing.core.lists_charger import (
    ROUTES,
    SEND,
    VERSIONS,
    make_world,
    payload,
    send,
    verdict,
    version_of,
)

# -- exclusive -------------------------------------------------------------------------------------------


@VERSIONS
def test_an_exclusive_list_is_billings_and_passes_as_it_is(version: str) -> None:
    world, charger = make_world(version, "exclusive")
    assert send(world, "billing", 7, A="Accepted", B="Blocked") == "Accepted"
    assert charger.sent == [payload(world, 7, "Full", A="Accepted", B="Blocked")]
    assert version_of(world, "billing") == 7
    world.forget()
    for name in ("energy", "watcher"):
        refused = "NotSupported" if version == "1.6" else "Failed"
        assert send(world, name, 1, C="Accepted") == refused
        assert version_of(world, name) == (-1 if version == "1.6" else 0)
    assert world.commands == []
    assert charger.cards == {"A": "Accepted", "B": "Blocked"}


@pytest.mark.parametrize("name", ["billing", "energy"])
def test_without_billing_the_list_is_its_whose_permission_says_so(name: str) -> None:
    routes = ROUTES if name == "billing" else ROUTES[1:]
    world, charger = make_world("1.6", "exclusive", routes)
    assert send(world, name, 1, A="Accepted") == "Accepted"
    assert send(world, "service", 1, B="Accepted") == "NotSupported"
    assert charger.cards == {"A": "Accepted"}


def test_without_anybody_who_may_there_is_no_list() -> None:
    world, _ = make_world("1.6", "exclusive", (ROUTES[3],))
    assert send(world, "watcher", 1, A="Accepted") == "NotSupported"
    assert version_of(world, "watcher") == -1
    assert verdict(world, "A") is None


@VERSIONS
def test_what_the_owner_has_sent_is_known_while_it_is_away(version: str) -> None:
    world, charger = make_world(version, "exclusive")
    send(world, "billing", 1, A="Accepted", B="Accepted", D="Accepted")
    send(world, "billing", 2, "Differential", B="Blocked", C="Accepted", D=None)
    charger.answers = ["Failed"]
    send(world, "billing", 3, X="Accepted")
    send(world, "energy", 9, Y="Accepted")
    world.restart()
    world.boot()
    known = {card: verdict(world, card) for card in "aBCDXY"}
    accepted = ("Accepted", 1)
    assert known == {"a": accepted, "B": ("Blocked", 1), "C": accepted, "D": None, "X": None, "Y": None}
    assert local_list.owner_of(world.machine._state, "A") is None


def test_an_entry_that_has_run_out() -> None:
    world, _ = make_world("1.6", "exclusive")
    info = {"status": "Accepted", "expiryDate": "2020-01-01T00:00:00Z"}
    listed = [{"idTag": "A", "idTagInfo": info}]
    world["billing"].call(
        SEND, {"listVersion": 1, "updateType": "Full", "localAuthorizationList": listed}, "m"
    )
    assert local_list.verdict(world.machine._state, "A") == ("Accepted", 1)
    assert local_list.verdict(world.machine._state, "A", EPOCH) == ("Expired", 1)


# -- the lists themselves --------------------------------------------------------------------------------


def test_lists_of_another_shape_are_not_mixed() -> None:
    world, charger = make_world("1.6")
    send(world, "billing", 1, A="Accepted")
    world.connect("2.0.1")
    assert version_of(world, "billing") == 0
    assert send(world, "billing", 1, B="Accepted") == "Accepted"
    assert charger.cards == {"B": "Accepted"}


def test_tokens_of_two_types_are_two() -> None:
    raw = '{{"idToken":{{"idToken":"a","type":"{}"}},"idTokenInfo":{{"status":"Accepted"}}}}'
    one, other = entry("2.0.1", raw.format("ISO14443")), entry("2.0.1", raw.format("Central"))
    assert one is not None
    assert other is not None
    assert one.key != other.key


def test_rows_that_cannot_be_read_are_no_lists() -> None:
    lists = LocalLists(1)
    rows = [
        LatestRow(charger=1, kind="local_list", key=key, payload="[]", at=EPOCH)
        for key in ("1.6/1", "1.6/charger")
    ]
    lists.restore(rows)
    assert lists.of("1.6", 1) == CardList()
    assert not lists.there("1.6").is_known


def test_cards_that_go_are_sent_first() -> None:
    before = {"a": '{"idTag":"A","idTagInfo":{"status":"Accepted"}}', "b": "B"}
    assert changes(before, {"b": "B2", "c": "C"}) == ['{"idTag":"A"}', "B2", "C"]


def test_a_list_that_does_not_fit_does_not_keep_out_a_shorter_one() -> None:
    lists = [
        (1, CardList(1, {"a": "1"})),
        (2, CardList(1, {"b": "2", "c": "2"})),
        (3, CardList(1, {"d": "3"})),
    ]
    assert union(lists, 2) == ({"a": "1", "d": "3"}, [2])
    assert union(lists, None) == ({"a": "1", "b": "2", "c": "2", "d": "3"}, [])


def test_an_empty_list_has_version_0() -> None:
    emptied = sent("1.6", '{"listVersion":9,"updateType":"Full"}', CardList(5, {"a": "A"}))
    assert isinstance(emptied, CardList)
    assert (emptied.version, emptied.shown) == (9, 0)
