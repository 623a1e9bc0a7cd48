"""How routes, chargers and backoffices are, in words."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import Membership, Organisation, User
from backoffices.models import Backoffice
from chargers.models import Charger
from routing import health
from routing.models import Alarm, ChargerSession, Delivery, Route, RouteState, RuntimeProcess

pytestmark = pytest.mark.django_db

NOW = timezone.now().replace(hour=12, minute=0)


@pytest.fixture(autouse=True)
def noon(monkeypatch):
    monkeypatch.setattr(timezone, "now", lambda: NOW)


def make(charger="CP-1", backoffice="Billing", *, enabled=True, organisation=None, **state: Any):
    row, _ = Charger.objects.get_or_create(identity=charger, defaults={"organisation": organisation})
    there, _ = Backoffice.objects.get_or_create(name=backoffice, defaults={"url": "ws://x/"})
    route = Route.objects.create(charger=row, backoffice=there, role="control", enabled=enabled)
    if state:
        RouteState.objects.create(route=route, **{"since": NOW - timedelta(hours=2), **state})
    return route


def letter(route, number):
    for seq in range(number):
        Delivery.objects.create(
            charger=route.charger, route=route, seq=seq, exchange=seq, at=NOW, action="StartTransaction",
            payload="{}", dead=True,
        )  # fmt: skip


def words(route):
    return health.route_health(Route.objects.filter(pk=route.pk))[route.pk].words


HALF_PAST = NOW - timedelta(minutes=30)


@pytest.mark.parametrize(
    ("state", "said"),
    [
        ({}, "not dialled yet; nothing waits"),
        (
            {"state": "connected", "round_trip_ms": 45.2},
            "connected since 10:00; answers in 45 ms; nothing waits",
        ),
        (
            {"state": "connected", "round_trip_ms": 0.3},
            "connected since 10:00; answers in less than 1 ms; nothing waits",
        ),
        (
            {"state": "connected", "round_trip_ms": 2340, "waiting": 1, "oldest": HALF_PAST},
            "connected since 10:00; answers in 2.3 s; 1 message waits, from 11:30",
        ),
        (
            {"state": "connected", "last_error": "no answer to Heartbeat within 30 s"},
            "connected since 10:00 (but: no answer to Heartbeat within 30 s); nothing waits",
        ),
        (
            {"state": "waiting", "last_error": "connection refused", "waiting": 1312, "oldest": HALF_PAST},
            "away since 10:00: connection refused; 1,312 messages wait, the oldest from 11:30; "
            "they are delivered when it is back",
        ),
        (
            {"state": "registering", "last_error": "answers Pending to the boot"},
            "reached since 10:00, has not accepted the charger yet: answers Pending to the boot; "
            "nothing waits",
        ),
        (
            {"state": "parked", "last_error": "the address is refused"},
            "away since 10:00, tried again every five minutes: the address is refused; nothing waits",
        ),
        ({"state": "closed"}, "not connected since 10:00, the charger is away; nothing waits"),
        ({"enabled": False, "state": "closed", "waiting": 2}, "switched off; 2 messages wait"),
    ],
)  # fmt: skip
def test_a_route_in_words(state, said):
    assert words(make(**state)) == said


def test_dead_letters_are_counted():
    route = make(state="connected")
    letter(route, 2)
    letter(make("CP-2", state="connected"), 1)
    assert words(route).endswith("nothing waits; 2 dead letters")


@pytest.mark.parametrize(("model", "who"), [(Backoffice, "backoffice"), (Charger, "charger")])
def test_who_is_switched_off_is_named(model, who):
    route = make(state="closed")
    model.objects.update(enabled=False)
    assert words(route).startswith(f"switched off at its {who}")


@pytest.mark.parametrize(("beat", "state"), [(timedelta(minutes=5), "lost"), (timedelta(0), "connected")])
def test_what_a_process_says_that_has_ended_is_not_believed(beat, state, monkeypatch):
    monkeypatch.undo()
    route = make(state="connected", round_trip_ms=5)
    RuntimeProcess.objects.create(id="one", beat_at=timezone.now() - beat)
    ChargerSession.objects.create(charger=route.charger, runtime="one", online=True)
    found = health.route_health(Route.objects.all())[route.pk]
    assert (found.state, found.round_trip_ms) == ((state, 5) if state == "connected" else (state, None))
    assert health.backoffice_health(Route.objects.all())[route.backoffice_id].up == (state == "connected")


def session(charger, **fields):
    return ChargerSession.objects.create(
        charger=charger, ocpp_version="1.6", **{"connected_at": HALF_PAST, **fields}
    )


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        (None, "never connected"),
        ({"connected_at": None}, "never connected"),
        ({"online": True}, "online since 11:30 with OCPP 1.6; waits for nothing"),
        (
            {"online": True, "waits_for": "an answer of Billing to Authorize"},
            "online since 11:30 with OCPP 1.6; waits for an answer of Billing to Authorize",
        ),
        ({"disconnected_at": NOW - timedelta(days=1), "waits_for": "stale"}, None),
    ],
)
def test_a_charger_in_words(fields, said):
    charger = Charger.objects.create(identity="CP-1")
    if fields is not None:
        session(charger, **fields)
    found = health.charger_health(Charger.objects.all())[charger.pk]
    yesterday = NOW - timedelta(days=1)
    assert found.words == (said or f"away since {yesterday:%-d %b} 12:00")


def test_a_charger_that_is_switched_off():
    charger = Charger.objects.create(identity="CP-1", enabled=False)
    assert health.charger_health(Charger.objects.all())[charger.pk].words == "switched off"


def test_a_charger_comes_with_its_routes_and_its_alarms_with_what_helps():
    route = make(state="connected")
    alarm = {"charger": route.charger, "kind": "clock differs", "text": "3 h ahead", "raised": NOW}
    Alarm.objects.create(**alarm)
    Alarm.objects.create(**alarm | {"key": "1", "cleared": NOW})
    Alarm.objects.create(**alarm | {"kind": "of an older proxy"})
    found = health.charger_health(Charger.objects.all())[route.charger.pk]
    assert [one.route for one in found.routes] == [route.pk]
    assert {(one.kind, bool(one.remedy)) for one in found.alarms} == {
        ("clock differs", True),
        ("of an older proxy", False),
    }


def test_a_backoffice_is_the_sum_of_its_routes():
    for number, (state, took, waiting) in enumerate(
        [("connected", 10, 0), ("connected", 30, 0), ("connected", 500, 1), ("waiting", None, 7)]
    ):
        make(
            f"CP-{number}",
            state=state,
            round_trip_ms=took,
            waiting=waiting,
            oldest=HALF_PAST if waiting else None,
        )
    off = make("CP-9", enabled=False, state="closed", waiting=4, oldest=NOW - timedelta(hours=1))
    letter(off, 1)
    make("CP-0", "Other", state="connected", round_trip_ms=1)
    make("CP-10", state="connected", round_trip_ms=9000)  # its charger has gone, the link stays for a moment
    for charger in Charger.objects.exclude(identity="CP-10"):
        session(charger, online=True)
    found = health.backoffice_health(Route.objects.all())[off.backoffice_id]
    assert (found.routes, found.up, found.waiting, found.round_trip_ms) == (4, 3, 12, 30)
    assert found.words == (
        "3 of 4 links up; answers in 30 ms; 12 messages wait, the oldest from 11:00; 1 dead letter"
    )


def test_a_backoffice_counts_only_what_its_user_may_see():
    ours, theirs = Organisation.objects.create(name="ours"), Organisation.objects.create(name="theirs")
    user = User.objects.create_user("me")
    Membership.objects.create(user=user, organisation=ours, role="installer")
    mine = make("CP-1", organisation=ours, state="connected", round_trip_ms=10)
    session(mine.charger, online=True)
    letter(make("CP-2", organisation=theirs, state="waiting", waiting=5, round_trip_ms=1), 3)
    found = health.backoffice_health(Route.objects.visible_to(user))[mine.backoffice_id]
    assert found.words == "1 of 1 links up; answers in 10 ms; nothing waits"


@pytest.mark.parametrize(
    ("ask", "queries"),
    [
        (lambda: health.route_health(Route.objects.all()), 3),
        (lambda: health.charger_health(Charger.objects.all()), 5),
        (lambda: health.backoffice_health(Route.objects.all()), 3),
    ],
)
def test_the_number_of_queries_is_that_of_one_row(ask, queries):
    for number in range(4):
        route = make(f"CP-{number}", state="connected", round_trip_ms=1)
        session(route.charger, online=True)
        letter(route, 1)
        with CaptureQueriesContext(
            connection,
        ) as done:
            ask()
        assert len(done) == queries


@pytest.mark.parametrize(
    ("when", "said"),
    [
        (datetime(2030, 5, 2, 9, 5, tzinfo=UTC), "09:05"),
        (datetime(2030, 5, 1, 23, 0, tzinfo=UTC), "1 May 23:00"),
        (datetime(2029, 5, 1, 23, 0, tzinfo=UTC), "1 May 2029"),
    ],
)
def test_times_as_people_say_them(when, said):
    assert health.at(when, datetime(2030, 5, 2, 12, 0, tzinfo=UTC)) == said
