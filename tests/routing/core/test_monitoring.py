"""Variable monitors of several backoffices on one charger: ocpp-semantics 3.6."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.routing.core.harness import World
from tests.routing.core.monitors_charger import (
    CLEAR,
    NAMES,
    SET,
    VERSIONS,
    clear,
    entry,
    events,
    make_world,
    monitor,
    seen,
    set_,
)

# -- setting and clearing --------------------------------------------------------------------------------


@VERSIONS
def test_each_has_its_own_monitors_by_the_ids_that_the_charger_gave(version: str) -> None:
    world, charger = make_world(version)
    assert set_(world, "billing", monitor("A"), monitor("B")) == [("Accepted", 1), ("Accepted", 2)]
    assert set_(world, "energy", monitor("C")) == [("Accepted", 3)]
    assert sorted(charger.has) == [1, 2, 3]


@VERSIONS
@pytest.mark.parametrize("number", [2, 99], ids=["foreign", "unknown"])
def test_what_is_not_its_own_is_refused_item_by_item(version: str, number: int) -> None:
    world, charger = make_world(version)
    set_(world, "energy", monitor("A"))
    set_(world, "billing", monitor("B"))
    items = [monitor("X", id=number), monitor("C"), monitor("A", 20, id=1)]
    assert set_(world, "energy", *items) == [("Rejected", None), ("Accepted", 3), ("Accepted", 1)]
    assert world.commands[-1][3]["setMonitoringData"] == items[1:]
    assert charger.has[1]["value"] == 20
    world.forget()
    assert set_(world, "energy", items[0]) == [("Rejected", None)]
    assert clear(world, "energy", number, number) == ["NotFound", "NotFound"]
    assert world.commands == []
    assert clear(world, "energy", number, 3, 3) == ["NotFound", "Accepted", "NotFound"]
    assert world.commands[-1][3] == {"id": [3]}


def test_nothing_is_written_anew_without_need() -> None:
    world, _ = make_world()
    payload = (
        '{ "setMonitoringData" : [ {"value":1.10,"type":"Delta","severity":0, "component":{"name":"A"},'
        '"variable":{"name":"B"},"x":1e400} ] }'
    )
    world.obey = None
    world["energy"].say(f'[2,"m","{SET}",{payload}]')
    assert world.to_charger[-1].endswith(f'"{SET}",{payload}]')
    result = payload.replace("setMonitoringData", "setMonitoringResult").replace(
        '{"value"', '{"id":9,"status":"Accepted","value"'
    )
    world.frame(f'[3,"{world.commands[-1][1]}",{result}]')
    assert world["energy"].frames[-1] == f'[3,"m",{result}]'


@pytest.mark.parametrize(
    "payload",
    [
        '{"id":[1],"id":[]}',
        '{"id":[1],"id":7}',
        '{"id":[1],"\\u0069d":[77]}',
        '{"id":[77],"id":[1.0]}',
        '{"id":["1"]}',
    ],
)
def test_a_key_written_twice_leads_to_nobody_elses_monitor(payload: str) -> None:
    world, charger = make_world()
    set_(world, "energy", monitor("A"))
    for name in ("billing", "service"):
        world[name].say(f'[2,"m","{CLEAR}",{payload}]')
        assert charger.has == {1: monitor("A")}


@pytest.mark.parametrize("ids", ['"id":1,"id":2', '"id":2,"id":null', '"\\u0069d":"2"', '"id":2.0'])
def test_an_item_written_twice_replaces_nobody_elses_monitor(ids: str) -> None:
    world, charger = make_world()
    set_(world, "energy", monitor("A"))
    set_(world, "billing", monitor("B"))
    item = json.dumps(monitor("C", 99))[1:]
    world["energy"].say(f'[2,"m","{SET}",{{"setMonitoringData":[{{{ids},{item}]}}]')
    assert charger.has[2] == monitor("B")


@pytest.mark.parametrize("payload", ["{}", '{"id":[]}', '{"id":null}', '{"id":["x"]}', '{"id":[{}]}', "[]"])
def test_odd_requests_end_with_one_answer(payload: str) -> None:
    world, _ = make_world()
    world.obey = World.accept
    for name in ("billing", "energy"):
        for action in (SET, CLEAR):
            world[name].answers.clear()
            written = payload.replace("id", "setMonitoringData") if action == SET else payload
            world[name].say(f'[2,"m","{action}",{written}]')
            assert len(world[name].answers) == 1


def test_an_item_that_cannot_be_answered_costs_the_whole_call() -> None:
    world, _ = make_world()
    world["energy"].call(SET, {"setMonitoringData": [{"id": 5}]}, "m")
    assert world["energy"].answers[-1][:2] == [4, "m"]
    assert world.commands == []


@pytest.mark.parametrize(
    "status", ["Rejected", "UnknownComponent", "UnknownVariable", "UnsupportedMonitorType"]
)
def test_what_the_charger_does_not_take_is_held_by_nobody(status: str) -> None:
    world, charger = make_world()
    charger.refusal = status
    assert set_(world, "energy", monitor("A")) == [(status, None)]
    assert world.database.identifiers == {}
    assert clear(world, "energy", 1) == ["NotFound"]


@pytest.mark.parametrize("how", ["error", "timeout", "gone"])
def test_a_charger_that_does_not_answer(how: str) -> None:
    world, charger = make_world()
    set_(world, "energy", monitor("A"))
    world.obey = None
    world["energy"].call(CLEAR, {"id": [1]}, "m")
    if how == "error":
        world.frame(f'[4,"{world.commands[-1][1]}","InternalError","",{{}}]')
    elif how == "timeout":
        world.wait(46)
    else:
        world.disconnect()
    assert world["energy"].answers[-1][:2] == [4, "m"]
    world.connect()
    charger.silent = False
    world.obey = charger.obey
    assert clear(world, "energy", 1) == ["Accepted"]


def test_results_out_of_order_or_missing() -> None:
    world, charger = make_world()
    honest = charger.answer

    def shuffled(action: str, payload: Any) -> Any:
        answer = honest(action, payload)
        name = next(iter(answer))
        return {name: answer[name][::-1][:2]}

    charger.answer = shuffled  # type: ignore[method-assign]  # this charger alone
    results = set_(world, "energy", monitor("A"), monitor("B"), monitor("C"))
    assert results == [("Rejected", None), ("Accepted", 2), ("Accepted", 3)]
    assert clear(world, "energy", 1, 2, 3) == ["NotFound", "Accepted", "Accepted"]


def test_an_asker_that_has_gone_holds_what_the_charger_set() -> None:
    world, charger = make_world()
    world.obey = None
    world["energy"].call(SET, {"setMonitoringData": [monitor("A")]}, "m")
    world["energy"].lose()
    world.obey = charger.obey
    charger.obey(world, world.commands[-1])
    world["energy"].open()
    assert world["energy"].answers == []
    assert clear(world, "energy", 1) == ["Accepted"]


# -- three backoffices at random -------------------------------------------------------------------------

STEPS = st.lists(
    st.one_of(
        st.tuples(
            st.just("set"),
            st.sampled_from(NAMES),
            st.lists(
                st.tuples(
                    st.sampled_from("AB"), st.sampled_from([1, 2]), st.sampled_from([None, None, 1, 2, 3])
                ),
                min_size=1,
                max_size=3,
            ),
        ),
        st.tuples(
            st.just("clear"), st.sampled_from(NAMES), st.lists(st.integers(1, 6), min_size=1, max_size=4)
        ),
        st.tuples(st.just("restart"), st.just(""), st.just([])),
    ),
    max_size=25,
)


@settings(max_examples=150, deadline=None)
@given(STEPS)
def test_nobody_ever_sees_or_clears_what_another_has(steps: list[tuple[str, str, Any]]) -> None:
    world, charger = make_world()
    held: dict[str, dict[int, dict[str, Any]]] = {name: {} for name in NAMES}
    for kind, name, details in steps:
        if kind == "restart":
            world.restart()
            world.boot()
            world.obey = charger.obey
        elif kind == "set":
            items = [monitor(n, v) | ({} if i is None else {"id": i}) for n, v, i in details]
            for item, (status, number) in zip(items, set_(world, name, *items), strict=True):
                assert status != "Accepted" or number is not None
                if "id" in item:
                    assert status != "Accepted" or number == item["id"]
                    assert status == "Rejected" or item["id"] in held[name]
                if number is not None:
                    held[name][number] = {k: v for k, v in item.items() if k != "id"}
        else:
            for number, status in zip(details, clear(world, name, *details), strict=True):
                assert status == ("NotFound" if held[name].pop(number, None) is None else "Accepted")
        union = {json.dumps(m, sort_keys=True) for of in held.values() for m in of.values()}
        charger_has = [
            json.dumps({k: v for k, v in m.items() if k != "id"}, sort_keys=True)
            for m in charger.has.values()
        ]
        assert sorted(charger_has) == sorted(union)
        world.forget()
        world.call("NotifyEvent", events(*(entry(n) for n in charger.has))) if charger.has else None
        for one in NAMES:
            assert sorted(n for ids in seen(world, one) for n in ids if n is not None) == sorted(held[one])
