"""Meter values at each backoffice's own rhythm (ocpp-semantics 3.9)."""

from __future__ import annotations

import itertools
import json
from datetime import datetime, timedelta
from typing import Any

import pytest

from routing.core import metering
from routing.core.metering import CLOCK, PERIODIC, Pace, Rhythm
from routing.core.snapshot import Role
from tests.routing.core.harness import BILLING, EPOCH, World, event, route, start
from tests.routing.core.schemas import judge
from tests.routing.core.settings_charger import VERSIONS, a_world, get_one, sampled, set_one, values

ALL = pytest.mark.parametrize("version", VERSIONS)
SEQ_NO = itertools.count(1)
OF_2 = pytest.mark.parametrize("version", ["2.0.1", "2.1"])


def at(seconds: float) -> str:
    return (EPOCH + timedelta(seconds=seconds)).isoformat().replace("+00:00", "Z")


def aligned(version: str) -> str:
    return "ClockAlignedDataInterval" if version == "1.6" else "AlignedDataCtrlr.Interval"


def sample(version: str, **more: Any) -> dict[str, Any]:
    return {"value": "1.10" if version == "1.6" else 1.10, **more}


def values_of(version: str, seconds: float, *samples: dict[str, Any]) -> dict[str, Any]:
    return {"timestamp": at(seconds), "sampledValue": list(samples) or [sample(version)]}


def begin(world: World) -> None:
    if world.version == "1.6":
        world.call("StartTransaction", start())
    else:
        world.call("TransactionEvent", event("Started", 0, card="CARD"))


def send(world: World, *groups: dict[str, Any], trigger: str = "MeterValuePeriodic", **more: Any) -> None:
    """One message with meter values of the running session."""
    if world.version == "1.6":
        action: str = "MeterValues"
        payload = {"connectorId": 1, "transactionId": 100, "meterValue": list(groups)}
    else:
        action = "TransactionEvent"
        payload = event("Updated", next(SEQ_NO), triggerReason=trigger, meterValue=list(groups), **more)
    judge(world.version, json.dumps([2, "x", action, payload]))
    assert world.call(action, payload) is not None


def moments(world: World, who: str) -> list[float]:
    """The seconds of the values that a backoffice has got, in the order it got them."""
    found = []
    for _, payload in world[who].of("MeterValues", "TransactionEvent"):
        for group in payload.get("meterValue", []):
            assert group["sampledValue"]
            moment = datetime.fromisoformat(group["timestamp"].replace("Z", "+00:00"))
            found.append((moment - EPOCH).total_seconds())
    return found


def charging(version: str, **wishes: str) -> World:
    """A session on a charger of which these backoffices have asked for meter values so often."""
    world, _ = a_world(version)
    for who, value in wishes.items():
        assert set_one(world, who, sampled(version), value) == "Accepted"
    begin(world)
    world.forget()
    return world


# -- rhythm --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wanted", "charger", "sent", "kept"),
    [
        (60, 10, range(0, 200, 10), [0, 60, 120, 180]),
        (25, 10, range(0, 130, 10), [0, 20, 50, 70, 100, 120]),
        (60, 10, [0, 9, 21, 30, 41, 50, 59, 71, 80, 118, 121, 130], [0, 59, 118]),
        (60, 10, [0, 10, 500, 510, 550, 560], [0, 500, 560]),
        (60, 10, [1000, 1010, 0, 10, 60], [1000, 0, 60]),
        (60, 10, [0, 60, 50, 120], [0, 60, 120]),
        (0, 10, range(0, 100, 10), []),
    ],
    ids=["regular", "not a multiple", "jitter", "a gap", "clock set back", "out of order", "never"],
)
def test_periodic_samples(wanted, charger, sent, kept):
    rhythm = Rhythm({PERIODIC: Pace(wanted, charger)}, {})
    assert [s for s in sent if rhythm.is_due(PERIODIC, 1, at(s))] == kept


