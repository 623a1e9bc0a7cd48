"""Variable monitors of several backoffices on one charger: ocpp-semantics 3.6."""

from __future__ import annotations

import itertools
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from routing.core.snapshot import Role, Verdict
from tests.routing.core.harness import NOON, World, route
from tests.routing.core.schemas import judge

SET, CLEAR = "SetVariableMonitoring", "ClearVariableMonitoring"
NAMES = ("billing", "energy", "service")
VERSIONS = pytest.mark.parametrize("version", ["2.0.1", "2.1"])


class Monitors:
    """A charger that keeps monitors as the standard says, and judges every frame it gets."""

    def __init__(self, world: World, first: int = 1) -> None:
        self.ids = itertools.count(first)
        self.has: dict[int, dict[str, Any]] = {}
        self.silent = False
        self.refusal = ""
        world.obey = self.obey

    def obey(self, world: World, frame: Any) -> None:
        judge(world.version, json.dumps(frame))
        if not self.silent:
            answer = self.answer(frame[2], frame[3])
            world.frame(json.dumps([3, frame[1], answer], separators=(",", ":")))

    def answer(self, action: str, payload: Any) -> Any:
        if action == SET:
            return {"setMonitoringResult": [self.set(item) for item in payload["setMonitoringData"]]}
        if action == CLEAR:
            return {"clearMonitoringResult": [self.clear(number) for number in payload["id"]]}
        return {"status": "Accepted"}

    def set(self, item: Any) -> Any:
        result = {k: item[k] for k in ("type", "severity", "component", "variable")}
        if self.refusal:
            return {**result, "status": self.refusal}
        number = item.get("id")
        if number is not None and number not in self.has:
            return {**result, "status": "Rejected"}
        equal = [n for n, has in self.has.items() if subject(has) == subject(item) and n != number]
        if equal:
            return {**result, "status": "Duplicate"}
        number = next(self.ids) if number is None else number
        self.has[number] = item
        return {**result, "status": "Accepted", "id": number}

    def clear(self, number: int) -> Any:
        return {"id": number, "status": "NotFound" if self.has.pop(number, None) is None else "Accepted"}


def subject(item: Any) -> Any:
    return json.dumps([item["component"], item["variable"], item["type"], item["severity"]])


def monitor(name: str = "Power", value: float = 10, severity: int = 5, **more: Any) -> dict[str, Any]:
    component, variable = {"name": "EVSE", "evse": {"id": 1}}, {"name": name}
    kind = {"type": "UpperThreshold", "severity": severity, "component": component, "variable": variable}
    return {"value": value, **kind, **more}


def make_world(version: str = "2.0.1", first: int = 1) -> tuple[World, Monitors]:
    world = World(
        route(1, "billing", Role.BILLING),
        route(2, "energy", Role.CONTROL),
        route(3, "service", Role.SERVICE),
        route(4, "watcher", Role.OBSERVE),
        version=version,
    )
    world.boot()
    return world, Monitors(world, first)


def ask(world: World, name: str, action: str, payload: Any) -> Any:
    """What a backoffice is answered, judged by the schema."""
    asker = world[name]
    asker.call(action, payload, "m")
    answer = asker.answers[-1]
    assert answer[:2] == [3, "m"], answer
    judge(world.version, asker.frames[-1], action)
    return answer[2]


def set_(world: World, name: str, *items: Any) -> list[tuple[str, int | None]]:
    results = ask(world, name, SET, {"setMonitoringData": list(items)})["setMonitoringResult"]
    assert [subject(r) for r in results] == [subject(i) for i in items]
    return [(r["status"], r.get("id")) for r in results]


def clear(world: World, name: str, *ids: int) -> list[str]:
    results = ask(world, name, CLEAR, {"id": list(ids)})["clearMonitoringResult"]
    assert [r["id"] for r in results] == list(ids)
    return [r["status"] for r in results]


