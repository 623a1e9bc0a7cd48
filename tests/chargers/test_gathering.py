"""The facts of a charger's way, out of rows."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import Membership, Organisation, User
from backoffices.models import Backoffice
from chargers.gathering import facts_of
from chargers.models import Charger, RefusedAttempt
from routing.models import Alarm, ChargerSession, LatestValue, Message, Route, RouteState
from routing.models.traffic import number_at

pytestmark = pytest.mark.django_db


@pytest.fixture
def ours() -> Organisation:
    return Organisation.objects.create(name="Ours")


@pytest.fixture
def charger(ours: Organisation) -> Charger:
    return Charger.objects.create(identity="CP-1", organisation=ours, password_hashes=["text:x"])


@pytest.fixture
def member(ours: Organisation) -> User:
    user = User.objects.create_user("member", is_staff=True)
    Membership.objects.create(user=user, organisation=ours, role="installer")
    return user


def refused(identity: str, cause: str = "unknown_identity", **values: Any) -> RefusedAttempt:
    now = timezone.now()
    return RefusedAttempt.objects.create(
        identity=identity, cause=cause, **{"first_at": now, "last_at": now} | values
    )


def test_all_that_is_known_is_told(charger: Charger, admin_user: User) -> None:
    now = timezone.now()
    ChargerSession.objects.create(
        charger=charger, online=True, connected_at=now, ocpp_version="2.0.1", remote_address="10.1.1.1"
    )
    station = {"vendorName": "V", "model": "M", "firmwareVersion": "9"}
    ahead = (now + timedelta(seconds=300)).isoformat()
    late = (now - timedelta(days=3)).isoformat()
    for kind, key, said in (
        ("boot", "", {"chargingStation": station}),
        ("status", "1/1", {"timestamp": ahead}),
        ("status", "2/1", {"timestamp": late}),
        ("status", "3/1", {"timestamp": "soon"}),
    ):
        LatestValue.objects.create(charger=charger, kind=kind, key=key, payload=json.dumps(said), at=now)
    deep = f'{{"vendorId": {"[" * 3000}{"]" * 3000}}}'
    LatestValue.objects.create(charger=charger, kind="status", key="4/1", payload=deep, at=now)
    charger.connectors.create(connector_id=1, status="Available", updated_at=now)
    charger.connectors.create(connector_id=0, status="Available", updated_at=now)
    backoffice = Backoffice.objects.create(name="b", url="ws://b/")
    route = Route.objects.create(charger=charger, backoffice=backoffice, role="control")
    RouteState.objects.create(route=route, state="connected", since=now)
    Alarm.objects.create(charger=charger, kind="identity conflict", text="two", raised=now)
    for number in range(5):
        at = now - timedelta(minutes=number)
        Message.objects.create(
            charger=charger, at=at, exchange=number_at(at), direction="up", action="BootNotification",
            message_id=str(number), outcome="answered",
        )  # fmt: skip
    found = facts_of(charger, admin_user)
    assert found.online
    assert found.boot is not None
    assert (found.boot.vendor, found.boot.model, found.boot.firmware) == ("V", "M", "9")
    assert found.clock_off == pytest.approx(300, abs=1)
    assert (found.connectors, found.routes, found.routes_up, found.boots) == (1, 1, 1, 5)
    assert (found.conflict, found.address, found.ocpp_version) == ("two", "10.1.1.1", "2.0.1")


def test_an_alarm_that_is_over_is_no_conflict(charger: Charger, admin_user: User) -> None:
    now = timezone.now()
    Alarm.objects.create(charger=charger, kind="identity conflict", text="two", raised=now, cleared=now)
    assert facts_of(charger, admin_user).conflict == ""


@pytest.mark.parametrize(
    ("identity", "to_member", "to_all"),
    [
        ("cp-1", True, True),
        ("CP-1CP-1", True, True),
        ("old-CP-1", False, True),
        ("elsewhere", False, False),
    ],
)
def test_who_is_told_of_names_like_it(
    charger: Charger, member: User, admin_user: User, identity: str, to_member: bool, to_all: bool
) -> None:
    refused(identity)
    assert bool(facts_of(charger, member).alike) is to_member
    assert bool(facts_of(charger, admin_user).alike) is to_all


def test_who_began_tls_is_told_to_members_by_a_known_address_only(
    charger: Charger, member: User, admin_user: User
) -> None:
    refused("", "tls_on_plain_port", remote_address="10.0.0.1")
    assert facts_of(charger, member).nameless is None
    assert facts_of(charger, admin_user).nameless is not None
    refused("CP-1", "wrong_password", remote_address="10.0.0.1")
    assert facts_of(charger, member).nameless is not None


def test_another_charger_is_not_taken_for_this_one(charger: Charger, admin_user: User) -> None:
    Charger.objects.create(identity="cp-1")
    refused("cp-1")
    assert facts_of(charger, admin_user).alike == []


def test_the_number_of_queries_is_fixed(charger: Charger, admin_user: User) -> None:
    refused("CP-1", "wrong_password")
    refused("cp-1")
    with CaptureQueriesContext(
        connection,
    ) as few:
        facts_of(charger, admin_user)
    for number in range(10):
        refused("CP-1", "wrong_password", remote_address=str(number))
        refused(f"CP-1 {'-' * number}")
    with CaptureQueriesContext(connection) as many:
        facts_of(charger, admin_user)
    assert len(many) == len(few)
