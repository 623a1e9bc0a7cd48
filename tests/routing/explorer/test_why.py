"""Why a session went as it did, from the log that the core writes; and on its page."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from routing.core.options import ChargerOptions
from routing.core.snapshot import Role, Verdict
from routing.explorer.folding import fold
from routing.explorer.why import Names, told, why, why_refused
from routing.models import Delivery, Message, Route, Transaction
from tests.routing.core.backoffice import Backoffice
from tests.routing.core.harness import BILLING, World, event, meter, route, start, stop
from tests.routing.explorer.conftest import Log

REMOTE = (
    "RemoteStartTransaction",
    "RemoteStopTransaction",
    "RequestStartTransaction",
    "RequestStopTransaction",
)
FREE = route(2, "energy", Role.CONTROL, dict.fromkeys(REMOTE, Verdict.ALLOW))
NAMES = {1: "billing", 2: "energy"}


def booted(version: str = "1.6", **options: Any) -> World:
    world = World(BILLING, FREE, version=version, options=ChargerOptions(**options))
    world.boot()
    world.database.messages.clear()
    return world


def said(world: World, **names: Any) -> str:
    """What is told of the only session of a world."""
    (session,) = world.database.transactions.values()
    return " ".join(told(session, fold(world.database.messages), Names(NAMES, **names)))


def begin(world: World, card: str = "CARD-1234", *, authorized: bool = True) -> Any:
    """A session of any version begins; its number."""
    if world.version == "1.6":
        if authorized:
            world.call("Authorize", {"idTag": card})
        return world.call("StartTransaction", start(tag=card))[2]["transactionId"]
    if authorized:
        world.call("Authorize", {"idToken": {"idToken": card, "type": "ISO14443"}})
    world.call("TransactionEvent", {**event("Started", 0, card=card), "evse": {"id": 1}})
    return "T-1"


def end(world: World, number: Any, reason: str = "") -> None:
    if world.version == "1.6":
        world.call("StopTransaction", stop(number) | ({"reason": reason} if reason else {}))
    else:
        info = {"transactionId": number} | ({"stoppedReason": reason} if reason else {})
        world.call("TransactionEvent", event("Ended", 9) | {"transactionInfo": info})


def refuse(status: str) -> Callable[[Backoffice, str, str, Any], None]:
    """A backoffice that says this of every card."""

    def behave(backoffice: Backoffice, message_id: str, action: str, payload: Any) -> None:
        answer = backoffice.payload_for(action)
        for name in ("idTagInfo", "idTokenInfo"):
            if name in answer:
                answer[name] = {"status": status}
        if action == "TransactionEvent" and "idToken" in payload:
            answer = {"idTokenInfo": {"status": status}}
        backoffice.result(message_id, answer)

    return behave


VERSIONS = pytest.mark.parametrize("version", ["1.6", "2.0.1"])


@VERSIONS
def test_a_card_that_billing_accepts_and_a_cable_that_is_pulled(version: str) -> None:
    world = booted(version)
    number = begin(world)
    assert said(world).startswith("Card ****1234 was presented at the charger at ")
    assert "; billing said Accepted." in said(world)
    assert "It is still running." in said(world)
    end(world, number, "EVDisconnected")
    assert "It ended at 2026-01-01 00:00 UTC (EVDisconnected): the cable was pulled out." in said(world)
    assert "Its messages: told to billing and energy." in said(world)


@pytest.mark.parametrize(
    ("reason", "words"),
    [
        ("", "(Local): stopped at the charger: card or button."),
        ("PowerLoss", "(PowerLoss): the charger lost its power."),
        ("EmergencyStop", "(EmergencyStop): somebody pressed the emergency stop."),
        ("Other", "(Other): "),
        ("DeAuthorized", "(DeAuthorized): the card was not (or no longer) allowed."),
    ],
)
def test_the_reason_that_the_charger_gives(reason: str, words: str) -> None:
    world = booted()
    end(world, begin(world), reason)
    assert words in said(world)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"auth_offline": "accept"}, "the proxy said Accepted "
          "(offline policy: auth_offline is accept (the owner is away))"),
        ({"authorization": "free"}, "the proxy said Accepted (every card is accepted)"),
    ],
)  # fmt: skip
def test_what_the_proxy_decides_itself_is_told_with_its_rule(options: Any, words: str) -> None:
    world = booted(**options)
    world["billing"].lose()
    begin(world)
    assert words in said(world)


def test_a_verdict_that_was_remembered() -> None:
    world = booted()
    world.call("Authorize", {"idTag": "CARD-1234"})
    world.database.messages.clear()
    world["billing"].lose()
    begin(world)
    assert "the proxy said Accepted (offline policy: last verdict Accepted (the owner is away))" in said(
        world
    )


@VERSIONS
def test_who_has_started_and_stopped_it_from_afar(version: str) -> None:
    world = booted(version)
    ask, answer = ("Remote", "idTag") if version == "1.6" else ("Request", "idToken")
    card: Any = "CARD-1234" if version == "1.6" else {"idToken": "CARD-1234", "type": "Central"}
    more = {} if version == "1.6" else {"remoteStartId": 7}
    world["energy"].call(f"{ask}StartTransaction", {answer: card, **more})
    number = begin(world, authorized=False)
    assert "energy started it from afar" in said(world)
    own = world["energy"].numbers and number
    world["energy"].call(f"{ask}StopTransaction", {"transactionId": own})
    assert "It is still running, though energy had it stopped from afar." in said(world)
    end(world, number, "Remote")
    assert "(Remote): energy had it stopped from afar." in said(world)


def test_a_refusal_that_came_late() -> None:
    world = booted(auth_offline="accept")
    world["billing"].lose()
    number = begin(world)
    world["billing"].behave = refuse("Blocked")
    world["billing"].open()
    world.wait(30)
    end(world, number, "Remote")
    assert "(Remote): the proxy had it stopped (late_reject: billing says Blocked)." in said(world)


@VERSIONS
def test_a_card_that_is_refused_when_it_runs(version: str) -> None:
    world = booted(version)
    world["billing"].behave = refuse("Blocked")
    number = begin(world, authorized=False)
    end(world, number, "DeAuthorized")
    assert "(DeAuthorized): the charger stopped it, for billing said Blocked." in said(world)


def test_a_reset_and_who_has_asked_for_it() -> None:
    world = booted()
    number = begin(world)
    world["billing"].call("Reset", {"type": "Hard"})
    end(world, number, "HardReset")
    assert "(HardReset): after Reset by billing." in said(world)


def test_limits_and_refusals_in_its_time() -> None:
    world = booted()
    begin(world)
    for limit in (16, 6):
        periods = {"chargingRateUnit": "A", "chargingSchedulePeriod": [{"startPeriod": 0, "limit": limit}]}
        profile = {"chargingProfileId": 1, "stackLevel": 0, "chargingProfilePurpose": "TxDefaultProfile",
                   "chargingProfileKind": "Relative", "chargingSchedule": periods}  # fmt: skip
        world["billing"].call("SetChargingProfile", {"connectorId": 1, "csChargingProfiles": profile})
    for _ in range(3):
        world["energy"].call("ClearCache", {})
    assert "Limits set: billing 2 times, last 6 A at 00:00 UTC." in said(world)
    assert "The proxy refused ClearCache by energy 3 times (preset control: ClearCache is deny)." in said(
        world
    )


def test_who_waits_for_it() -> None:
    world = booted()
    begin(world)
    told_ = said(world, waiting={2: 1}, given_up={9: 2})
    assert "energy still waits for 1 message; 2 messages for a backoffice that is gone given up." in told_


@pytest.mark.parametrize(
    ("options", "lost", "words"),
    [
        ({}, False, "refused by billing: Blocked"),
        (
            {},
            True,
            "refused by the proxy (offline policy: auth_offline is reject (the owner is away)): Invalid",
        ),
    ],
)
def test_who_has_refused_a_card(options: Any, lost: bool, words: str) -> None:
    world = booted(**options)
    world["billing"].behave = refuse("Blocked")
    if lost:
        world["billing"].lose()
    world.call("Authorize", {"idTag": "C"})
    world["billing"].behave = Backoffice.answer
    (refused,) = [one for one in fold(world.database.messages) if one.action == "Authorize"]
    assert why_refused(refused) == words


def test_what_is_refused_below_and_what_is_not() -> None:
    world = booted()
    world.obey = lambda w, f: w.frame(json.dumps([3, f[1], {"status": "Rejected"}]))
    world["energy"].call("ClearCache", {})
    world["billing"].call("ClearCache", {})
    world.obey = World.accept
    world["billing"].call("ClearCache", {})
    world.call("MeterValues", meter(None))
    found = [why_refused(one) for one in reversed(fold(world.database.messages))]
    assert found == ["refused by the proxy (preset control: ClearCache is deny): Rejected",
                     "refused by the charger: Rejected", "", ""]  # fmt: skip


# -- on a page -----------------------------------------------------------------------------------------


def saved(world: World, log: Log) -> Transaction:
    """The only session of a world, and its rows, in the database."""
    charger = log.charger("CP-1")
    pks = {1: log.route(charger, "billing").pk, 2: log.route(charger, "energy").pk}
    for row in world.database.messages:
        values = {name: getattr(row, name) for name in row.__struct_fields__}
        for key in ("charger", "route", "transaction"):
            values[f"{key}_id"] = values.pop(key)
        route_pk = None if row.route is None else pks[row.route]
        Message.objects.create(**values | {"charger_id": charger.pk, "route_id": route_pk})
    (session,) = world.database.transactions.values()
    values = {name: getattr(session, name) for name in session.__struct_fields__ if name != "charger"}
    values["owner"] = None if session.owner is None else Route.objects.get(pk=pks[session.owner])
    return Transaction.objects.create(charger=charger, **values)


@pytest.fixture
def story() -> World:
    world = booted()
    end(world, begin(world), "EVDisconnected")
    return world


@pytest.mark.django_db
def test_a_session_of_the_database_is_told_as_the_core_has_written_it(story: World) -> None:
    log = Log()
    session = saved(story, log)
    for seq, dead in ((1, False), (2, True)):
        Delivery.objects.create(
            charger=session.charger, route=log.route(session.charger, "energy"), seq=seq, exchange=seq,
            at=session.created, action="StopTransaction", payload="{}", dead=dead,
            transaction_id=session.pk)  # fmt: skip
    other = story.database.messages[0]
    log.row(session.charger, ago=5, action="Authorize", id_tag=other.id_tag)  # another time
    with CaptureQueriesContext(connection) as queries:
        sentences = why(session)
    assert len(queries) == 3
    assert " ".join(sentences).startswith(said(story).partition(" Its messages")[0])
    assert sentences[-1] == (
        "Its messages: told to billing and energy; energy still waits for 1 message; "
        "1 message for energy given up."
    )


@pytest.mark.django_db
def test_the_page_of_a_session_says_why_at_the_top(client: Client, story: World) -> None:
    log = Log()
    session = saved(story, log)
    client.force_login(log.user(name="boss", is_superuser=True))
    page = client.get(f"/admin/routing/transaction/{session.pk}/change/").content.decode()
    assert page.index("the cable was pulled out") < page.index("Charger transaction id")
    for _ in range(20):
        log.row(session.charger, ago=0, exchange=story.database.messages[0].exchange + 1000, direction="down",
                action="ClearCache", outcome="denied")  # fmt: skip
    with CaptureQueriesContext(connection) as more:
        client.get(f"/admin/routing/transaction/{session.pk}/change/")
    mine = [query for query in more if "routing_message" in query["sql"]]
    assert len(mine) == 1


@pytest.mark.django_db
def test_who_may_not_see_the_session_is_told_nothing_of_it(client: Client, story: World) -> None:
    log = Log()
    session = saved(story, log)
    client.force_login(log.user("others", name="foreign"))
    answer = client.get(f"/admin/routing/transaction/{session.pk}/change/", follow=True)
    assert "the cable was pulled out" not in answer.content.decode()
