"""What the charger had before counts as Billing's wish, until Billing has one (ocpp-semantics 3.9)."""

from __future__ import annotations

import json
from typing import Any

import pytest

from routing.core.snapshot import Role
from tests.routing.core.harness import BILLING, ENERGY, World, route
from tests.routing.core.settings_charger import (
    VERSIONS,
    Charger,
    a_world,
    a_write,
    ask,
    get_one,
    sampled,
    set_one,
    values,
    variable,
)
from tests.routing.core.test_metering import begin, moments, send, values_of

ALL = pytest.mark.parametrize("version", VERSIONS)
GETS = ("GetConfiguration", "GetVariables")


def a_charger_with(version: str, value: str, *routes: Any) -> tuple[World, Charger]:
    world, charger = a_world(version, *routes)
    charger.values[sampled(version)] = value
    world.forget()
    return world, charger


def gets(world: World) -> int:
    return sum(frame[2] in GETS for frame in world.commands)


@ALL
def test_a_longer_wish_of_another_does_not_slow_billing_down(version):
    world, charger = a_charger_with(version, "30")
    assert set_one(world, "energy", sampled(version), "300") == "Accepted"
    assert charger.values[sampled(version)] == "30"
    assert charger.told == []
    assert get_one(world, "energy", sampled(version)) == "300"
    begin(world)
    world.forget()
    for seconds in range(0, 630, 30):
        send(world, values_of(version, seconds))
    assert moments(world, "billing") == list(range(0, 630, 30))
    assert moments(world, "energy") == [0, 300, 600]


@ALL
def test_a_shorter_wish_of_another_changes_nothing_for_billing(version):
    world, charger = a_charger_with(version, "30")
    assert set_one(world, "energy", sampled(version), "10") == "Accepted"
    assert charger.told == [(sampled(version), "10")]
    world.restart()
    world.boot()
    assert get_one(world, "billing", sampled(version)) == "30"
    begin(world)
    world.forget()
    for seconds in range(0, 70, 10):
        send(world, values_of(version, seconds))
    assert moments(world, "billing") == [0, 30, 60]
    assert moments(world, "energy") == list(range(0, 70, 10))
    world.configure(BILLING)
    world.wait(1)
    assert charger.values[sampled(version)] == "30"


@ALL
def test_no_measurand_is_taken_from_billing(version):
    world, charger = a_world(version)
    assert set_one(world, "energy", values(version), "Power.Active.Import") == "Accepted"
    assert charger.values[values(version)] == "Energy.Active.Import.Register,Power.Active.Import"
    assert get_one(world, "energy", values(version)) == "Power.Active.Import"
    assert get_one(world, "billing", values(version)) == "Energy.Active.Import.Register"


@ALL
def test_what_billing_says_itself_counts(version):
    world, charger = a_charger_with(version, "30")
    set_one(world, "energy", sampled(version), "300")
    assert set_one(world, "billing", sampled(version), "900") == "Accepted"
    assert charger.values[sampled(version)] == "300"
    assert get_one(world, "billing", sampled(version)) == "900"


@ALL
@pytest.mark.parametrize("has", ["0", "", "often", "-1", "9" * 30])
def test_what_says_nothing_is_no_wish(version, has):
    world, charger = a_charger_with(version, has)
    assert set_one(world, "energy", sampled(version), "300") == "Accepted"
    assert charger.values[sampled(version)] == "300"
    assert get_one(world, "billing", sampled(version)) == "300"


@ALL
def test_the_charger_is_asked_once_and_only_where_it_matters(version):
    world, _ = a_charger_with(version, "30")
    for who, value in (("energy", "60"), ("energy", "90"), ("billing", "20"), ("energy", "10")):
        set_one(world, who, sampled(version), value)
    assert gets(world) == 1
    world, _ = a_charger_with(version, "30")
    set_one(world, "billing", sampled(version), "60")
    set_one(world, "energy", sampled(version), "90")
    assert gets(world) == 0
    world, charger = a_charger_with(version, "30", ENERGY, route(4, "other", Role.SERVICE))
    set_one(world, "energy", sampled(version), "90")
    assert gets(world) == 0
    assert charger.told == [(sampled(version), "90")]


@ALL
def test_a_charger_that_does_not_answer_is_told_nothing(version):
    world, charger = a_charger_with(version, "30")
    charger.silent = True
    world["energy"].call(*a_write(version, sampled(version), "300"))
    world.wait(100)
    assert [answer[0] for answer in world["energy"].answers] == [4]
    assert [frame[2] in GETS for frame in world.commands] == [True]


