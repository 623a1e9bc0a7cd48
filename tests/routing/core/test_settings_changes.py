"""Settings that several backoffices share: merged intervals and lists (ocpp-semantics 3.9)."""

from __future__ import annotations

import itertools
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from routing.core import settings as core_settings
from routing.core.settings import wishes
from routing.core.settings.learning import Limit
from routing.core.snapshot import Role, Verdict
from tests.routing.core.harness import BILLING, ENERGY, WATCHER, World, route
from tests.routing.core.settings_charger import (
    VERSIONS,
    Charger,
    a_world,
    a_write,
    get_one,
    sampled,
    set_one,
    values,
)

ALL = pytest.mark.parametrize("version", VERSIONS)


# -- merged intervals ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wanted", "given"),
    [
        ([60, 10], 10),
        ([10, 60], 10),
        ([0, 30], 30),
        ([0, 0], 0),
        ([1, 60], 5),
        ([3, 4], 5),
        ([0], 0),
        ([7], 7),
    ],
    ids=str,
)
def test_the_shortest_wish_wins_and_never_below_five(wanted, given):
    assert wishes.shortest(wanted) == given


@ALL
def test_the_charger_gets_the_shortest_and_each_reads_its_own(version):
    world, charger = a_world(version)
    assert set_one(world, "billing", sampled(version), "60") == "Accepted"
    assert set_one(world, "energy", sampled(version), "10") == "Accepted"
    assert charger.told == [(sampled(version), "60"), (sampled(version), "10")]
    assert (get_one(world, "billing", sampled(version)), get_one(world, "energy", sampled(version))) == (
        "60",
        "10",
    )
    assert get_one(world, "watcher", sampled(version)) == "10"


@ALL
def test_what_changes_nothing_is_not_sent(version):
    world, charger = a_world(version)
    set_one(world, "energy", sampled(version), "10")
    assert set_one(world, "billing", sampled(version), "60") == "Accepted"
    assert set_one(world, "billing", sampled(version), "90") == "Accepted"
    assert set_one(world, "energy", sampled(version), "10") == "Accepted"
    assert charger.told == [(sampled(version), "10")]
    assert get_one(world, "billing", sampled(version)) == "90"


@ALL
@pytest.mark.parametrize("value", ["-1", "ten", "1.5", "", " ", "9" * 12, "1e2"])
def test_an_interval_that_is_none_is_rejected(version, value):
    world, charger = a_world(version)
    assert set_one(world, "energy", sampled(version), value) == "Rejected"
    assert charger.told == []
    assert get_one(world, "energy", sampled(version)) == "0"


@ALL
def test_a_refusal_of_the_charger_is_relayed_and_the_wish_dropped(version):
    world, charger = a_world(version)
    set_one(world, "billing", sampled(version), "60")
    charger.refuses = {"10"}
    assert set_one(world, "energy", sampled(version), "10") == "Rejected"
    assert (charger.values[sampled(version)], get_one(world, "energy", sampled(version))) == ("60", "60")
    assert set_one(world, "billing", sampled(version), "90") == "Accepted"
    assert charger.values[sampled(version)] == "90"


@ALL
def test_a_reboot_that_the_charger_wants_is_the_askers_to_order(version):
    world, charger = a_world(version)
    charger.reboots = {"10"}
    assert set_one(world, "energy", sampled(version), "10") == "RebootRequired"
    assert [next(iter(a)) for a in charger.asked if "Reset" in str(a)] == []
    assert get_one(world, "energy", sampled(version)) == "10"


@ALL
@pytest.mark.parametrize(
    "change",
    [
        (BILLING, WATCHER),
        (
            BILLING,
            route(
                2, "energy", Role.CONTROL, {"ChangeConfiguration": Verdict.DENY, "SetVariables": Verdict.DENY}
            ),
        ),
    ],
    ids=["switched off", "denied"],
)
def test_the_wish_of_a_route_that_may_not_any_more_goes(version, change):
    world, charger = a_world(version)
    set_one(world, "billing", sampled(version), "60")
    set_one(world, "energy", sampled(version), "10")
    world.configure(*change)
    assert charger.values[sampled(version)] == "60"
    world.configure(BILLING, ENERGY)
    assert get_one(world, "energy", sampled(version)) == "60"


