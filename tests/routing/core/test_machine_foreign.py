"""What a backoffice sees of sessions that others own: ocpp-semantics 5.4, scenario 49; and ``unknown_tx``."""

from __future__ import annotations

import json
from typing import Any

import pytest

from routing.core.binding import card_alias
from routing.core.options import AuthRule, ChargerOptions
from routing.core.snapshot import Role
from tests.routing.core.backoffice import Backoffice
from tests.routing.core.harness import BILLING, World, event, meter, route, start, stop

CARD = "04A1B2C3D4"
SIGNED = {"value": f"OCMF|{CARD}|signature", "format": "SignedData", "context": "Transaction.End"}
SIGNED_2 = {"value": 2.5, "signedMeterValue": {"signedMeterData": CARD}}
RAW = {"value": "1.10"}
SESSION = ("StartTransaction", "MeterValues", "StopTransaction", "TransactionEvent")


def world_with(role: Role = Role.OBSERVE, version: str = "1.6", **options: Any) -> World:
    world = World(BILLING, route(2, "other", role, **options), version=version)
    world.boot()
    return world


def with_values(*values: Any) -> list[dict[str, Any]]:
    return [{"timestamp": "t", "sampledValue": list(values)}]


def a_session(world: World) -> None:
    world.call("StartTransaction", start(tag=CARD))
    world.call("MeterValues", {**meter(100), "meterValue": with_values(RAW, SIGNED)})
    world.call("MeterValues", {"connectorId": 1, "meterValue": with_values(RAW, SIGNED)})
    world.call("StopTransaction", {**stop(100), "idTag": CARD, "transactionData": with_values(SIGNED)})


def an_event_session(world: World) -> None:
    world.call("TransactionEvent", event("Started", 0, card=CARD))
    world.call("TransactionEvent", event("Updated", 1, meterValue=with_values(RAW, SIGNED_2)))
    world.call("TransactionEvent", event("Ended", 2, card=CARD, meterValue=with_values(SIGNED_2)))


@pytest.mark.parametrize(
    ("role", "option", "sees"),
    [
        (Role.OBSERVE, None, "alias"),
        (Role.CONTROL, None, "full"),
        (Role.ENERGY, None, "full"),
        (Role.SERVICE, None, "full"),
        (Role.CONTROL, "alias", "alias"),
        (Role.CONTROL, "hidden", "hidden"),
        (Role.OBSERVE, "full", "full"),
        (Role.OBSERVE, "hidden", "hidden"),
    ],
)
@pytest.mark.parametrize("version", ["1.6", "2.0.1", "2.1"])
def test_who_sees_the_card(role: Role, option: str | None, sees: str, version: str) -> None:
    world = world_with(role, version, foreign_tx=option)
    (a_session if version == "1.6" else an_event_session)(world)
    text = "".join(world["other"].frames)
    assert (CARD in text) is (sees == "full")
    alias = card_alias(world.routes[1], CARD)
    assert (alias in text) is (sees == "alias")
    assert ("StopTransaction" in text or "Ended" in text) is (sees != "hidden")
    assert CARD in "".join(world["billing"].frames)


def test_an_alias_is_the_same_in_start_and_stop_and_another_for_another_backoffice() -> None:
    world = World(BILLING, route(2, "one", Role.OBSERVE), route(3, "two", Role.OBSERVE))
    world.boot()
    a_session(world)
    tags = {
        name: {p.get("idTag") for _, p in world[name].of("StartTransaction", "StopTransaction")}
        for name in ("one", "two")
    }
    assert len(tags["one"]) == len(tags["two"]) == 1
    assert tags["one"] != tags["two"]
    assert {len(t) for tag in tags.values() for t in tag} == {20}


def test_signed_values_are_dropped_and_the_rest_stays() -> None:
    world = world_with()
    a_session(world)
    values = [p["meterValue"] for p in world["other"].payloads("MeterValues")]
    assert values == [with_values(RAW)] * 2
    assert "transactionData" not in world["other"].payloads("StopTransaction")[0]
    assert world["billing"].payloads("StopTransaction")[0]["transactionData"] == with_values(SIGNED)