def entry(number: int | None, kind: str = "CustomMonitor", event_id: int = 1) -> dict[str, Any]:
    payload: dict[str, Any] = {
        "eventId": event_id,
        "timestamp": NOON,
        "trigger": "Alerting",
        "actualValue": "1",
        "eventNotificationType": kind,
        "component": {"name": "EVSE"},
        "variable": {"name": "Power"},
    }
    return payload if number is None else {**payload, "variableMonitoringId": number}


def events(*entries: Any, seq: int = 0, tbc: bool | None = None) -> dict[str, Any]:
    payload = {"generatedAt": NOON, "seqNo": seq, "eventData": list(entries)}
    return payload if tbc is None else {**payload, "tbc": tbc}


def seen(world: World, name: str) -> list[list[int | None]]:
    """The monitors in each NotifyEvent that a backoffice got."""
    for text in world[name].frames:
        judge(world.version, text) if json.loads(text)[0] == 2 else None
    return [
        [e.get("variableMonitoringId") for e in p["eventData"]] for p in world[name].payloads("NotifyEvent")
    ]


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

    charger.answer = shuffled  # type: ignore[method-assign]
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


# -- shared monitors -------------------------------------------------------------------------------------


@VERSIONS
def test_a_monitor_that_two_have_lives_until_the_last_clears_it(version: str) -> None:
    world, charger = make_world(version)
    same = monitor("A") | {"component": {"name": "evse", "evse": {"id": 1}}}
    assert set_(world, "billing", monitor("A")) == [("Accepted", 1)]
    charger.refusal = "Duplicate"
    assert set_(world, "energy", same) == [("Accepted", 1)]
    assert set_(world, "energy", same) == [("Duplicate", None)]
    world.restart()
    world.boot()
    Monitors.__init__(charger, world)
    charger.has = {1: monitor("A")}
    assert clear(world, "billing", 1) == ["Accepted"]
    assert charger.has == {1: monitor("A")}
    assert clear(world, "billing", 1) == ["NotFound"]
    world.call("NotifyEvent", events(entry(1)))
    assert (seen(world, "billing"), seen(world, "energy")) == ([], [[1]])
    assert clear(world, "energy", 1) == ["Accepted"]
    assert charger.has == {}
    assert [r for r in world.database.latest.values() if r.kind == "monitor" and r.payload] == []


@pytest.mark.parametrize(
    "other", [{"value": 11}, {"transaction": True}], ids=["another value", "of transactions only"]
)
def test_a_monitor_with_other_values_cannot_be_shared(other: dict[str, Any]) -> None:
    world, charger = make_world()
    set_(world, "billing", monitor("A"))
    assert set_(world, "energy", monitor("A") | other) == [("Rejected", None)]
    assert clear(world, "energy", 1) == ["NotFound"]
    assert charger.has == {1: monitor("A")}


def test_a_stream_has_one_receiver() -> None:
    world, _ = make_world("2.1")
    streaming = monitor("A", periodicEventStream={"interval": 1})
    assert set_(world, "billing", streaming) == [("Accepted", 1)]
    assert set_(world, "energy", streaming) == [("Rejected", None)]


def test_the_monitor_of_a_backoffice_that_is_no_more_may_be_taken_over() -> None:
    world, charger = make_world()
    set_(world, "energy", monitor("A"))
    world.database.identifiers.clear()  # with its route
    world.restart()
    world.boot()
    world.obey = charger.obey
    assert set_(world, "service", monitor("A", 11)) == [("Duplicate", None)]
    assert set_(world, "service", monitor("A")) == [("Accepted", 1)]
    assert clear(world, "service", 1) == ["Accepted"]
    assert charger.has == {}


def test_what_a_charger_has_of_its_own_stays_a_duplicate() -> None:
    world, charger = make_world()
    charger.has[77] = monitor("A")
    assert set_(world, "energy", monitor("A")) == [("Duplicate", None)]