@pytest.mark.parametrize(
    ("wanted", "charger", "sent", "kept"),
    [
        (3600, 900, range(0, 8000, 900), [0, 3600, 7200]),
        (3600, 900, [899, 1800, 2700, 3599, 4500], [3599]),
        (60, 7, [55, 56, 63, 70, 119, 126], [63, 119]),
        (900, 60, [840, 898, 901, 960], [898, 901]),
        (0, 900, [0, 900], []),
    ],
    ids=["multiple", "early", "not a multiple", "two within", "never"],
)
def test_aligned_samples_of_the_routes_own_interval_stay(wanted, charger, sent, kept):
    rhythm = Rhythm({CLOCK: Pace(wanted, charger)}, {})
    assert [s for s in sent if rhythm.is_due(CLOCK, 1, at(s))] == kept


def test_each_session_and_connector_has_its_own_count():
    rhythm = Rhythm({PERIODIC: Pace(60, 10)}, {})
    assert [rhythm.is_due(PERIODIC, key, at(0)) for key in (1, 2, 1, 2)] == [True, True, False, False]
    for key in range(200):
        rhythm.is_due(PERIODIC, key, at(0))
    assert len(rhythm.due) <= metering.REMEMBERED


@pytest.mark.parametrize("timestamp", ["", "yesterday", "9999-99-99T00:00:00Z"])
def test_a_moment_that_cannot_be_read_is_kept(timestamp):
    assert Rhythm({PERIODIC: Pace(60, 10)}, {}).is_due(PERIODIC, 1, timestamp)


# -- through the machine -------------------------------------------------------------------------------


@ALL
def test_each_gets_its_own_rhythm(version):
    world = charging(version, billing="60", energy="10")
    for seconds in range(0, 300, 10):
        send(world, values_of(version, seconds))
    assert moments(world, "billing") == [0, 60, 120, 180, 240]
    assert moments(world, "energy") == list(range(0, 300, 10))
    assert moments(world, "watcher") == list(range(0, 300, 10))  # has no wish: everything


@OF_2
@pytest.mark.parametrize("wish", ["60", "0"])
def test_no_event_is_missing_where_values_are_left_out(version, wish):
    world = charging(version, billing=wish, energy="10")
    sent = []
    for seconds in range(0, 130, 10):
        send(world, values_of(version, seconds))
        sent.append(json.loads(world["energy"].frames[-1])[3]["seqNo"])
    assert [payload["seqNo"] for payload in world["billing"].payloads("TransactionEvent")] == sent
    assert moments(world, "billing") == ([0, 60, 120] if wish == "60" else [])
    for frame in world["billing"].frames:
        judge(version, frame)


@ALL
def test_nothing_is_thinned_while_nobody_wants_less(version):
    world = charging(version, billing="10", energy="10")
    assert [line.metering for line in world.machine._state.lines.values()] == [None, None, None]
    for seconds in range(0, 40, 10):
        send(world, values_of(version, seconds))
    assert moments(world, "billing") == moments(world, "energy") == [0, 10, 20, 30]


@ALL
def test_a_route_that_wants_none_gets_none(version):
    world = charging(version, billing="0", energy="10")
    for seconds in range(0, 40, 10):
        send(world, values_of(version, seconds))
    assert moments(world, "billing") == []
    assert moments(world, "energy") == [0, 10, 20, 30]


@ALL
@pytest.mark.parametrize(
    "context",
    ["Transaction.Begin", "Transaction.End", "Trigger", "Interruption.Begin", "Other", "Sample.Clock"],
)
def test_what_is_not_periodic_is_never_left_out(version, context):
    world = charging(version, billing="60", energy="10")
    for seconds in (0, 10, 20):
        send(world, values_of(version, seconds, sample(version, context=context), sample(version)))
    assert moments(world, "billing") == [0, 10, 20]