@pytest.mark.parametrize("version", ["2.0.1", "2.1"])
def test_signed_values_of_2x_are_dropped(version: str) -> None:
    world = world_with(version=version)
    an_event_session(world)
    values = [p.get("meterValue") for p in world["other"].payloads("TransactionEvent")]
    assert values == [None, with_values(RAW), None]
    tokens = [p["idToken"] for p in world["other"].payloads("TransactionEvent") if "idToken" in p]
    assert [t["type"] for t in tokens] == ["Central", "Central"]


def test_meter_values_with_nothing_but_signatures_are_not_sent_at_all() -> None:
    world = world_with()
    world.call("StartTransaction", start(tag=CARD))
    world.call("MeterValues", {**meter(100), "meterValue": with_values(SIGNED)})
    assert world["other"].payloads("MeterValues") == []
    assert world.database.deliveries == {}


@pytest.mark.parametrize(
    "values",
    [
        "text with SignedData",
        {"SignedData": 1},
        None,
        [None, "SignedData"],
        [{"sampledValue": "SignedData"}],
        [{"sampledValue": [["SignedData"]]}],
        [{"sampledValue": [{"format": {"x": "SignedData"}}]}],
        [{"sampledValue": [{"value": CARD, "format": "Signed\u0044ata"}]}],
    ],
)
def test_what_cannot_be_read_is_not_provably_free_of_the_card(values: Any) -> None:
    world = world_with()
    world.call("StartTransaction", start(tag=CARD))
    payload = {**meter(100), "meterValue": values, "note": "SignedData"}
    assert world.call("MeterValues", payload)[2] == {}
    assert CARD not in "".join(world["other"].frames)
    assert world["billing"].payloads("MeterValues") == [payload]


def test_an_escaped_mark_of_a_signature_is_found() -> None:
    world = world_with()
    world.call("StartTransaction", start(tag=CARD))
    value = json.dumps({"value": CARD, "format": "X"}).replace('"X"', '"Signed\\u0044ata"')
    world.frame(
        f'[2,"m","MeterValues",{{"connectorId":1,"transactionId":100,'
        f'"meterValue":[{{"timestamp":"t","sampledValue":[{value}]}}]}}]'
    )
    assert CARD not in "".join(world["other"].frames)


def test_hidden_leaves_values_without_a_session_and_statuses() -> None:
    world = world_with(foreign_tx="hidden")
    a_session(world)
    world.call("StatusNotification", {"connectorId": 1, "errorCode": "NoError", "status": "Charging"})
    assert [a for a, _ in world["other"].got] == ["MeterValues", "MeterValues", "StatusNotification"]
    assert all("transactionId" not in p for p in world["other"].payloads("MeterValues"))


@pytest.mark.parametrize("version", ["1.6", "2.0.1", "2.1"])
@pytest.mark.parametrize("moment", ["reconnect", "restart", "configure", "link"])
def test_a_hidden_session_stays_hidden(version: str, moment: str) -> None:
    world = world_with(version=version, foreign_tx="hidden")
    if version == "1.6":
        world.call("StartTransaction", start(tag=CARD))
    else:
        world.call("TransactionEvent", event("Started", 0, card=CARD))
    match moment:
        case "reconnect":
            world.connect()
        case "restart":
            world.restart()
            world.connect()
        case "configure":
            world.configure(*world.routes)
        case "link":
            world["other"].lose()
            world["other"].open()
    world.wait(5)
    assert world["other"].of(*SESSION) == []


def happening(session: str | None) -> dict[str, Any]:
    named = {} if session is None else {"transactionId": session}
    what = {"component": {"name": "C"}, "variable": {"name": "V"}, "actualValue": "1"}
    return {"eventId": 1, "timestamp": "t", "trigger": "Delta", "eventNotificationType": "CustomMonitor",
            **named, **what}  # fmt: skip