def test_changing_a_shared_monitor_leaves_it_to_the_others() -> None:
    world, charger = make_world()
    set_(world, "billing", monitor("A"))
    set_(world, "energy", monitor("A"))
    world.forget()
    assert set_(world, "energy", monitor("A", id=1)) == [("Accepted", 1)]
    assert world.commands == []
    assert set_(world, "energy", monitor("A", 50, id=1)) == [("Duplicate", None)]
    assert charger.has == {1: monitor("A")}
    assert set_(world, "energy", monitor("A", severity=2, id=1)) == [("Accepted", 1)]
    assert charger.has == {1: monitor("A"), 2: monitor("A", severity=2)}
    world.call("NotifyEvent", events(entry(1), entry(2)))
    assert (seen(world, "billing"), seen(world, "energy")) == ([[1]], [[1]])
    assert clear(world, "energy", 1) == ["Accepted"]
    assert list(charger.has) == [1]


def test_no_new_holder_of_a_monitor_that_is_about_to_be_cleared() -> None:
    world, charger = make_world()
    set_(world, "energy", monitor("A"))
    world.obey = None
    world["watcher"].call("GetVariables", {"getVariableData": []}, "g")
    world["energy"].call(CLEAR, {"id": [1]}, "c")
    world["billing"].call(SET, {"setMonitoringData": [monitor("A")]}, "s")
    world.obey = charger.obey
    world.frame(f'[3,"{world.commands[-1][1]}",{{}}]')
    assert world["billing"].answers[-1][2]["setMonitoringResult"][0]["status"] == "Rejected"
    assert charger.has == {}


def test_an_id_that_the_charger_gives_anew_is_the_new_ones() -> None:
    world, charger = make_world()
    set_(world, "energy", monitor("A"))
    charger.has.clear()
    charger.ids = itertools.count(1)
    assert set_(world, "billing", monitor("B")) == [("Accepted", 1)]
    assert clear(world, "energy", 1) == ["NotFound"]
    world.call("NotifyEvent", events(entry(1)))
    assert (seen(world, "billing"), seen(world, "energy")) == ([[1]], [])


def test_a_charger_that_accepts_a_second_equal_monitor_under_one_id() -> None:
    world, charger = make_world()
    set_(world, "energy", monitor("A"))
    charger.has.clear()
    charger.ids = itertools.count(1)
    assert set_(world, "billing", monitor("A")) == [("Accepted", 1)]
    assert clear(world, "billing", 1) == ["Accepted"]
    assert list(charger.has) == [1]


# -- base and permissions --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("base", "answer", "lives"),
    [
        ("FactoryDefault", "Accepted", False),
        ("HardWiredOnly", "Accepted", False),
        ("All", "Accepted", True),
        ("HardWiredOnly", "Rejected", True),
    ],
)
def test_a_base_that_drops_monitors_closes_their_ids(base: str, answer: str, lives: bool) -> None:
    world, charger = make_world()
    set_(world, "energy", monitor("A"))
    charger.answer = lambda action, payload: {"status": answer}  # type: ignore[method-assign]
    ask(world, "billing", "SetMonitoringBase", {"monitoringBase": base})
    world.forget()
    world["energy"].call(CLEAR, {"id": [1]}, "m")
    assert bool(world.commands) is lives


@pytest.mark.parametrize("action", ["SetMonitoringBase", "SetMonitoringLevel"])
@pytest.mark.parametrize("name", ["energy", "service", "watcher"])
def test_base_and_level_are_for_billing(action: str, name: str) -> None:
    world, _ = make_world()
    payload = {"monitoringBase": "All"} if action == "SetMonitoringBase" else {"severity": 9}
    assert ask(world, name, action, payload)["status"] == "Rejected"
    assert world.commands == []