@ALL
def test_a_route_that_goes_while_the_charger_is_away(version):
    world, charger = a_world(version)
    set_one(world, "billing", sampled(version), "60")
    set_one(world, "energy", sampled(version), "10")
    world.disconnect()
    world.configure(BILLING)
    world.boot()
    world.wait(10)
    assert charger.values[sampled(version)] == "60"


@ALL
def test_a_route_that_goes_before_the_charger_is_there(version):
    world, charger = a_world(version)
    set_one(world, "billing", sampled(version), "60")
    set_one(world, "energy", sampled(version), "10")
    world.restart()
    world.configure(BILLING)
    world.boot()
    world.wait(10)
    assert charger.values[sampled(version)] == "60"


@ALL
@pytest.mark.parametrize("status", ["Rejected", ["Accepted"], {}, None, 5])
def test_a_charger_that_does_not_do_what_is_left_of_the_wishes(version, status):
    world, charger = a_world(version)
    set_one(world, "billing", sampled(version), "60")
    set_one(world, "energy", sampled(version), "10")
    charger.silent = True
    world.configure(BILLING)
    answer = {"status": status} if version == "1.6" else {"setVariableResult": [{"attributeStatus": status}]}
    world.frame(json.dumps([3, world.commands[-1][1], answer]))
    assert len(world.commands) == 3
    assert "has not taken" in world.reports[-1].text


@ALL
def test_a_charger_that_reboots_has_kept_its_values(version):
    world, charger = a_world(version)
    set_one(world, "billing", sampled(version), "60")
    world.restart()
    world.boot()
    world.wait(60)
    assert charger.told == [(sampled(version), "60")]
    assert get_one(world, "billing", sampled(version)) == "60"
    set_one(world, "energy", sampled(version), "70")
    assert charger.told == [(sampled(version), "60")]


@ALL
def test_a_charger_that_does_not_answer_is_told_again_when_it_is_back(version):
    world, charger = a_world(version)
    set_one(world, "billing", sampled(version), "60")
    charger.silent = True
    world["energy"].call(*a_write(version, sampled(version), "10"))
    world.wait(60)
    assert world["energy"].answers[-1][0] == 4
    assert get_one_silently(world, charger, "energy", sampled(version)) == "60"
    world.disconnect()
    charger.values[sampled(version)] = "10"  # it had done so after all
    world.boot()
    world.wait(10)
    assert charger.values[sampled(version)] == "60"


def get_one_silently(world: World, charger: Charger, who: str, name: str) -> str | None:
    charger.silent = False
    return get_one(world, who, name)


@ALL
def test_two_that_ask_at_once(version):
    world, charger = a_world(version)
    charger.silent = True
    world["energy"].call(*a_write(version, sampled(version), "10"), "e")
    world["billing"].call(*a_write(version, sampled(version), "300"), "b")
    charger.silent = False
    for _ in range(3):
        frame = world.commands[-1]
        charger.obey(world, frame)
    assert charger.values[sampled(version)] == "10"
    assert [a[1] for name in ("energy", "billing") for a in world[name].answers] == ["e", "b"]


@given(
    writes=st.lists(
        st.tuples(
            st.sampled_from(["billing", "energy", "watcher"]),
            st.sampled_from(["0", "1", "5", "10", "60", "900", "-1", "x"]),
        ),
        max_size=12,
    ),
    version=st.sampled_from(VERSIONS),
    restarts=st.booleans(),
)
@settings(max_examples=60, deadline=None)
def test_the_charger_always_has_what_the_rule_says(writes, version, restarts):
    allowed = {"ChangeConfiguration": Verdict.GUARD, "SetVariables": Verdict.GUARD}
    world, charger = a_world(version, BILLING, ENERGY, route(3, "watcher", Role.OBSERVE, allowed))
    own: dict[str, str] = {}
    for who, value in writes:
        status = set_one(world, who, sampled(version), value)
        assert (status == "Accepted") is value.isdecimal()
        if value.isdecimal():
            own[who] = value
        if restarts:
            world.restart()
            world.boot()
        expected = wishes.shortest(int(v) for v in own.values())
        assert charger.values[sampled(version)] == str(expected)
        for name, wish in own.items():
            assert get_one(world, name, sampled(version)) == wish
        told = [v for _, v in charger.told]
        assert all(a != b for a, b in itertools.pairwise(told))


