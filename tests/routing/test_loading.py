from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from cryptography.fernet import Fernet
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from backoffices.models import Backoffice
from chargers.models import Charger
from routing import loading
from routing.core.decisions import DELIVERY_WINDOW, Load, Loaded, Memory
from routing.core.options import ChargerOptions, RouteOptions
from routing.core.rows import Row
from routing.core.snapshot import Role, Verdict
from routing.forgetting import forget_rows
from routing.loading import (
    backlog_chargers,
    config_changes,
    dial_url,
    last_config_change,
    load_charger,
)
from routing.memories import LATELY, RECENT_MESSAGES, SAID_KEPT, load_deliveries, load_memory
from routing.models import (
    ChargerSession,
    ConfigChange,
    Delivery,
    Identifier,
    LatestValue,
    Message,
    Route,
    RuntimeProcess,
)
from routing.models.traffic import number_at
from tests.databases import Database
from tests.routing import rows as make
from tests.routing.test_tables import store


@pytest.fixture(autouse=True)
def fleet_of_two(database: Database) -> None:
    make.fleet()


def test_changes_of_configuration_are_forgotten_after_a_day() -> None:
    long_ago = timezone.now() - loading.CHANGES_KEPT - timedelta(seconds=1)
    ConfigChange.objects.all().delete()
    ConfigChange.objects.create(charger_id=1)
    ConfigChange.objects.filter(pk=ConfigChange.objects.create(charger_id=2).pk).update(at=long_ago)
    assert loading.forget_old_changes() == 1
    assert [row.charger_id for row in ConfigChange.objects.all()] == [1]


def change(row: type[Any], key: int, **values: Any) -> None:
    row._default_manager.filter(pk=key).update(**values)


# Configuration


def test_how_fast_a_backoffice_catches_up_goes_with_each_route_to_it():
    change(Backoffice, 2, catch_up=5)
    loaded = load_charger(1)
    assert loaded
    snapshot, _ = loaded
    assert {route.backoffice: route.catch_up for route in snapshot.routes} == {"office 1": 20, "office 2": 5}


def test_a_charger_with_its_routes():
    change(Charger, 1, options={"offline_grace": 60})
    change(Backoffice, 2, username="proxy", password=b"\xffsecret", url="wss://cs.example/{identity}?v=1")
    change(Route, 1, role="billing")
    change(Route, 2, alias="CP 1/EMS", permissions={"Reset": "deny"}, options={"ping": 10}, role="energy")
    loaded = load_charger(1)
    assert loaded
    snapshot, targets = loaded
    assert (snapshot.key, snapshot.identity, snapshot.options) == (
        1,
        "CP-1",
        ChargerOptions(offline_grace=60),
    )
    first, second = snapshot.routes
    assert (first.key, first.backoffice, first.role, first.alias) == (1, "office 1", Role.BILLING, "CP-1")
    assert (second.key, second.role, second.alias) == (2, Role.ENERGY, "CP 1/EMS")
    assert second.permissions == {"Reset": Verdict.DENY}
    assert second.options == RouteOptions(ping=10)
    assert (targets[1].url, targets[1].username, targets[1].password) == (
        "ws://127.0.0.1/ocpp/CP-1",
        "CP-1",
        None,
    )
    assert targets[2].url == "wss://cs.example/CP%201%2FEMS?v=1"
    assert (targets[2].username, targets[2].password, targets[2].ping) == ("proxy", b"\xffsecret", 10)
    assert (targets[2].charger, targets[2].route, targets[2].backoffice) == (1, 2, "office 2")


@pytest.mark.parametrize(
    ("row", "key", "routes"),
    [(Route, 1, [2]), (Backoffice, 2, [1]), (Charger, 2, [1, 2]), (Charger, 1, None)],
    ids=["route off", "backoffice off", "another charger off", "charger off"],
)
def test_only_what_is_enabled(row, key, routes):
    change(row, key, enabled=False)
    loaded = load_charger(1)
    assert (loaded and [route.key for route in loaded[0].routes]) == routes
    assert loaded is None or list(loaded[1]) == routes


def test_a_charger_that_does_not_exist():
    assert load_charger(4711) is None