def test_a_permission_to_clear_is_not_one_to_clear_what_others_have() -> None:
    world, charger = make_world()
    set_(world, "billing", monitor("A"))
    world.configure(world.routes[0], route(2, "energy", Role.CONTROL, {CLEAR: Verdict.ALLOW}))
    assert clear(world, "energy", 1) == ["NotFound"]
    assert list(charger.has) == [1]


# -- events ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["HardWiredNotification", "HardWiredMonitor", "PreconfiguredMonitor"])
def test_what_the_charger_monitors_on_its_own_is_everybodys(kind: str) -> None:
    world, _ = make_world()
    world.call("NotifyEvent", events(entry(50, kind), entry(None, kind)))
    assert all(seen(world, name) == [[50, None]] for name in (*NAMES, "watcher"))


def test_a_custom_monitor_from_before_the_proxy_is_billings() -> None:
    world, charger = make_world()
    charger.has[50] = monitor("A")
    assert clear(world, "billing", 50) == ["NotFound"]
    world.call("NotifyEvent", events(entry(50)))
    assert [seen(world, name) for name in (*NAMES, "watcher")] == [[[50]], [], [], []]
    assert clear(world, "energy", 50) == ["NotFound"]
    assert clear(world, "billing", 50) == ["Accepted"]


def test_no_monitor_is_inherited_while_another_is_being_set() -> None:
    world, charger = make_world()
    world.obey = None
    world["energy"].call(SET, {"setMonitoringData": [monitor("A")]}, "m")
    world.call("NotifyEvent", events(entry(1)))
    charger.obey(world, world.commands[-1])
    assert seen(world, "billing") == []
    assert clear(world, "billing", 1) == ["NotFound"]


@pytest.mark.parametrize("how", ["timeout", "gone"])
@pytest.mark.parametrize("hint", ["event", "report"])
def test_a_monitor_whose_setting_was_never_answered_is_the_askers(how: str, hint: str) -> None:
    world, charger = make_world()
    set_(world, "billing", monitor("B"))
    world.obey = None
    world["energy"].call(SET, {"setMonitoringData": [monitor("Power")]}, "m")
    charger.set(monitor("Power"))
    if how == "timeout":
        world.wait(46)
    else:
        world.disconnect()
        world.restart()
        world.boot()
    world.obey = charger.obey
    if hint == "event":
        told = entry(2) | {"component": {"name": "evse", "evse": {"id": 1}}}
        world.call("NotifyEvent", events(told, entry(3)))
        assert [seen(world, name) for name in NAMES] == [[[3]], [[2]], []]
    else:
        world["billing"].call("GetMonitoringReport", {"requestId": 1}, "r")
        variable = reported(2) | {k: monitor("Power")[k] for k in ("component", "variable")}
        variable["variableMonitoring"][0] |= {"type": "UpperThreshold", "severity": 5}
        head = {"requestId": world.commands[-1][3]["requestId"], "generatedAt": NOON, "seqNo": 0}
        world.call("NotifyMonitoringReport", {**head, "monitor": [variable]})
        assert [p.get("monitor") for p in world["billing"].payloads("NotifyMonitoringReport")] == [None]
        world.call("NotifyEvent", events(entry(2) | {"component": monitor()["component"]}))
    assert clear(world, "billing", 2) == ["NotFound"]
    assert clear(world, "energy", 2) == ["Accepted"]


def test_a_monitor_that_was_set_after_all_is_in_no_doubt_any_more() -> None:
    world, charger = make_world()
    world.obey = None
    world["energy"].call(SET, {"setMonitoringData": [monitor("Power"), monitor("B")]}, "m")
    world.wait(46)
    world.obey = charger.obey
    assert set_(world, "energy", monitor("Power")) == [("Accepted", 1)]
    place = {"component": monitor()["component"]}
    world.call("NotifyEvent", events(entry(50) | place))
    assert [seen(world, name) for name in NAMES] == [[[50]], [], []]
    ask(world, "billing", "SetMonitoringBase", {"monitoringBase": "HardWiredOnly"})
    assert not [r for r in world.database.latest.values() if r.kind == "monitor_doubt" and r.payload]


