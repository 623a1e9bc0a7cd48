"""Who is told what monitors say (ocpp-semantics 3.6)."""

from __future__ import annotations

from typing import Any

import pytest

from tests.routing.core.backoffice import NOON
from tests.routing.core.monitors_charger import (
    NAMES,
    SET,
    ask,
    clear,
    entry,
    events,
    make_world,
    monitor,
    seen,
    set_,
)

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