@pytest.mark.parametrize(
    ("url", "alias", "dialled"),
    [
        ("ws://cs/ocpp", "CP-1", "ws://cs/ocpp/CP-1"),
        ("ws://cs/ocpp/", "CP-1", "ws://cs/ocpp/CP-1"),
        ("ws://cs/{identity}/ocpp", "CP-1", "ws://cs/CP-1/ocpp"),
        ("ws://cs/ocpp", "a b/c?d#é{identity}", "ws://cs/ocpp/a%20b%2Fc%3Fd%23%C3%A9%7Bidentity%7D"),
        ("ws://cs/ocpp?key=a/b", "CP-1", "ws://cs/ocpp/CP-1?key=a/b"),
    ],
)
def test_url_of_a_backoffice_for_a_charger(url, alias, dialled):
    assert dial_url(url, alias) == dialled


@pytest.mark.parametrize("allowed", [True, False])
def test_private_addresses_as_the_settings_say(settings, allowed):
    settings.PROXY_ALLOW_PRIVATE_UPSTREAMS = allowed
    loaded = load_charger(1)
    assert loaded
    assert [target.allow_private for target in loaded[1].values()] == [allowed, allowed]


def test_alias_keys_are_stable_and_differ_between_backoffices(settings):
    def keys() -> list[bytes]:
        loaded = load_charger(1)
        assert loaded
        return [route.alias_key for route in loaded[0].routes]

    before = keys()
    assert before == keys()
    assert len(set(before)) == 2
    assert all(len(key) == 32 for key in before)
    settings.SECRET_KEY = "another"
    assert set(before).isdisjoint(keys())


def test_options_that_can_not_be_read_keep_their_default(caplog):
    change(Charger, 1, options={"offline_grace": "soon", "T_auth": 3, "T_oops": 1})
    change(Route, 1, options=[1, 2])
    loaded = load_charger(1)
    assert loaded
    assert loaded[0].options == ChargerOptions(T_auth=3)
    assert loaded[0].routes[0].options == RouteOptions()
    assert "charger CP-1: option offline_grace: Expected `float`, got `str`" in caplog.text
    assert 'option T_oops: "T_oops" is not an option; expected one of pinned' in caplog.text
    assert (
        "route office 1 of CP-1: options are [1, 2], expected names and values; defaults are used"
        in caplog.text
    )


def test_permissions_that_can_not_be_read_deny(caplog):
    change(Route, 1, permissions={"Reset": "alow", "ClearCache": ["deny"], "UnlockConnector": "allow"})
    change(Route, 2, permissions="nonsense")
    loaded = load_charger(1)
    assert loaded
    assert loaded[0].routes[0].permissions == {
        "Reset": Verdict.DENY, "ClearCache": Verdict.DENY, "UnlockConnector": Verdict.ALLOW,
    }  # fmt: skip
    assert loaded[0].routes[1].permissions == {}
    assert "permission Reset: 'alow' is not a verdict (allow, deny, own, guard)" in caplog.text


def test_a_password_whose_key_is_gone_costs_only_that_backoffice(settings, caplog):
    change(Backoffice, 1, password=b"secret")
    settings.FIELD_ENCRYPTION_KEYS = [Fernet.generate_key().decode()]
    change(Backoffice, 2, password=b"other")
    loaded = load_charger(1)
    assert loaded
    assert [target.password for target in loaded[1].values()] == [None, b"other"]
    assert "backoffice office 1: its password can't be read" in caplog.text
    assert "secret'" not in caplog.text


def test_changes_of_configuration_are_told_once_each():
    before = last_config_change()
    assert config_changes(before) == (before, [])
    change(Route, 3, enabled=False)
    change(Route, 1, enabled=False)
    change(Route, 1, enabled=True)
    last, changed = config_changes(before)
    assert changed == [2, 1]
    assert last == last_config_change() == before + 3
    assert config_changes(last) == (last, [])
    change(Charger, 1, label="x")
    assert config_changes(last) == (last + 1, [1])


# Memory

OPEN, CLOSED, OLD = (UUID(int=number) for number in (1, 2, 3))


def test_memory_of_a_charger_that_has_none():
    assert load_memory(1) == Memory()