@ALL
def test_signed_values_are_never_left_out(version):
    signed: dict[str, Any] = (
        {"format": "SignedData"}
        if version == "1.6"
        else {
            "signedMeterValue": {
                "signedMeterData": "x",
                "encodingMethod": "OCMF",
                **({"signingMethod": "", "publicKey": ""} if version == "2.0.1" else {}),
            }
        }
    )
    world = charging(version, billing="60", energy="10")
    for seconds in (0, 10, 20):
        send(world, values_of(version, seconds, sample(version, **signed)))
    assert moments(world, "billing") == [0, 10, 20]


@ALL
def test_the_order_of_delivery_stays(version):
    world = charging(version, billing="60", energy="10")
    world["billing"].lose()
    for seconds in range(0, 130, 10):
        send(world, values_of(version, seconds))
    if version == "1.6":
        world.call("StopTransaction", {"transactionId": 100, "meterStop": 5, "timestamp": at(130)})
    else:
        world.call("TransactionEvent", event("Ended", 99, triggerReason="EVDeparted"))
    world["billing"].open()
    assert moments(world, "billing") == [0, 60, 120]
    last = world["billing"].of("StopTransaction", "TransactionEvent")[-1]
    assert last[0] == "StopTransaction" or last[1]["eventType"] == "Ended"
    assert world.database.deliveries == {}


@ALL
def test_it_goes_on_after_a_restart_and_ends_with_the_wish(version):
    world = charging(version, billing="60", energy="10")
    world.restart()
    world.boot()
    for seconds in range(0, 70, 10):
        send(world, values_of(version, seconds))
    assert moments(world, "billing") == [0, 60]
    world.configure(BILLING)
    world.forget()
    for seconds in range(70, 100, 10):
        send(world, values_of(version, seconds))
    assert moments(world, "billing") == [70, 80, 90]


@ALL
def test_a_shorter_wish_counts_at_once(version):
    world = charging(version, billing="3600", energy="10")
    send(world, values_of(version, 0))
    set_one(world, "billing", sampled(version), "20")
    world.forget()
    for seconds in range(10, 60, 10):
        send(world, values_of(version, seconds))
    assert moments(world, "billing") == [10, 30, 50]


@ALL
def test_aligned_values_have_an_interval_of_their_own(version):
    world, _ = a_world(version)
    set_one(world, "billing", aligned(version), "3600")
    set_one(world, "energy", aligned(version), "900")
    begin(world)
    world.forget()
    for seconds in range(0, 8000, 900):
        send(
            world,
            values_of(version, seconds, sample(version, context="Sample.Clock")),
            trigger="MeterValueClock",
        )
        send(world, values_of(version, seconds + 100))
    assert [s for s in moments(world, "billing") if s % 900 == 0] == [0, 3600, 7200]
    assert len([s for s in moments(world, "billing") if s % 900]) == 9


@ALL
def test_a_charger_that_was_set_on_the_spot(version):
    world, charger = a_world(version)
    set_one(world, "billing", sampled(version), "60")
    charger.values[sampled(version)] = "10"
    begin(world)
    get_one(world, "energy", sampled(version))
    world.forget()
    for seconds in range(0, 70, 10):
        send(world, values_of(version, seconds))
    assert moments(world, "billing") == [0, 60]
    assert moments(world, "energy") == list(range(0, 70, 10))


def test_several_moments_in_one_message():
    world = charging("1.6", billing="60", energy="10")
    send(world, *(values_of("1.6", seconds) for seconds in range(0, 70, 10)))
    send(world, *(values_of("1.6", seconds) for seconds in range(70, 110, 10)))
    assert moments(world, "billing") == [0, 60]
    assert len(world["billing"].payloads("MeterValues")) == 1
    assert moments(world, "energy") == list(range(0, 110, 10))


@OF_2
@pytest.mark.parametrize(
    "more",
    [
        {"trigger": "ChargingStateChanged"},
        {"trigger": "Trigger"},
        {"idToken": {"idToken": "CARD", "type": "ISO14443"}},
    ],
    ids=str,
)
def test_events_that_say_something_else_are_never_left_out(version, more):
    world = charging(version, billing="60", energy="10")
    for seconds in (0, 10, 20):
        send(world, values_of(version, seconds), **more)
    assert moments(world, "billing") == [0, 10, 20]


