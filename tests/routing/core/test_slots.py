"""What has waited is sent with a slot, and every slot is given back: ocpp-semantics 2.5, 4.2, 7.8."""

from __future__ import annotations

import json
from typing import Any

import pytest
from msgspec.structs import replace

from routing.core.decisions import AskSlot
from tests.routing.core.backoffice import Backoffice
from tests.routing.core.harness import BILLING, BOOT, ENERGY, World, meter, start, stop
from tests.routing.core.traffic import status

FEW = replace(ENERGY, catch_up=3)


def world_with_session(*routes: Any) -> tuple[World, int]:
    """A world in which slots are granted by hand, and the charger's number of its session."""
    world = World(*(routes or (BILLING, FEW)))
    world.grants_at_once = False
    world.boot()
    return world, world.call("StartTransaction", start())[2]["transactionId"]


def away_for(count: int, *routes: Any) -> tuple[World, Backoffice, int]:
    """``energy`` was away for so many meter values and is back."""
    world, number = world_with_session(*routes)
    energy = world["energy"]
    energy.lose()
    for value in range(count):
        world.call("MeterValues", meter(number, value=str(value)))
    energy.open()
    return world, energy, number


def values(backoffice: Backoffice) -> list[str]:
    return [p["meterValue"][0]["sampledValue"][0]["value"] for p in backoffice.payloads("MeterValues")]


def asked(world: World) -> list[int]:
    return [wish.route for wish in world.slots_asked]


def test_what_did_not_wait_needs_no_slot() -> None:
    world, number = world_with_session()
    for value in range(3):
        world.call("MeterValues", meter(number, value=str(value)))
    world.call("StopTransaction", stop(number))
    assert values(world["energy"]) == ["0", "1", "2"]
    assert (world.slots_asked, world.slots_out) == ([], set())


def test_what_has_waited_goes_one_slot_after_the_other() -> None:
    world, energy, _ = away_for(3)
    assert values(energy) == []
    for sent in range(1, 4):
        assert world.slots_asked == [AskSlot(FEW.key, "energy", 3)]
        world.grant(1)
        assert len(values(energy)) == sent
    assert values(energy) == ["0", "1", "2"]
    assert (world.slots_asked, world.slots_out) == ([], set())


def test_others_wait_for_nothing() -> None:
    world, energy, number = away_for(3)
    world.call("MeterValues", meter(number, value="live"))
    assert values(world["billing"])[-1] == "live"
    assert values(energy) == []
    assert asked(world) == [FEW.key]


def test_what_comes_behind_a_backlog_is_part_of_it() -> None:
    world, energy, number = away_for(1)
    world.call("MeterValues", meter(number, value="behind"))
    world.grant(1)
    assert values(energy) == ["0"]
    world.grant(1)
    assert values(energy) == ["0", "behind"]
    world.call("MeterValues", meter(number, value="live"))
    assert values(energy) == ["0", "behind", "live"]
    assert (world.slots_asked, world.slots_out) == ([], set())


def test_a_slot_is_kept_until_the_answer() -> None:
    world, energy, _ = away_for(2)
    energy.behave = Backoffice.hold
    world.grant(1)
    assert (asked(world), world.slots_out) == ([], {FEW.key})
    world.wait(10)
    assert (asked(world), world.slots_out) == ([], {FEW.key})
    energy.release()
    assert (asked(world), world.slots_out) == ([FEW.key], set())


def test_while_the_charger_waits_for_an_answer_its_backlog_needs_no_slot() -> None:
    world, number = world_with_session()
    billing = world["billing"]
    billing.lose()
    for value in range(3):
        world.call("MeterValues", meter(number, value=str(value)))
    world.call("StopTransaction", stop(number))
    billing.open()
    assert asked(world) == [BILLING.key]
    assert world.call("StartTransaction", start(at="2026-01-01T02:00:00Z")) is not None
    assert [a for a, _ in billing.got][-5:] == [*["MeterValues"] * 3, "StopTransaction", "StartTransaction"]
    assert (world.slots_asked, world.slots_out) == ([], set())


def test_what_goes_without_a_slot_costs_no_place_among_those_who_ask() -> None:
    """However often it does, the turn of the backlog comes."""
    world, energy, _ = away_for(1)
    wish = world.slots_asked[0]
    energy.behave = Backoffice.hold
    status(world, 2, "Charging")
    assert energy.got[-1][0] == "StatusNotification"
    assert world.slots_asked[0] is wish
    energy.release()
    assert world.slots_asked[0] is wish


def test_a_slot_that_comes_while_something_else_is_asked_is_kept_until_its_answer() -> None:
    world, energy, _ = away_for(1)
    energy.behave = Backoffice.hold
    status(world, 2, "Charging")
    world.grant(1)
    assert (asked(world), world.slots_out, values(energy)) == ([], {FEW.key}, [])
    energy.release()
    assert values(energy) == ["0"]
    energy.release()
    assert (asked(world), world.slots_out) == ([], set())


def test_a_slot_that_is_kept_is_given_back_with_the_link() -> None:
    world, energy, _ = away_for(1)
    energy.behave = Backoffice.hold
    status(world, 2, "Charging")
    world.grant(1)
    energy.lose()
    assert (asked(world), world.slots_out) == ([], set())


def test_a_slot_that_is_kept_is_used_when_no_answer_comes() -> None:
    world, energy, _ = away_for(1)
    energy.behave = Backoffice.ignore
    status(world, 2, "Charging")
    world.grant(1)
    world.wait(31)
    assert values(energy) == ["0"]