def test_memory_is_what_was_stored():
    now = timezone.now()
    hour = timedelta(hours=1)
    latest = [make.latest(key="0/2", at=now - hour), make.latest(kind="boot", key="", at=now)]
    transactions = [
        make.transaction(
            CLOSED, created=now - 30 * hour, closed=now - 23 * hour, stopped_at="then", meter_stop=9
        ),
        make.transaction(OPEN, created=now - 20 * hour, owner=1, evse_id=1, last_payload='{"seqNo":1}'),
    ]
    known = [
        make.route_transaction(CLOSED, 2, route_transaction_id="17", state="known"),
        make.route_transaction(OPEN, 1),
    ]
    old: list[Row] = [
        make.transaction(OLD, created=now - 40 * hour, closed=now - 25 * hour),
        make.route_transaction(OLD, 1),
    ]
    waiting = [make.delivery(1, seq, transaction=OPEN, at=now, attempts=1) for seq in (5, 7)]
    dead: list[Row] = [make.delivery(1, 6), make.failed(1, 6, dead=True)]
    states = [make.route_state(1, registration="Pending"), make.route_state(2, registration="")]
    others: list[Row] = [make.latest(2), make.delivery(3, 1, charger=2), make.route_state(3)]
    store(
        [*latest, *transactions, *known, *old, *waiting, *dead, *states, *others, make.message(exchange=99)]
    )
    assert load_memory(1) == Memory(
        latest=latest,
        transactions=transactions,
        route_transactions=known,
        deliveries={1: waiting},
        last_seq=99,
        registrations={1: "Pending", 2: ""},
        health={key: make.route_health(key, waiting=0, oldest=None, round_trip_ms=None) for key in (1, 2)},
    )


def test_the_first_deliveries_of_each_route():
    rows = {route: [make.delivery(route, seq) for seq in range(1, count + 1)] for route, count in
            ((1, DELIVERY_WINDOW), (2, DELIVERY_WINDOW + 20))}  # fmt: skip
    store([*reversed(rows[1]), *rows[2]])
    memory = load_memory(1)
    assert memory.deliveries == {1: rows[1], 2: rows[2][:DELIVERY_WINDOW]}
    assert memory.more == {2}
    assert memory.last_seq == DELIVERY_WINDOW + 20
    assert load_deliveries(Load(2, DELIVERY_WINDOW, 20)) == Loaded(rows=rows[2][DELIVERY_WINDOW:])
    assert load_deliveries(Load(2, DELIVERY_WINDOW, 19)) == Loaded(
        rows=rows[2][DELIVERY_WINDOW:-1], more=True
    )
    assert load_deliveries(Load(2, DELIVERY_WINDOW + 20, 5)) == Loaded()


def test_dead_letters_are_not_loaded():
    store([make.delivery(1, 1), make.delivery(1, 2), make.failed(1, 1, dead=True)])
    assert load_deliveries(Load(1, 0, 10)) == Loaded(rows=[make.delivery(1, 2)])
    assert load_deliveries(Load(1, 0, 10, letters=True)) == Loaded(rows=[make.delivery(1, 2)], dead=True)
    assert load_deliveries(Load(2, 0, 10, letters=True)) == Loaded()


def test_the_highest_number_of_a_route_is_told_of_dead_letters_too():
    store([make.delivery(1, 1), make.delivery(1, 7), make.failed(1, 7, dead=True)])
    loaded = load_charger(1)
    assert loaded is not None
    snapshot, _ = loaded
    assert {route.key: route.newest for route in snapshot.routes} == {1: 7, 2: 0}


def test_deliveries_come_with_the_sessions_that_ended_long_ago():
    now = timezone.now()
    ended = make.transaction(OLD, created=now - timedelta(days=9), closed=now - timedelta(days=8))
    recent = make.transaction(CLOSED, created=now - timedelta(days=1), closed=now - timedelta(hours=22))
    known = make.route_transaction(OLD, 1, route_transaction_id="7", state="known")
    waiting = [make.delivery(1, 1, transaction=OLD), make.delivery(1, 2, transaction=CLOSED)]
    store([ended, recent, make.transaction(OPEN, created=now), known, *waiting])
    assert load_deliveries(Load(1, 0, 10)) == Loaded(
        rows=waiting, transactions=[ended], route_transactions=[known]
    )
    memory = load_memory(1)
    assert [row.id for row in memory.transactions] == [OLD, CLOSED, OPEN]
    assert memory.route_transactions == [known]