@pytest.mark.parametrize("version", ["2.0.1", "2.1"])
@pytest.mark.parametrize(
    ("option", "named"),
    [("hidden", ["MINE", None, None, None]), ("alias", ["MINE", "T-1", "NEVER-SEEN", None])],
)
def test_events_do_not_name_a_session_that_is_hidden(
    version: str, option: str, named: list[str | None]
) -> None:
    rules = (AuthRule(match="prefix", value="MINE", backoffice="other"),)
    options = ChargerOptions(authorization="prefix", auth_rules=rules)
    other = route(2, "other", Role.CONTROL, foreign_tx=option)
    world = World(BILLING, other, version=version, options=options)
    world.boot()
    for session in ("MINE", "T-1"):
        world.call("TransactionEvent", event("Started", 0, session, card=session))
    events = [happening(session) for session in ("MINE", "T-1", "NEVER-SEEN", None)]
    head = {"generatedAt": "t", "seqNo": 0, "tbc": False}
    world.call("NotifyEvent", {**head, "eventData": events})
    world.wait(1)
    assert world["billing"].payloads("NotifyEvent")[0]["eventData"] == events
    got = world["other"].payloads("NotifyEvent")[0]["eventData"]
    assert [entry.get("transactionId") for entry in got] == named
    assert [entry["actualValue"] for entry in got] == ["1"] * 4
    if version == "2.1":
        for session in ("MINE", "T-1"):
            world.call("NotifyPriorityCharging", {"transactionId": session, "activated": True})
        sessions = [p["transactionId"] for p in world["other"].payloads("NotifyPriorityCharging")]
        assert sessions == (["MINE"] if option == "hidden" else ["MINE", "T-1"])


def test_a_session_of_its_own_is_seen_in_full() -> None:
    world = world_with(Role.CONTROL, foreign_tx="alias")
    world["other"].call("RemoteStartTransaction", {"idTag": CARD}, "x")
    world.call("StartTransaction", start(tag=CARD))
    world.call("StopTransaction", {**stop(900), "idTag": CARD})
    assert [p["idTag"] for _, p in world["other"].of("StartTransaction", "StopTransaction")] == [CARD, CARD]
    assert world["billing"].payloads("StartTransaction")[0]["idTag"] == CARD


def test_without_billing_every_session_is_foreign() -> None:
    world = World(route(2, "other", Role.OBSERVE))
    world.boot()
    world.call("StartTransaction", start(tag=CARD))
    assert CARD not in "".join(world["other"].frames)


def refuses_starts(backoffice: Backoffice, message_id: str, action: str, payload: Any) -> None:
    if action == "StartTransaction":
        return backoffice.say(f'[4,"{message_id}","InternalError","",{{}}]')
    backoffice.answer(message_id, action, payload)


@pytest.mark.parametrize(
    ("option", "got"),
    [
        ("minus_one", [("MeterValues", -1), ("StopTransaction", -1)]),
        ("strip", [("MeterValues", None), ("StopTransaction", -1)]),
        ("skip", []),
    ],
)
def test_a_session_that_a_backoffice_would_not_begin(option: str, got: list[Any]) -> None:
    world = world_with(Role.CONTROL, unknown_tx=option, retry_attempts=1)
    world["other"].behave = refuses_starts
    world.call("StartTransaction", start())
    world.call("MeterValues", meter(100))
    world.call("StopTransaction", stop(100))
    assert [
        (a, p.get("transactionId")) for a, p in world["other"].of("MeterValues", "StopTransaction")
    ] == got
    assert world.database.deliveries == {}


@pytest.mark.parametrize(("option", "got"), [("minus_one", [-1]), ("strip", [None]), ("skip", [])])
@pytest.mark.parametrize("number", [4711, 0, 2**63 - 1, "abc", None], ids=str)
def test_a_number_of_no_session(option: str, got: list[Any], number: object) -> None:
    world = world_with(Role.CONTROL, unknown_tx=option)
    world.call("MeterValues", {**meter(None, connector=7), "transactionId": number})
    assert [p.get("transactionId") for p in world["other"].payloads("MeterValues")] == got


def test_values_without_a_number_stay_without_one() -> None:
    world = world_with(Role.CONTROL)
    world.call("StartTransaction", start())
    world.call("MeterValues", meter(None))
    assert "transactionId" not in world["other"].payloads("MeterValues")[0]