@ALL
def test_a_charger_that_cannot_say_is_told_what_was_asked(version):
    world, charger = a_charger_with(version, "30")

    def obey(world: World, frame: Any) -> None:
        if frame[2] in GETS:
            world.frame(json.dumps([4, frame[1], "NotSupported", "", {}]))
        else:
            charger.obey(world, frame)

    world.obey = obey
    assert set_one(world, "energy", sampled(version), "300") == "Accepted"
    assert charger.values[sampled(version)] == "300"


@ALL
@pytest.mark.parametrize("how", ["link", "route"])
def test_nothing_is_changed_for_who_has_gone_meanwhile(version, how):
    world, charger = a_charger_with(version, "30")
    charger.silent = True
    world["energy"].call(*a_write(version, sampled(version), "300"))
    if how == "link":
        world["energy"].lose()
        world["energy"].open()
    else:
        world.configure(BILLING)
    charger.silent = False
    charger.obey(world, world.commands[-1])
    world.wait(100)
    assert charger.told == []
    assert world.backoffices[ENERGY.key].answers == []


@ALL
def test_two_at_once_and_billing_in_between(version):
    world, charger = a_charger_with(version, "30", BILLING, ENERGY, route(4, "other", Role.CONTROL))
    charger.silent = True
    world["energy"].call(*a_write(version, sampled(version), "300"), "e")
    world["billing"].call(*a_write(version, sampled(version), "60"), "b")
    world["other"].call(*a_write(version, sampled(version), "120"), "o")
    charger.silent = False
    charger.obey(world, world.commands[-1])
    world.wait(10)
    assert charger.values[sampled(version)] == "60"
    assert [len(world[who].answers) for who in ("energy", "billing", "other")] == [1, 1, 1]
    for who, wish in (("energy", "300"), ("billing", "60"), ("other", "120")):
        assert get_one(world, who, sampled(version)) == wish


def test_odd_spelling_and_numbers():
    world, charger = a_charger_with("1.6", "30")
    answer = {"configurationKey": [{"key": " METERVALUEsampleInterval", "readonly": 0, "value": 30}]}

    def obey(world: World, frame: Any) -> None:
        if frame[2] in GETS:
            world.frame(json.dumps([3, frame[1], answer]))
        else:
            charger.obey(world, frame)

    world.obey = obey
    assert set_one(world, "energy", "metervaluesampleinterval ", "300") == "Accepted"
    assert charger.told == []


def test_several_items_of_one_write():
    world, charger = a_charger_with("2.0.1", "30")
    items = [
        variable("TxCtrlr.EVConnectionTimeOut", "31"),
        variable(sampled("2.0.1"), "300"),
        variable("AlignedDataCtrlr.Interval", "900"),
        variable("OCPPCommCtrlr.HeartbeatInterval", "60"),
    ]
    results = ask(world, "energy", "SetVariables", {"setVariableData": items})["setVariableResult"]
    assert [r["attributeStatus"] for r in results] == ["Rejected", "Accepted", "Accepted", "Accepted"]
    assert charger.told == [("AlignedDataCtrlr.Interval", "900")]


# -- after a boot --------------------------------------------------------------------------------------


@ALL
@pytest.mark.parametrize("restarts", [False, True])
def test_a_charger_that_has_lost_its_settings_is_told_again(version, restarts):
    world, charger = a_world(version)
    set_one(world, "billing", sampled(version), "60")
    set_one(world, "energy", sampled(version), "10")
    set_one(world, "billing", values(version), "Energy.Active.Import.Register,Voltage")
    charger.values |= {sampled(version): "900", values(version): "Voltage"}
    charger.told.clear()
    if restarts:
        world.restart()
    world.boot()
    world.wait(10)
    assert charger.told == [
        (sampled(version), "10"),
        (values(version), "Energy.Active.Import.Register,Voltage"),
    ]
    assert gets(world) == 1
    assert get_one(world, "billing", sampled(version)) == "60"


@ALL
def test_a_charger_that_does_not_say_what_it_has_is_left_alone(version):
    world, charger = a_world(version)
    set_one(world, "billing", sampled(version), "60")
    world.boot()
    charger.silent = True
    world.wait(1000)
    assert gets(world) == len(world.commands) == 1
    assert charger.told == [(sampled(version), "60")]


@ALL
def test_without_wishes_nothing_is_asked_after_a_boot(version):
    world, _ = a_world(version)
    world.boot()
    world.wait(1000)
    assert world.commands == []