def test_the_highest_seq_is_that_of_the_newest_message():
    exchanges = [900, 10, 30, *[20] * (RECENT_MESSAGES - 2)]
    store([make.message(exchange=exchange) for exchange in exchanges])
    assert load_memory(1).last_seq == 900


def test_of_a_charger_that_was_away_for_long_the_newest_messages_are_found_too():
    store([make.message(exchange=number_at(timezone.now() - LATELY - timedelta(days=400)))])
    old = load_memory(1).last_seq
    store([make.message(exchange=number_at(timezone.now()))])
    assert 0 < old < load_memory(1).last_seq


@pytest.mark.parametrize(
    ("ids", "last"),
    [
        ([], 0),
        (["7", "999999999", "-1", None], 0),
        (["1000000000", "1000000007", "1000000002"], 1_000_000_007),
        (["1000000001", "10000000001", "2147483648", "not a no.", "١٠٠٠٠٠٠٠٠٩"], 1_000_000_001),
    ],
    ids=["none", "given by owners", "the highest", "odd ones"],
)
def test_the_last_transaction_number_of_the_proxy(ids, last):
    store([make.transaction(UUID(int=n), charger_transaction_id=id_) for n, id_ in enumerate(ids)])
    store([make.transaction(UUID(int=90), charger=2, charger_transaction_id="1500000000")])
    store([make.transaction(UUID(int=91), ocpp_version="2.1", charger_transaction_id="1500000000")])
    assert load_memory(1).last_proxy_transaction_id == last


def test_a_high_number_that_the_owner_gave_is_not_the_proxys():
    store([make.transaction(OPEN, charger_transaction_id="1715941800", owner=1),
           make.transaction(CLOSED, charger_transaction_id="1000000004", owner=1)])  # fmt: skip
    store([make.route_transaction(OPEN, 1, route_transaction_id="1715941800", state="known"),
           make.route_transaction(CLOSED, 1, route_transaction_id="1715941799", state="known")])  # fmt: skip
    assert load_memory(1).last_proxy_transaction_id == 1_000_000_004


def queries(work: Any, *args: Any) -> int:
    with CaptureQueriesContext(connection) as captured:
        work(*args)
    return len(captured)


def test_the_number_of_queries_does_not_grow():
    few = (queries(load_charger, 1), queries(load_memory, 1))
    for number in range(3, 20):
        office = Backoffice.objects.create(pk=number, name=f"office {number}", url="ws://cs")
        Route.objects.create(pk=number + 10, charger_id=1, backoffice=office, role="control")
        store([make.transaction(UUID(int=number)), make.route_transaction(UUID(int=number), number + 10)])
        store([make.delivery(number + 10, number), make.message(), make.latest(key=str(number))])
    assert (queries(load_charger, 1), queries(load_memory, 1)) == (few[0], few[1] + 1)
    assert few == (2, 10)


# Who is waited for


def online(charger: int, runtime: str = "ours") -> None:
    ChargerSession.objects.filter(pk=charger).update(online=True, runtime=runtime)


def test_chargers_that_are_away_and_owe_something():
    store([make.delivery(1, 1), make.delivery(3, 1, charger=2)])
    RuntimeProcess.objects.create(pk="ours", beat_at=timezone.now())
    assert sorted(backlog_chargers(10)) == [1, 2]
    assert len(backlog_chargers(1)) == 1
    online(1)
    assert backlog_chargers(10) == [2]
    Delivery.objects.filter(charger=2).update(dead=True)
    assert backlog_chargers(10) == []


def test_a_charger_without_a_session_can_owe_something():
    store([make.delivery(1, 1)])
    ChargerSession.objects.all().delete()
    assert backlog_chargers(10) == [1]