def test_parts_are_whole_reports_for_who_may_lack_some() -> None:
    world, _ = make_world()
    set_(world, "energy", monitor("A"))
    world.forget()
    hard = entry(None, "HardWiredNotification")
    world.call("NotifyEvent", events(entry(1), seq=0, tbc=True))
    world.call("NotifyEvent", events(hard, seq=1, tbc=True))
    world.call("NotifyEvent", events(hard, entry(1), seq=2))
    assert [seen(world, n) for n in ("billing", "energy", "watcher")] == [
        [[None], [None]],
        [[1], [None], [None, 1]],
        [[None], [None]],
    ]
    for name in ("billing", "energy", "watcher"):
        numbers = [(p["seqNo"], p.get("tbc", False)) for p in world[name].payloads("NotifyEvent")]
        assert set(numbers) == {(0, False)}


def test_billing_alone_gets_parts_as_they_are() -> None:
    world, _ = make_world()
    set_(world, "billing", monitor("A"))
    world.forget()
    parts = [events(entry(1), seq=0, tbc=True), events(entry(1), seq=1, tbc=False)]
    for part in parts:
        world.call("NotifyEvent", part)
    assert world["billing"].payloads("NotifyEvent") == parts


def test_an_event_of_a_monitor_just_cleared_is_its_last_holders() -> None:
    world, _ = make_world()
    set_(world, "energy", monitor("A"))
    clear(world, "energy", 1)
    world.call("NotifyEvent", events(entry(1)))
    assert [seen(world, name) for name in NAMES] == [[], [[1]], []]


@pytest.mark.parametrize(
    "payload",
    ["{}", '{"eventData":5}', '{"eventData":[5,null,[]]}', '{"eventData":[{"variableMonitoringId":{}}]}'],
)
def test_odd_events_are_answered_and_shown_to_nobody_they_may_not_concern(payload: str) -> None:
    world, _ = make_world()
    world.frame(f'[2,"odd","NotifyEvent",{payload}]')
    assert world.answer_to("odd") == [3, "odd", {}]


# -- reports ---------------------------------------------------------------------------------------------


def reported(*ids: int, kind: str = "") -> dict[str, Any]:
    more = {"eventNotificationType": kind} if kind else {}
    monitors = [
        {"id": n, "transaction": False, "value": 1, "type": "Delta", "severity": 1, **more} for n in ids
    ]
    return {"component": {"name": "EVSE"}, "variable": {"name": "P"}, "variableMonitoring": monitors}


def test_a_report_shows_own_monitors_and_the_chargers() -> None:
    world, _ = make_world()
    set_(world, "energy", monitor("A"))
    set_(world, "billing", monitor("B"))
    for name in ("billing", "energy"):
        world[name].call("GetMonitoringReport", {"requestId": 1}, "r")
    numbers = [c[3]["requestId"] for c in world.commands[-2:]]
    for number in numbers:
        head = {"requestId": number, "generatedAt": NOON}
        both = [reported(1), reported(2), reported(1, 2, 40)]
        world.call("NotifyMonitoringReport", {**head, "seqNo": 0, "tbc": True, "monitor": both})
        world.call("NotifyMonitoringReport", {**head, "seqNo": 1, "monitor": [reported(number % 2 + 1)]})
    for name, own in (("billing", 2), ("energy", 1)):
        parts = world[name].payloads("NotifyMonitoringReport")
        shown = [[[m["id"] for m in v["variableMonitoring"]] for v in p.get("monitor", [])] for p in parts]
        assert shown[0] == [[own], [own, 40]]
        assert [(p["requestId"], p["seqNo"], p.get("tbc", False)) for p in parts] == [
            (1, 0, True),
            (1, 1, False),
        ]
        seen(world, name)
    assert world["watcher"].payloads("NotifyMonitoringReport") == []


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