@pytest.mark.parametrize("version", ["1.6", "2.0.1", "2.1"])
def test_a_backoffice_may_name_the_card_that_it_is_told_of(version: str) -> None:
    world = world_with(version=version, foreign_tag="GUEST")
    (a_session if version == "1.6" else an_event_session)(world)
    starts = [payload for _, payload in world["other"].of("StartTransaction", "StopTransaction")]
    tokens = [p["idToken"] for p in world["other"].payloads("TransactionEvent") if "idToken" in p]
    assert [p["idTag"] for p in starts] == (["GUEST"] * 2 if version == "1.6" else [])
    assert tokens == ([] if version == "1.6" else [{"idToken": "GUEST", "type": "Central"}] * 2)
    assert CARD not in "".join(world["other"].frames)


def test_the_owner_itself_is_told_of_the_card() -> None:
    world = World(route(1, "billing", Role.BILLING, foreign_tx="alias", foreign_tag="GUEST"))
    world.boot()
    a_session(world)
    assert world["billing"].payloads("StartTransaction")[0]["idTag"] == CARD


@pytest.mark.parametrize("card", [{"x": CARD}, [CARD], None])
def test_a_card_that_is_none_gets_an_alias_all_the_same(card: Any) -> None:
    world = world_with()
    world.call("StartTransaction", {**start(), "idTag": card})
    (seen,) = world["other"].payloads("StartTransaction")
    assert len(seen["idTag"]) == 20


def test_what_else_a_token_says_is_replaced_too() -> None:
    world = world_with(version="2.0.1")
    token = {
        "idToken": CARD,
        "type": "ISO14443",
        "additionalInfo": [{"additionalIdToken": CARD, "type": "x"}],
    }
    world.call("TransactionEvent", {**event("Started", 0), "idToken": token})
    assert CARD not in "".join(world["other"].frames)


@pytest.mark.parametrize("option", ["alias", "hidden"])
@pytest.mark.parametrize("version", ["1.6", "2.0.1", "2.1"])
def test_signed_values_of_no_session_are_nobodys_to_see(version: str, option: str) -> None:
    world = world_with(version=version, foreign_tx=option)
    place = {"connectorId": 1} if version == "1.6" else {"evseId": 1}
    signed = SIGNED if version == "1.6" else SIGNED_2
    world.call("MeterValues", {**place, "meterValue": with_values(RAW, signed)})
    assert [p["meterValue"] for p in world["other"].payloads("MeterValues")] == [with_values(RAW)]
    assert CARD in "".join(world["billing"].frames)


COST = {"costDetails": {"chargingPeriods": [{"tariffId": "T"}], "totalCost": {}}}


@pytest.mark.parametrize("role", [Role.CONTROL, Role.OBSERVE])
@pytest.mark.parametrize("hide", [True, False])
def test_what_a_session_of_others_costs_can_be_kept_from_a_backoffice(role: Role, hide: bool) -> None:
    world = world_with(role, "2.1", hide_cost=hide)
    info = {"transactionInfo": {"transactionId": "T-1", "tariffId": "T"}}
    world.call("TransactionEvent", event("Started", 0, card=CARD))
    world.call("TransactionEvent", {**event("Ended", 1), **COST, **info})
    seen = world["other"].payloads("TransactionEvent")[1]
    assert ("costDetails" in seen, "tariffId" in seen["transactionInfo"]) == (not hide, not hide)
    assert world["billing"].payloads("TransactionEvent")[1] == {**event("Ended", 1), **COST, **info}


def test_the_owner_sees_what_its_session_costs() -> None:
    world = world_with(Role.CONTROL, "2.1", hide_cost=True)
    world["other"].call("RequestStartTransaction", {"remoteStartId": 1, "idToken": TOKEN})
    world.call("TransactionEvent", {**event("Started", 0, card=CARD), **COST})
    assert "costDetails" in world["other"].payloads("TransactionEvent")[0]


TOKEN = {"idToken": CARD, "type": "ISO14443"}


