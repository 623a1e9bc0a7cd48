"""The list of chargers: one line says what is wrong now."""

from __future__ import annotations

from datetime import timedelta
from html import unescape
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import Membership, Organisation, User
from backoffices.models import Backoffice
from chargers.models import Charger, Connector, RefusedAttempt
from routing.boot import read_boot
from routing.models import Alarm, ChargerSession, LatestValue, Route, RouteState

pytestmark = pytest.mark.django_db

LIST = "/admin/chargers/charger/"
NOW = timezone.now()
BOOT = (
    '{"chargePointVendor":"Vendor","chargePointModel":"Model","firmwareVersion":"1.2.3",'
    '"chargePointSerialNumber":17}'
)


def charger(identity: str, organisation: Any = None, **session: Any) -> Charger:
    row = Charger.objects.create(identity=identity, organisation=organisation, label=f"{identity} label")
    if session:
        ChargerSession.objects.create(charger=row, **session)
    return row


def online(identity: str, organisation: Any = None) -> Charger:
    return charger(identity, organisation, online=True, ocpp_version="1.6", connected_at=NOW)


def offline(identity: str, minutes: float = 60, organisation: Any = None) -> Charger:
    gone = timezone.now() - timedelta(minutes=minutes)
    return charger(identity, organisation, online=False, connected_at=gone, disconnected_at=gone)


def route(row: Charger, role: str, state: str = "connected", **fields: Any) -> Route:
    backoffice, _ = Backoffice.objects.get_or_create(name=f"{role}-{row.identity}", url="ws://x/")
    made = Route.objects.create(charger=row, backoffice=backoffice, role=role)
    RouteState.objects.create(route=made, state=state, since=NOW, **fields)
    return made


def refused(identity: str, cause: str = "wrong_password", **fields: Any) -> RefusedAttempt:
    given = {"count": 9, "first_at": NOW, "last_at": NOW, "remote_address": "10.0.0.7", **fields}
    return RefusedAttempt.objects.create(identity=identity, cause=cause, **given)


def page(client: Any, query: str = "") -> str:
    answer = client.get(LIST + query)
    assert answer.status_code == 200
    return unescape(answer.content.decode())


def shown(client: Any, query: str) -> set[str]:
    return {row.identity for row in client.get(LIST + query).context["cl"].result_list}


def test_a_line_says_who_it_is_and_how_it_is(admin_client: Any) -> None:
    row = online("CP-1", Organisation.objects.create(name="Ours"))
    route(row, "billing")
    route(row, "control", "waiting", last_error="the backoffice refused")
    Connector.objects.create(charger=row, connector_id=1, status="SuspendedEV", updated_at=NOW)
    LatestValue.objects.create(charger=row, kind="boot", payload=BOOT, at=NOW)
    content = page(admin_client)
    assert f'href="{LIST}{row.pk}/overview/"' in content
    for part in (
        *("CP-1 label", "CP-1", "online", "paused by the car", "B●", "D✕", "Vendor Model", "1.2.3", "Ours"),
        *("control-CP-1 (Data & control): away", "the backoffice refused"),
    ):
        assert part in content


def test_an_offline_charger_says_who_was_refused_and_what_helps(admin_client: Any) -> None:
    offline("CP-1")
    refused("CP-1")
    refused("CP-2", remote_address="10.0.0.8")
    content = page(admin_client)
    assert "Wrong password 9 times, last at" in content
    assert "10.0.0.7" in content
    assert "Enter the password in the charger again" in content
    assert "10.0.0.8" not in content


def test_what_was_refused_before_it_connected_is_history(admin_client: Any) -> None:
    online("CP-1")
    refused("CP-1", last_at=NOW - timedelta(minutes=1))
    assert "Wrong password" not in page(admin_client)


def test_more_problems_than_fit_are_counted(admin_client: Any) -> None:
    row = online("CP-1")
    for number in range(5):
        Alarm.objects.create(charger=row, kind="clock differs", key=str(number), text="late", raised=NOW)
    assert "and 2 more" in page(admin_client)


@pytest.mark.parametrize(
    ("question", "found"),
    [
        ("yes", {"down", "faulted", "charging", "alarm", "waiting"}),
        ("no", {"gone", "just", "never", "refused"}),
        ("gone", {"gone", "refused"}),
        ("never", {"never"}),
        ("refused", {"refused"}),
        ("down", {"down"}),
        ("faulted", {"faulted"}),
        ("charging", {"charging"}),
        ("alarm", {"alarm"}),
        ("waiting", {"waiting"}),
        ("alone", {"gone", "just", "never", "refused", "faulted", "charging", "alarm"}),
    ],
)
def test_filters_match_questions(admin_client: Any, question: str, found: set[str]) -> None:
    offline("gone")
    offline("just", minutes=1)
    charger("never")
    offline("refused")
    refused("refused")
    route(online("down"), "control", "parked")
    for identity, status in (("faulted", "Faulted"), ("charging", "Charging")):
        Connector.objects.create(charger=online(identity), connector_id=1, status=status, updated_at=NOW)
    Alarm.objects.create(charger=online("alarm"), kind="clock differs", text="late", raised=NOW)
    route(online("waiting"), "control", waiting=3)
    assert shown(admin_client, f"?online={question}") == found


def test_the_number_of_queries_does_not_depend_on_that_of_the_rows(admin_client: Any) -> None:
    def fill(number: int) -> None:
        row = online(f"CP-{number}", Organisation.objects.create(name=f"Ours {number}"))
        route(row, "billing", waiting=1)
        route(row, "control", "waiting")
        refused(row.identity, last_at=NOW + timedelta(minutes=1))
        Connector.objects.create(charger=row, connector_id=1, status="Faulted", updated_at=NOW)
        LatestValue.objects.create(charger=row, kind="boot", payload=BOOT, at=NOW)

    fill(0)
    page(admin_client)
    with CaptureQueriesContext(connection) as one:
        page(admin_client)
    for number in range(1, 10):
        fill(number)
    with CaptureQueriesContext(connection) as ten:
        page(admin_client)
    assert len(ten) == len(one)


@pytest.mark.parametrize("role", ["installer", "read_only"])
def test_of_others_nothing_is_seen(client: Any, role: str) -> None:
    ours, theirs = (Organisation.objects.create(name=name) for name in ("Ours", "Zebra"))
    user = User.objects.create_user(role, is_staff=True)
    user.user_permissions.set(Permission.objects.all())
    Membership.objects.create(user=user, organisation=ours, role=role)
    online("CP-1", ours)
    foreign = offline("Zebra-1", organisation=theirs)
    route(foreign, "control", "parked")
    refused("Zebra-1", detail="Zebra")
    client.force_login(user)
    content = page(client)
    assert "CP-1" in content
    assert "Zebra" not in content
    assert shown(client, "?online=refused") == set()


@pytest.mark.parametrize(
    ("payload", "words"),
    [
        (BOOT, ("Vendor", "Model", "1.2.3", "17")),
        ('{"chargingStation":{"vendorName":"V","model":"M"},"reason":"PowerUp"}', ("V", "M", "", "")),
        ('{"chargePointVendor":["odd"]}', ("", "", "", "")),
        ("nonsense", ("", "", "", "")),
        ('{"chargingStation":7}', ("", "", "", "")),
    ],
    ids=["1.6", "2.x", "odd types", "no JSON", "odd station"],
)
def test_what_a_boot_says(payload: str, words: tuple[str, ...]) -> None:
    assert read_boot(payload) == words