@OF_2
def test_a_change_of_the_session_is_never_left_out(version):
    world = charging(version, billing="60", energy="10")
    for seconds, doing in ((0, "Charging"), (10, "Charging"), (20, "SuspendedEV"), (30, "SuspendedEV")):
        info = {"transactionId": "T-1", "chargingState": doing}
        send(world, values_of(version, seconds), transactionInfo=info)
    assert moments(world, "billing") == [0, 20]


@OF_2
def test_meter_values_without_a_session(version):
    world, _ = a_world(version)
    set_one(world, "billing", aligned(version), "3600")
    set_one(world, "energy", aligned(version), "900")
    world.forget()
    for seconds in range(0, 8000, 900):
        for evse in (1, 2):
            group = values_of(version, seconds, sample(version, context="Sample.Clock"))
            world.call("MeterValues", {"evseId": evse, "meterValue": [group]})
    assert moments(world, "billing") == [0, 0, 3600, 3600, 7200, 7200]


@pytest.mark.parametrize(
    "payload",
    [
        '{"connectorId":1}',
        '{"connectorId":1,"meterValue":{}}',
        '{"connectorId":1,"meterValue":[1]}',
        '{"connectorId":1,"meterValue":[{"timestamp":5,"sampledValue":5}]}',
        '{"connectorId":1,"meterValue":[{"timestamp":"x","sampledValue":[{"value":1}]}]}',
        '{"connectorId":1,"meterValue":[{"sampledValue":[]}]}',
    ],
)
def test_what_cannot_be_read_is_passed_on_as_it_is(payload):
    world, _ = a_world("1.6")
    set_one(world, "billing", "MeterValueSampleInterval", "60")
    set_one(world, "energy", "MeterValueSampleInterval", "10")
    for _ in range(3):
        world.frame(f'[2,"m{len(world["billing"].frames)}","MeterValues",{payload}]')
    assert [f.endswith(f'"MeterValues",{payload}]') for f in world["billing"].frames[-3:]] == [True] * 3


# -- what was not asked for ----------------------------------------------------------------------------


@ALL
def test_measurands_that_a_route_has_not_asked_for(version):
    choosy = route(2, "energy", Role.CONTROL, filter_measurands=True)
    world, _ = a_world(version, BILLING, choosy)
    set_one(world, "billing", values(version), "SoC,Energy.Active.Import.Register")
    set_one(world, "energy", values(version), "Voltage, Current.Import.L1")
    begin(world)
    world.forget()
    group = values_of(
        version,
        0,
        sample(version),
        sample(version, measurand="SoC"),
        sample(version, measurand="Voltage", phase="L2"),
        sample(version, measurand="Current.Import", phase="L1"),
        sample(version, measurand="Current.Import", phase="L2"),
        sample(version, measurand="SoC", context="Transaction.Begin"),
    )
    send(world, group)
    send(world, values_of(version, 10))
    action = "MeterValues" if version == "1.6" else "TransactionEvent"
    assert world["billing"].payloads(action)[0]["meterValue"] == [group]
    got = world["energy"].payloads(action)
    assert [(s.get("measurand"), s.get("phase")) for s in got[0]["meterValue"][0]["sampledValue"]] == [
        ("Voltage", "L2"),
        ("Current.Import", "L1"),
        ("SoC", None),
    ]
    assert len(got) == (1 if version == "1.6" else 2)
    for payload in got:
        judge(version, json.dumps([2, "x", action, payload]))
        assert payload.get("meterValue") != []


@ALL
def test_without_a_wish_nothing_is_filtered(version):
    world, _ = a_world(version, BILLING, route(2, "energy", Role.CONTROL, filter_measurands=True))
    begin(world)
    world.forget()
    send(world, values_of(version, 0))
    assert moments(world, "energy") == [0]