@pytest.mark.parametrize("strategy", ["free", "primary"])
@pytest.mark.parametrize("version", ["1.6", "2.0.1"])
def test_where_every_card_is_accepted_backoffices_may_be_told_of_one(version: str, strategy: Any) -> None:
    options = ChargerOptions(authorization=strategy, free_id_tag="FREE")
    world = World(BILLING, route(2, "other", Role.CONTROL), version=version, options=options)
    world.boot()
    (a_session if version == "1.6" else an_event_session)(world)
    for name in ("billing", "other"):
        text = "".join(frame for frame in world[name].frames if "Values" not in frame)
        assert ('"FREE"' in text) is (strategy == "free")
        payloads = [p for _, p in world[name].of("StartTransaction", "StopTransaction", "TransactionEvent")]
        cards = {str(p.get("idTag") or p.get("idToken")) for p in payloads} - {"None"}
        assert all((CARD in card) is (strategy == "primary") for card in cards)


def hidden_from_each_other(**options: Any) -> World:
    """Two who do not see each other's sessions, and rules that part them."""
    rules = (AuthRule(match="prefix", value="04", backoffice="other"),)
    world = World(
        route(1, "billing", Role.BILLING, foreign_tx="hidden"),
        route(2, "other", Role.CONTROL, foreign_tx="hidden"),
        version="2.0.1",
        options=ChargerOptions(authorization="prefix", auth_rules=rules, **options),
    )
    world.boot()
    return world


def events(world: World, name: str) -> list[tuple[str, int, str | None]]:
    return [
        (p["eventType"], p["seqNo"], p.get("idToken", {}).get("idToken"))
        for p in world[name].payloads("TransactionEvent")
    ]


@pytest.mark.parametrize("moment", ["at once", "other away", "restart"])
def test_a_session_is_told_from_its_beginning_to_whom_its_card_makes_it_belong(moment: str) -> None:
    world = hidden_from_each_other()
    world.call("TransactionEvent", event("Started", 0))
    assert (len(events(world, "billing")), len(events(world, "other"))) == (1, 0)
    if moment != "at once":
        world["other"].lose()
    world.call("TransactionEvent", event("Updated", 1, card=CARD))
    world.call("TransactionEvent", event("Updated", 2))
    if moment == "restart":
        world.restart()
        world.connect()
    elif moment == "other away":
        world["other"].open()
    world.call("TransactionEvent", event("Ended", 3, card=CARD))
    world.wait(5)
    told = [("Started", 0, None), ("Updated", 1, CARD), ("Updated", 2, None), ("Ended", 3, CARD)]
    assert events(world, "other") == told
    alias = card_alias(world.routes[0], CARD)
    assert events(world, "billing") == [(kind, n, card and alias) for kind, n, card in told]


def test_a_session_of_another_is_hidden_from_its_first_event_on() -> None:
    world = hidden_from_each_other()
    world.call("TransactionEvent", event("Started", 0, card=CARD))
    world.call("TransactionEvent", event("Ended", 1))
    assert events(world, "billing") == []
    world.call("TransactionEvent", event("Started", 0, "T-2", "NL"))
    world.call("TransactionEvent", event("Ended", 1, "T-2"))
    assert len(events(world, "billing")) == len(events(world, "other")) == 2


@pytest.mark.parametrize("version", ["1.6", "2.0.1"])
def test_who_has_seen_a_session_begin_sees_it_end_when_it_is_to_be_hidden(version: str) -> None:
    world = world_with(Role.CONTROL, version)
    is_16 = version == "1.6"
    number = world.call("StartTransaction", start(tag=CARD))[2]["transactionId"] if is_16 else 0
    if not is_16:
        world.call("TransactionEvent", event("Started", 0, card=CARD))
    world.configure(BILLING, route(2, "other", Role.CONTROL, foreign_tx="hidden"))
    if is_16:
        world.call("StopTransaction", {**stop(number), "idTag": CARD})
        (ended,) = world["other"].payloads("StopTransaction")
        assert (ended["transactionId"], ended["idTag"] != CARD) == (900, True)
    else:
        world.call("TransactionEvent", event("Ended", 1, card=CARD))
        assert events(world, "other")[-1][0] == "Ended"
        assert events(world, "other")[-1][2] != CARD