@ALL
def test_a_call_that_the_charger_never_got_leaves_nothing_uncertain(version):
    world, charger = a_world(version)
    set_one(world, "billing", sampled(version), "60")
    charger.silent = True
    world["billing"].call("Reset", {"type": "Hard" if version == "1.6" else "Immediate"}, "r")
    world["energy"].call(*a_write(version, sampled(version), "10"), "e")
    world["energy"].lose()
    world.disconnect()
    charger.silent = False
    world.boot()
    world.wait(30)
    assert charger.told == [(sampled(version), "60")]


# -- merged lists --------------------------------------------------------------------------------------


def test_a_union_keeps_the_order_of_the_first_and_each_once():
    assert wishes.union(["B,A", " a , C", "", "D,,B"]) == "B,A,C,D"
    assert wishes.union(["B,A", "C"], Limit(items=2)) == "B,A"
    assert wishes.union(["Bb,Aa", "C"], Limit(characters=5)) == "Bb,Aa"
    assert wishes.union(["Bb,Aaaaaa", "C"], Limit(characters=5)) == "Bb,C"


@ALL
def test_the_charger_gets_what_anybody_wants_billings_first(version):
    world, charger = a_world(version)
    set_one(world, "energy", values(version), "Power.Active.Import, Voltage")
    set_one(world, "billing", values(version), "Energy.Active.Import.Register,Voltage")
    assert charger.values[values(version)] == "Energy.Active.Import.Register,Voltage,Power.Active.Import"
    assert get_one(world, "energy", values(version)) == "Power.Active.Import, Voltage"
    assert get_one(world, "billing", values(version)) == "Energy.Active.Import.Register,Voltage"


@ALL
def test_billing_gets_its_own_where_the_charger_cannot_do_all(version):
    world, charger = a_world(version)
    set_one(world, "energy", values(version), "Voltage")
    charger.refuses = {"SoC,Voltage"}
    assert set_one(world, "billing", values(version), "SoC") == "Accepted"
    assert charger.values[values(version)] == "SoC"
    assert get_one(world, "energy", values(version)) == "Voltage"


@ALL
def test_another_is_refused_where_the_charger_cannot_do_all(version):
    world, charger = a_world(version)
    set_one(world, "billing", values(version), "SoC")
    charger.refuses = {"SoC,Voltage"}
    assert set_one(world, "energy", values(version), "Voltage") == "Rejected"
    assert charger.values[values(version)] == "SoC"
    assert get_one(world, "energy", values(version)) == "SoC"
    assert len(charger.asked) == 3


@ALL
def test_where_it_is_not_certain_what_the_charger_has_billings_is_sent_again(version):
    world, charger = a_world(version)
    set_one(world, "billing", values(version), "SoC")
    state = world.machine._state
    state.latest.pop(("merged", values(version)))
    charger.refuses = {"SoC,Voltage"}
    assert set_one(world, "energy", values(version), "Voltage") == "Rejected"
    assert charger.told == [(values(version), "SoC")] * 2


def test_a_list_is_cut_to_what_the_charger_holds():
    world, charger = a_world("1.6")
    charger.values["MeterValuesSampledDataMaxLength"] = "2"
    assert get_one(world, "billing", "MeterValuesSampledDataMaxLength") == "2"
    set_one(world, "billing", "MeterValuesSampledData", "SoC,Voltage")
    assert set_one(world, "energy", "MeterValuesSampledData", "Frequency,SoC") == "Accepted"
    assert charger.values["MeterValuesSampledData"] == "SoC,Voltage"
    assert core_settings.known(world.machine._state, "MeterValuesSampledDataMaxLength") == "2"


@ALL
def test_two_that_want_lists_at_once(version):
    world, charger = a_world(version)
    charger.silent = True
    world["energy"].call(*a_write(version, values(version), "SoC"), "e")
    world["billing"].call(*a_write(version, values(version), "Voltage"), "b")
    charger.silent = False
    for _ in range(2):
        charger.obey(world, world.commands[-1])
    assert charger.values[values(version)] == "Voltage,SoC"