def test_online_counts_only_while_its_runtime_lives():
    store([make.delivery(1, 1), make.delivery(3, 1, charger=2)])
    online(1, "killed")
    online(2, "frozen")
    RuntimeProcess.objects.create(pk="frozen", beat_at=timezone.now() - 2 * loading.RUNTIME_ALIVE)
    assert sorted(backlog_chargers(10)) == [1, 2]


@pytest.mark.parametrize(
    ("row", "key"), [(Charger, 1), (Route, 1), (Backoffice, 1)], ids=["charger", "route", "office"]
)
def test_what_is_switched_off_waits(row, key):
    store([make.delivery(1, 1)])
    change(row, key, enabled=False)
    assert backlog_chargers(10) == []


def test_messages_of_a_deleted_charger_stay():
    store([make.message()])
    Charger.objects.filter(pk=1).delete()
    assert Message.objects.count() == 1
    assert load_memory(1).last_seq == 1


OF_THE_SESSION_OR_THE_TASK = pytest.mark.parametrize(
    "drop", [lambda: None, forget_rows], ids=["a session begins", "the task"]
)


@OF_THE_SESSION_OR_THE_TASK
def test_what_was_forgotten_long_ago_is_dropped_and_the_rest_stays(drop: Callable[[], object]) -> None:
    now = timezone.now()
    for key, payload, hours in [("OLD", "", 25), ("NEW", "", 23), ("KEPT", "{}", 25)]:
        LatestValue.objects.create(
            charger_id=1, kind="authorization", key=key, payload=payload, at=now - timedelta(hours=hours)
        )
    drop()
    assert drop is not forget_rows or LatestValue.objects.count() == 2
    assert [row.key for row in load_memory(1).latest] == ["KEPT"]
    assert {row.key for row in LatestValue.objects.all()} == {"NEW", "KEPT"}


@OF_THE_SESSION_OR_THE_TASK
def test_identifiers_that_were_closed_long_ago_are_dropped(drop: Callable[[], object]) -> None:
    now = timezone.now()
    for kind, number, hours in [
        ("request", "1", None),
        ("request", "2", 23),
        ("request", "3", 25),
        ("reservation", "4", 25),
        ("reservation", "5", 31 * 24),
    ]:
        Identifier.objects.create(
            charger_id=1,
            route_id=1,
            kind=kind,
            charger_identifier=number,
            route_identifier="7",
            created=now,
            closed=None if hours is None else now - timedelta(hours=hours),
        )
    drop()
    assert drop is not forget_rows or Identifier.objects.count() == 3
    assert [row.charger_identifier for row in load_memory(1).identifiers] == ["1", "2", "4"]
    assert Identifier.objects.count() == 3


def test_what_the_charger_said_last_is_known():
    said = [("MeterValues", n) for n in range(SAID_KEPT + 5)]
    others = [
        make.message(action="MeterValues", route=1, text="[2,x]"),
        make.message(action="Heartbeat", text="[2,y]"),
        make.message(action="MeterValues", direction="down", text="[2,z]"),
        make.message(action="MeterValues", text="[2,given up]", outcome="dropped"),
    ]
    for action, number in said:
        store([make.message(action=action, text=f"[2,{number}]", answer=f"[3,{number}]"), *others])
    assert [(one.text, one.answer) for one in load_memory(1).said] == [
        (f"[2,{number}]", f"[3,{number}]") for number in range(5, SAID_KEPT + 5)
    ]


def targets_of(charger):
    loaded = loading.load_charger(charger)
    assert loaded is not None
    return loaded[1]


def test_a_route_may_have_credentials_of_its_own(fleet_of_two):
    change(Backoffice, 1, username="proxy", password=b"of the backoffice")
    route = Route.objects.get(pk=1)
    route.username = "CP-at-energy"
    route.enter_password(b"of the route")
    route.save()
    target = targets_of(1)[1]
    assert (target.username, target.password, target.has_fallback) == ("CP-at-energy", b"of the route", False)


def test_what_the_backoffice_sets_takes_the_place_of_what_was_entered(fleet_of_two):
    route = Route.objects.get(pk=1)
    route.enter_password(b"entered")
    route.save()
    loading.set_password(1, b"set")
    target = targets_of(1)[1]
    assert (target.password, target.fallback_password, target.has_fallback) == (b"set", b"entered", True)
