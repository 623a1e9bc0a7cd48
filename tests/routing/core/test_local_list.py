"""Local lists of several backoffices on one charger: ocpp-semantics 3.8."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from routing.core import local_list
from routing.core.options import ChargerOptions
from routing.core.rows import LatestRow
from tests.routing.core.harness import EPOCH
from tests.routing.core.lists_charger import (
    ROUTES,
    SEND,
    VERSIONS,
    make_world,
    payload,
    send,
    status,
    verdict,
    version_of,
)

# -- merged ----------------------------------------------------------------------------------------------


@VERSIONS
def test_the_charger_gets_all_lists_in_one(version: str) -> None:
    world, charger = make_world(version)
    assert send(world, "energy", 1, B="Accepted", C="Accepted") == "Accepted"
    assert send(world, "billing", 1, A="Accepted", B="Blocked") == "Accepted"
    assert charger.cards == {"A": "Accepted", "B": "Blocked", "C": "Accepted"}
    assert [s["updateType"] for s in charger.sent] == ["Full", "Differential"]
    assert send(world, "billing", 2, "Differential", B=None) == "Accepted"
    assert charger.cards == {"A": "Accepted", "B": "Accepted", "C": "Accepted"}
    assert send(world, "billing", 3) == "Accepted"
    assert charger.cards == {"B": "Accepted", "C": "Accepted"}
    assert [version_of(world, n) for n in ("billing", "energy", "service")] == [0, 1, 0]
    assert version_of(world, "watcher") == (-1 if version == "1.6" else 0)
    state = world.machine._state
    assert (verdict(world, "b"), local_list.owner_of(state, "C")) == (("Accepted", 2), 2)
    assert local_list.owner_of(state, "A") is None


@VERSIONS
@pytest.mark.parametrize(
    ("number", "kind", "expected"),
    [
        (5, "Differential", "VersionMismatch"),
        (4, "Differential", "VersionMismatch"),
        (6, "Differential", "Accepted"),
        (1, "Full", "Accepted"),
        (0, "Full", "Failed"),
        (-1, "Differential", "Failed"),
        (9, "Partly", "Failed"),
    ],
)
def test_each_list_has_versions_of_its_own(version: str, number: int, kind: str, expected: str) -> None:
    world, charger = make_world(version)
    send(world, "energy", 5, A="Accepted")
    send(world, "billing", 900, B="Accepted")
    count = len(charger.sent)
    assert send(world, "energy", number, kind, C="Accepted") == expected
    assert version_of(world, "energy") == (number if expected == "Accepted" else 5)
    assert len(charger.sent) - count == (expected == "Accepted")


def test_a_list_that_changes_nothing_is_accepted_without_asking() -> None:
    world, charger = make_world()
    send(world, "billing", 1, A="Accepted")
    count = len(charger.sent)
    assert send(world, "energy", 1, A="Blocked") == "Accepted"
    assert send(world, "billing", 2, A="Accepted") == "Accepted"
    assert len(charger.sent) == count


@VERSIONS
@pytest.mark.parametrize(
    ("answers", "expected", "kinds"),
    [
        (["VersionMismatch"], "Accepted", ["Differential", "Full"]),
        (["Failed"], "Accepted", ["Differential", "Full"]),
        (["VersionMismatch", "VersionMismatch"], "Failed", ["Differential", "Full"]),
        (["Failed", "Failed"], "Failed", ["Differential", "Full"]),
    ],
)
def test_a_charger_that_refuses(version: str, answers: list[str], expected: str, kinds: list[str]) -> None:
    world, charger = make_world(version)
    send(world, "billing", 1, A="Accepted")
    charger.sent.clear()
    charger.answers = list(answers)
    assert send(world, "energy", 1, B="Accepted") == expected
    assert [s["updateType"] for s in charger.sent] == kinds
    assert version_of(world, "energy") == (expected == "Accepted")
    assert send(world, "energy", 2, C="Accepted") == "Accepted"
    assert charger.cards == {"A": "Accepted", "C": "Accepted"}


def test_a_charger_without_local_lists() -> None:
    world, charger = make_world()
    charger.answers = ["NotSupported"] * 2
    assert send(world, "energy", 1, B="Accepted") == "NotSupported"
    assert version_of(world, "energy") == 0


@pytest.mark.parametrize("how", ["error", "timeout"])
def test_a_charger_that_does_not_say_what_it_has_done(how: str) -> None:
    world, charger = make_world()
    send(world, "billing", 1, A="Accepted")
    world.obey = None
    world["energy"].call(SEND, payload(world, 1, "Full", B="Accepted"), "m")
    if how == "error":
        world.frame(f'[4,"{world.commands[-1][1]}","InternalError","",{{}}]')
    else:
        charger.take(world.commands[-1][3], old=True)
        world.obey = charger.obey
        world.wait(46)
        assert charger.cards == {"A": "Accepted"}  # whose backoffice was told so
    assert world["energy"].answers[-1][:2] == [4, "m"]
    world.obey = charger.obey
    assert send(world, "energy", 1, C="Accepted") == "Accepted"
    assert charger.cards == {"A": "Accepted", "C": "Accepted"}


@VERSIONS
def test_long_lists_go_in_parts(version: str) -> None:
    world, charger = make_world(version, local_list_chunk=2)
    cards = dict.fromkeys("ABCDE", "Accepted")
    assert send(world, "billing", 1, **cards) == "Accepted"
    assert [s["updateType"] for s in charger.sent] == ["Full", "Differential", "Differential"]
    assert [len(s["localAuthorizationList"]) for s in charger.sent] == [2, 2, 1]
    assert charger.cards == cards
    charger.sent.clear()
    assert send(world, "billing", 2, F="Accepted", A="Accepted", B="Accepted") == "Accepted"
    assert [len(s["localAuthorizationList"]) for s in charger.sent] == [2, 2]
    assert sorted(charger.cards) == ["A", "B", "F"]


@pytest.mark.parametrize(
    ("key", "value", "lengths"),
    [("SendLocalListMaxLength", "3", [3, 2]), ("SendLocalListMaxLength", "x", [5])],
)
def test_the_charger_says_how_long_a_part_may_be(key: str, value: str, lengths: list[int]) -> None:
    world, charger = make_world()
    row = LatestRow(charger=1, kind="setting", key=key, payload=json.dumps(value), at=EPOCH)
    world.machine._state.latest["setting", key] = row
    send(world, "billing", 1, **dict.fromkeys("ABCDE", "Accepted"))
    assert [len(s["localAuthorizationList"]) for s in charger.sent] == lengths


def test_a_part_that_fails_leaves_the_others_their_cards() -> None:
    world, charger = make_world(local_list_chunk=2)
    send(world, "billing", 1, A="Accepted")
    charger.most = 3
    assert send(world, "energy", 1, **dict.fromkeys("BCDE", "Accepted")) == "Failed"
    assert charger.cards == {"A": "Accepted"}


@VERSIONS
def test_a_full_charger_drops_the_least_important_first(version: str) -> None:
    world, charger = make_world(version, local_list_max=3)
    assert send(world, "service", 1, X="Accepted", Y="Accepted") == "Accepted"
    assert send(world, "billing", 1, A="Accepted", B="Accepted") == "Accepted"
    assert charger.cards == {"A": "Accepted", "B": "Accepted"}
    assert [(a.kind, a.key) for a in world.database.alarms.values() if a.cleared is None] == [
        ("local list full", "3")
    ]
    assert send(world, "service", 2, X="Accepted", Y="Accepted", Z="Accepted") == "Failed"
    assert version_of(world, "service") == 1
    assert send(world, "billing", 2, A="Accepted") == "Accepted"
    assert charger.cards == {"A": "Accepted", "X": "Accepted", "Y": "Accepted"}
    assert [a for a in world.database.alarms.values() if a.cleared is None] == []
    assert send(world, "billing", 3, **dict.fromkeys("ABCD", "Accepted")) == "Failed"


def test_two_at_once_go_one_after_the_other() -> None:
    world, charger = make_world(local_list_chunk=1)
    world.obey = None
    world["energy"].call(SEND, payload(world, 1, "Full", A="Accepted", B="Accepted"), "m")
    world["service"].call(SEND, payload(world, 1, "Full", C="Accepted"), "m")
    world["service"].call(SEND, payload(world, 2, "Differential", D="Accepted"), "m")
    assert len(world.commands) == 1
    world.obey = charger.obey
    charger.obey(world, world.commands[0])
    assert charger.cards == dict.fromkeys("ABCD", "Accepted")
    assert [status(world, n) for n in ("energy", "service")] == ["Accepted"] * 2
    assert len(world["service"].answers) == 2


@pytest.mark.parametrize("when", ["sent", "waiting"])
def test_an_asker_that_goes(when: str) -> None:
    world, charger = make_world()
    world.obey = None
    world["energy"].call(SEND, payload(world, 1, "Full", A="Accepted"), "m")
    world["service"].call(SEND, payload(world, 1, "Full", B="Accepted"), "m")
    gone, stays = ("energy", "service") if when == "sent" else ("service", "energy")
    world[gone].lose()
    world.obey = charger.obey
    charger.obey(world, world.commands[0])
    world[gone].open()
    assert world[gone].answers == []
    assert status(world, stays) == "Accepted"
    assert charger.cards == dict.fromkeys("AB" if when == "sent" else "A", "Accepted")
    assert version_of(world, gone) == (when == "sent")


def test_a_flood_waits_up_to_a_limit() -> None:
    world, _ = make_world()
    world.obey = None
    for number in range(1, 40):
        world["energy"].call(SEND, payload(world, number, "Full", A="Accepted"), "m")
    assert len(world["energy"].answers) == 39 - 21
    assert all(a[:3] == [4, "m", "InternalError"] for a in world["energy"].answers)


def test_a_charger_that_goes_in_the_middle_gets_it_all_when_it_boots() -> None:
    world, charger = make_world(local_list_chunk=1)
    send(world, "billing", 1, A="Accepted")
    charger.answers = ["Accepted", None]
    world["energy"].call(SEND, payload(world, 1, "Full", B="Accepted", C="Accepted"), "m")
    world.disconnect()
    assert world["energy"].answers[-1][:2] == [4, "m"]
    world.restart()
    charger.sent.clear()
    world.boot()
    assert [s["updateType"] for s in charger.sent] == ["Full"]
    assert charger.cards == {"A": "Accepted"}


@pytest.mark.parametrize("how", ["timeout", "restart"])
def test_a_first_list_that_was_not_confirmed_is_taken_off(how: str) -> None:
    world, charger = make_world()
    world.obey = None
    world["energy"].call(SEND, payload(world, 1, "Full", A="Accepted"), "m")
    charger.take(world.commands[-1][3], old=True)
    world.obey = charger.obey
    if how == "timeout":
        world.wait(46)
    else:
        world.restart()
        world.boot()
    assert charger.cards == {}


@pytest.mark.parametrize("answer", ["NotSupported", None])
def test_a_charger_that_has_no_list_is_not_asked_to_empty_it(answer: str | None) -> None:
    world, charger = make_world()
    charger.answers = [answer] * 2
    if answer is None:
        world.disconnect()
        world["energy"].call(SEND, payload(world, 1, "Full", A="Accepted"), "m")
    else:
        assert send(world, "energy", 1, A="Accepted") == answer
    world.boot()
    world.wait(10)
    assert world.commands == []


def test_a_charger_that_comes_back_without_a_boot_gets_the_rest() -> None:
    world, charger = make_world(local_list_chunk=1)
    send(world, "billing", 1, A="Accepted")
    charger.answers = ["Accepted", None]
    world["energy"].call(SEND, payload(world, 1, "Full", B="Accepted", C="Accepted"), "m")
    charger.cards = {"A": "Accepted", "B": "Accepted"}
    world.disconnect()
    world.connect()
    world.wait(5)
    assert charger.cards == {"A": "Accepted"}
    world.forget()
    world.connect()
    world.wait(5)
    assert world.commands == []


def test_a_charger_that_has_lost_its_list_gets_it_again() -> None:
    world, charger = make_world()
    send(world, "billing", 1, A="Accepted")
    charger.sent.clear()
    world.boot()
    assert charger.sent == []
    charger.cards, charger.version = {}, 0
    world.boot()
    assert charger.cards == {"A": "Accepted"}


def test_lists_of_those_who_go_are_taken_off() -> None:
    world, charger = make_world()
    send(world, "billing", 1, A="Accepted", B="Blocked")
    send(world, "energy", 1, B="Accepted", C="Accepted")
    world.configure(*ROUTES[1:])
    assert charger.cards == {"B": "Accepted", "C": "Accepted"}
    world.configure(*ROUTES)
    assert charger.cards == {"A": "Accepted", "B": "Blocked", "C": "Accepted"}
    assert version_of(world, "billing") == 1


def test_merging_begins_with_what_the_owner_had() -> None:
    world, charger = make_world(mode="exclusive")
    send(world, "billing", 500, A="Accepted")
    world.options = ChargerOptions(local_list="merged")
    world.configure(*ROUTES)
    assert send(world, "energy", 1, B="Accepted") == "Accepted"
    assert charger.cards == {"A": "Accepted", "B": "Accepted"}
    assert version_of(world, "billing") == 500


@pytest.mark.parametrize(
    "listed",
    [
        '[{"idTag":""}]',
        '[{"idTag":"123456789012345678901","idTagInfo":{"status":"Accepted"}}]',
        '[{"idTag":"A","idTagInfo":{"status":"Perhaps"}}]',
        '[{"idTag":"A","idTag":"B","idTagInfo":{"status":"Accepted"}}]',
        '[{"idTagInfo":{"status":"Accepted"}}]',
        '[{"idTag":5,"idTagInfo":{"status":"Accepted"}}]',
        "[5]",
        "[null]",
    ],
)
def test_what_no_charger_takes_costs_nobody_else_the_list(listed: str) -> None:
    world, charger = make_world()
    send(world, "billing", 1, A="Accepted")
    world.forget()
    body = f'{{"listVersion":1,"updateType":"Full","localAuthorizationList":{listed}}}'
    world["energy"].say(f'[2,"m","{SEND}",{body}]')
    assert status(world, "energy") == "Failed"
    assert world.commands == []
    assert charger.cards == {"A": "Accepted"}


@pytest.mark.parametrize("body", ["{}", '{"listVersion":"x"}', '{"listVersion":1,"updateType":{}}'])
def test_odd_lists_are_refused(body: str) -> None:
    world, _ = make_world()
    world["energy"].say(f'[2,"m","{SEND}",{body}]')
    assert status(world, "energy") == "Failed"


@VERSIONS
def test_the_cache_is_for_billing(version: str) -> None:
    world, _ = make_world(version)
    world["energy"].call("ClearCache", {}, "m")
    assert world["energy"].answers[-1][2]["status"] == "Rejected"
    assert world.commands == []


def test_a_tag_is_never_reported() -> None:
    world, charger = make_world(local_list_max=1)
    send(world, "energy", 1, SECRET="Accepted")
    send(world, "billing", 1, HIDDEN="Accepted", OTHER="Accepted")
    charger.answers = ["Failed", "Failed"]
    send(world, "billing", 1, HIDDEN="Accepted")
    words = [r.text for r in world.reports] + [a.text for a in world.database.alarms.values()]
    words += [m.rule for m in world.database.messages]
    assert not [w for w in words if "SECRET" in w or "HIDDEN" in w]


# -- at random -------------------------------------------------------------------------------------------

NAMES = ("billing", "energy", "service")
STEPS = st.lists(
    st.tuples(
        st.sampled_from(NAMES),
        st.sampled_from(["Full", "Differential", "Differential", "restart"]),
        st.dictionaries(st.sampled_from("ABCDE"), st.sampled_from(["Accepted", "Blocked", None]), max_size=4),
        st.sampled_from(["", "", "", "VersionMismatch", "Failed"]),
    ),
    max_size=20,
)


@settings(max_examples=150, deadline=None)
@given(STEPS, st.sampled_from(["1.6", "2.1"]), st.integers(1, 3))
def test_the_charger_has_the_union_after_anything(
    steps: list[tuple[str, str, dict[str, str | None], str]], version: str, chunk: int
) -> None:
    world, charger = make_world(version, local_list_chunk=chunk)
    lists: dict[str, dict[str, str]] = {name: {} for name in NAMES}
    for number, (name, kind, cards, failure) in enumerate(steps, 1):
        if kind == "restart":
            world.restart()
            world.boot()
            world.obey = charger.obey
            continue
        charger.answers = [failure] if failure else []
        answer = send(world, name, number, kind, **cards)
        charger.answers = []
        if answer == "Accepted":
            mine = dict(lists[name]) if kind == "Differential" else {}
            mine = {k: v for k, v in {**mine, **cards}.items() if v is not None}
            lists[name] = mine
        assert version_of(world, name) == 0 or lists[name]
        expected = lists["service"] | lists["energy"] | lists["billing"]
        known = {card: (verdict(world, card) or ("",))[0] for card in "ABCDE"}
        assert {card: said for card, said in known.items() if said} == expected
        if answer == "Accepted":
            assert charger.cards == expected