def test_an_answer_that_came_too_late_is_waited_for_no_more() -> None:
    world, number = world_with_session()
    billing = world["billing"]
    billing.behave = Backoffice.ignore
    world.call("StopTransaction", stop(number))
    world.wait(20)
    billing.lose()
    billing.behave = Backoffice.answer
    billing.open()
    assert asked(world) == [BILLING.key]


def test_statuses_overtake_what_waits_for_a_slot() -> None:
    world, energy, _ = away_for(1)
    status(world, 2, "Charging")
    assert energy.payloads("StatusNotification")[-1]["connectorId"] == 2
    assert values(energy) == []
    assert asked(world) == [FEW.key]


def test_a_slot_that_nobody_asked_for_changes_nothing() -> None:
    world = away_for(1)[0]
    world.grant()
    assert (world.slots_asked, world.slots_out) == ([], set())
    before = world.sent()
    world.do(world.machine.slot_granted(FEW.key, *world.time))
    assert world.sent() == before
    assert (world.slots_asked, world.slots_out) == ([], set())


def test_a_slot_that_is_kept_is_given_back_when_the_charger_boots() -> None:
    world, energy, _ = away_for(1)
    energy.behave = Backoffice.hold
    status(world, 2, "Charging")
    world.grant(1)
    world.call("BootNotification", json.loads(BOOT))
    energy.release()
    assert [a for _, a, _ in energy.held] == ["BootNotification"]
    assert (asked(world), world.slots_out) == ([], set())
    energy.release()
    energy.release()
    assert asked(world) == [FEW.key]


def end_of(world: World, how: str) -> None:
    """One of the ways in which a line comes to stand still."""
    match how:
        case "lost":
            world["energy"].lose()
        case "charger gone":
            world.disconnect()
            world.wait(10)
        case "stopped":
            world.do(world.machine.stop(1012, "service restart", *world.time))
        case "switched off":
            world.configure(BILLING)
        case "dialled anew":
            world["energy"].wanted = "1.6"
            world.auto_open = False
            world.do(world.machine.redial(FEW.key, *world.time))
        case "left alone":
            world.do(world.machine.link_closed(FEW.key, "closed", *world.time))


@pytest.mark.parametrize(
    "how", ["lost", "charger gone", "stopped", "switched off", "dialled anew", "left alone"]
)
@pytest.mark.parametrize("is_out", [False, True], ids=["asked", "out"])
def test_a_line_that_ends_gives_its_slot_back(how: str, is_out: bool) -> None:
    world, energy, _ = away_for(3)
    energy.behave = Backoffice.hold
    if is_out:
        world.grant(1)
    assert (asked(world), world.slots_out) == (([], {FEW.key}) if is_out else ([FEW.key], set()))
    end_of(world, how)
    assert (world.slots_asked, world.slots_out) == ([], set())


def test_a_refused_delivery_asks_again_when_it_is_due() -> None:
    world, energy, _ = away_for(1)
    energy.behave = lambda peer, message_id, *_: peer.say(f'[4,"{message_id}","InternalError","",{{}}]')
    world.grant(1)
    assert (world.slots_asked, world.slots_out) == ([], set())
    energy.behave = Backoffice.answer
    world.wait(61)
    assert asked(world) == [FEW.key]
    world.wait(600)  # nothing asks for ticks without end while it waits
    world.grant(1)
    assert values(energy) == ["0", "0"]
    assert (world.slots_asked, world.slots_out) == ([], set())


def test_a_delivery_that_is_never_answered_frees_its_slot() -> None:
    world, energy, _ = away_for(2)
    energy.behave = Backoffice.ignore
    world.grant(1)
    world.wait(59)
    assert world.slots_out == {FEW.key}
    world.wait(2)
    assert (world.slots_asked, world.slots_out) == ([], set())


def test_a_late_answer_does_not_leave_a_slot_behind() -> None:
    """Two tries are outstanding; the earlier is answered, then the later."""
    world, energy, _ = away_for(1)
    energy.behave = Backoffice.hold
    world.grant(1)
    world.wait(61)
    world.wait(61)
    world.grant(1)
    first, second = energy.held[0], energy.held[-1]
    assert first[1] == second[1] == "MeterValues"
    energy.answer(*first)
    assert world.slots_out == {FEW.key}
    energy.answer(*second)
    assert (world.slots_asked, world.slots_out) == ([], set())


def test_another_number_of_slots_counts_at_once() -> None:
    world, _, _ = away_for(1)
    world.configure(BILLING, replace(FEW, catch_up=7))
    assert world.slots_asked == [AskSlot(FEW.key, "energy", 7)]


def test_the_same_number_of_slots_keeps_the_place() -> None:
    world, _, _ = away_for(1)
    before = world.slots_asked[0]
    world.configure(BILLING, FEW)
    assert world.slots_asked[0] is before


def test_what_is_delivered_without_the_charger_needs_slots_too() -> None:
    world, number = world_with_session()
    world["energy"].lose()
    for value in range(2):
        world.call("MeterValues", meter(number, value=str(value)))
    world.disconnect()
    world.wait(10)
    world.do(world.machine.deliver_backlog("1.6", *world.time))
    assert asked(world) == [FEW.key]
    world.grant(1)
    world.grant(1)
    assert values(world["energy"]) == ["0", "1"]
    assert world.closed_links[-1] == (FEW.key, 1000, "delivered")
    assert (world.slots_asked, world.slots_out) == ([], set())


def test_a_long_backlog_is_read_and_sent_with_slots_to_its_end() -> None:
    world, energy, number = away_for(150)
    while world.slots_asked:
        world.grant(1)
    assert values(energy) == [str(value) for value in range(150)]
    world.call("MeterValues", meter(number, value="live"))
    assert values(energy)[-1] == "live"
    assert (world.slots_asked, world.slots_out) == ([], set())
