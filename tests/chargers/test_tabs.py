"""Overview, backoffices and configuration of a charger."""

from __future__ import annotations

from datetime import timedelta
from html import unescape
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.deeds import Deed
from accounts.models import Membership, Organisation, User
from backoffices.models import Backoffice
from chargers.models import Charger, Connector, RefusedAttempt
from routing.core.alarms import ALARMS
from routing.models import (
    Alarm,
    ChargerSession,
    ConfigurationKey,
    LatestValue,
    Message,
    Reading,
    Route,
    RouteState,
    Transaction,
)
from routing.models.traffic import number_at

pytestmark = pytest.mark.django_db

NOW = timezone.now()
TABS = "overview", "backoffices", "configuration"
PIECES = "overview/now", "backoffices/now"


class World:
    """Our charger with two backoffices, and somebody else's."""

    def __init__(self) -> None:
        self.ours, self.theirs = (Organisation.objects.create(name=name) for name in ("Ours", "Zebra"))
        self.charger = Charger.objects.create(identity="CP-1", organisation=self.ours, label="Garage")
        self.foreign = Charger.objects.create(identity="Zebra-1", organisation=self.theirs)
        self.session = ChargerSession.objects.create(
            charger=self.charger, online=True, connected_at=NOW, ocpp_version="1.6"
        )
        self.billing, self.energy = self.route("cpo", "billing"), self.route("energy", "control")
        self.other = self.route("zebra-office", "billing", self.foreign)

    def route(self, name: str, role: str, charger: Charger | None = None, **fields: Any) -> Route:
        backoffice = Backoffice.objects.create(name=name, url=f"ws://{name}/")
        row = Route.objects.create(
            charger=charger or self.charger, backoffice=backoffice, role=role, **fields
        )
        RouteState.objects.create(route=row, state="connected", since=NOW, round_trip_ms=12)
        return row

    def session_runs(self) -> Transaction:
        return Transaction.objects.create(
            charger=self.charger, ocpp_version="1.6", connector_id=1, owner=self.billing,
            id_tag="DEADBEEF1234",
            meter_start=1000, started_at=NOW.isoformat(),
        )  # fmt: skip


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def member(client: Client, world: World) -> Any:
    def member(role: str = "installer") -> Client:
        user = User.objects.create_user(role, is_staff=True)
        user.user_permissions.set(Permission.objects.all())
        Membership.objects.create(user=user, organisation=world.ours, role=role)
        client.force_login(user)
        return client

    return member


def address(charger: Charger, what: str) -> str:
    return f"/admin/chargers/charger/{charger.pk}/{what}/"


def page(client: Client, charger: Charger, what: str, query: str = "") -> str:
    answer = client.get(address(charger, what) + query)
    assert answer.status_code == 200
    return unescape(answer.content.decode())


@pytest.mark.parametrize("what", [*TABS, *PIECES])
def test_members_see_it_and_others_find_nothing(world: World, member: Any, what: str) -> None:
    for role in ("installer", "read_only"):
        client = member(role)
        assert client.get(address(world.charger, what)).status_code == 200
        assert client.get(address(world.foreign, what)).status_code == 404


# -- overview -------------------------------------------------------------------------------------------


def test_the_way_has_a_word_on_each_arrow(world: World, member: Any) -> None:
    RouteState.objects.filter(route=world.energy).update(state="parked", last_error="HTTP 401 of energy")
    content = page(member(), world.charger, "overview")
    for part in ("Garage", "OCPP 1.6", "connected since", "12 ms", "HTTP 401 of energy", "Data & control"):
        assert part in content
    assert content.index("cpo") < content.index("Data & control")


def test_why_a_charger_is_offline_and_what_helps(world: World, member: Any) -> None:
    ChargerSession.objects.update(online=False, disconnected_at=NOW - timedelta(hours=1))
    for identity, address_ in (("CP-1", "10.0.0.7"), ("Zebra-1", "10.0.0.8")):
        RefusedAttempt.objects.create(
            identity=identity, cause="wrong_password", remote_address=address_, count=9,
            first_at=NOW, last_at=timezone.now() - timedelta(minutes=2),
        )  # fmt: skip
    content = page(member("read_only"), world.charger, "overview")
    assert "Wrong password 9 times, last at" in content
    assert "Enter the password in the charger again" in content
    assert "last 2\xa0minutes ago" in content
    assert "10.0.0.8" not in content


def test_a_charger_that_is_away_without_an_attempt_says_so(world: World, member: Any) -> None:
    ChargerSession.objects.update(online=False, disconnected_at=NOW - timedelta(hours=1))
    assert "nothing has tried to connect since" in page(member(), world.charger, "overview")


def test_alarms_have_a_remedy_and_quirks_a_meaning(world: World, member: Any) -> None:
    Alarm.objects.create(charger=world.charger, kind="clock differs", text="10 minutes late", raised=NOW)
    LatestValue.objects.create(
        charger=world.charger, kind="quirk", key="boot_missing", payload="<never>", at=NOW
    )
    LatestValue.objects.create(charger=world.charger, kind="quirk", key="hex_password", at=NOW)
    answer = member().get(address(world.charger, "overview")).content.decode()
    assert "clock differs: 10 minutes late" in answer
    assert "Have the backoffice&#x27;s clock set right" in answer
    assert ALARMS["clock differs"].meaning in answer
    assert "It has never sent a BootNotification" in answer
    assert "&lt;never&gt;" in answer
    assert "hex password" not in answer


def test_the_running_session_with_its_figures(world: World, member: Any) -> None:
    session = world.session_runs()
    Connector.objects.create(charger=world.charger, connector_id=1, status="Charging", updated_at=NOW)
    Reading.objects.create(
        charger=world.charger, connector_id=1, at=NOW, transaction_id=session.pk,
        power_w=7400, energy_wh=5200, soc_percent=43, current_l1_a=16,
    )  # fmt: skip
    content = page(member("read_only"), world.charger, "overview")
    for part in ("Charging now: Connector 1", "7.4 kW", "4.2 kWh", "43 %", "16.0 A", "card ****1234"):
        assert part in content
    assert "DEADBEEF" not in content


def test_charts_of_the_last_hours(world: World, member: Any) -> None:
    client = member()
    assert "The charger has not told of any in this time." in page(client, world.charger, "overview")
    for minutes in (180, 5, 0):
        Reading.objects.create(
            charger=world.charger, connector_id=1, at=NOW - timedelta(minutes=minutes), power_w=minutes * 100,
            energy_wh=20000 - minutes,
        )  # fmt: skip
    six = client.get(address(world.charger, "overview"))
    charts = {name: chart for name, _title, chart in six.context["charts"]}
    assert charts["power"].highest == "18 kW"
    assert charts["energy"].newest == "180 Wh"
    assert 'aria-labelledby="chart-power-title chart-power-desc"' in six.content.decode()
    two = client.get(address(world.charger, "overview") + "?hours=2")
    assert {name: chart for name, _title, chart in two.context["charts"]}["power"].highest == "500 W"
    assert client.get(address(world.charger, "overview") + "?hours=nonsense").context["hours"] == 6


def test_the_queries_of_the_overview_do_not_grow_with_routes(world: World, member: Any) -> None:
    client = member()
    page(client, world.charger, "overview")
    with CaptureQueriesContext(connection) as two:
        page(client, world.charger, "overview")
    for number in range(8):
        world.route(f"office-{number}", "observe")
        Connector.objects.create(charger=world.charger, connector_id=number, status="Faulted", updated_at=NOW)
    with CaptureQueriesContext(connection) as ten:
        page(client, world.charger, "overview")
    assert len(ten) == len(two)


# -- backoffices ----------------------------------------------------------------------------------------


def switch(client: Client, charger: Charger, route: Any, enabled: str = "0") -> Any:
    return client.post(address(charger, "backoffices/do/switch"), {"route": route, "enabled": enabled})


def test_a_switch_acts_at_once_and_leads_back(world: World, member: Any) -> None:
    client = member()
    content = page(client, world.charger, "backoffices")
    assert content.count('role="switch" aria-checked="true"') == 2
    answer = switch(client, world.charger, world.energy.pk)
    assert answer.headers["Location"] == address(world.charger, "backoffices") + f"#route-{world.energy.pk}"
    world.energy.refresh_from_db()
    assert not world.energy.enabled
    deed = Deed.objects.latest("id")
    assert (deed.words, deed.actor_name, deed.charger_id) == ("Switched off.", "installer", world.charger.pk)
    content = page(client, world.charger, "backoffices")
    assert "energy is switched off." in content
    assert content.count('aria-checked="false"') == 1
    switch(client, world.charger, world.energy.pk, "1")
    world.energy.refresh_from_db()
    assert world.energy.enabled


def test_a_second_billing_route_stays_off_and_the_page_says_why(world: World, member: Any) -> None:
    second = world.route("second", "billing", enabled=False)
    client = member()
    switch(client, world.charger, second.pk, "1")
    second.refresh_from_db()
    assert not second.enabled
    assert "already has an enabled billing route" in page(client, world.charger, "backoffices")


def test_who_switches_billing_off_while_a_session_runs_is_warned(world: World, member: Any) -> None:
    client = member()
    world.session_runs()
    assert "A session is running that cpo bills" in page(client, world.charger, "backoffices")
    switch(client, world.charger, world.billing.pk)
    assert "A session is running that cpo bills" in page(client, world.charger, "backoffices")


def test_a_foreign_route_is_not_switched(world: World, member: Any) -> None:
    client = member()
    assert switch(client, world.foreign, world.other.pk).status_code == 404
    assert switch(client, world.charger, world.other.pk).status_code == 404
    world.other.refresh_from_db()
    assert world.other.enabled


@pytest.mark.parametrize(
    ("route", "enabled"), [("x", "0"), ("", "0"), ("9" * 30, "0"), (None, "2"), (None, "")]
)
def test_what_is_no_switch_is_not_there(world: World, member: Any, route: str | None, enabled: str) -> None:
    key = world.energy.pk if route is None else route
    assert switch(member(), world.charger, key, enabled).status_code == 404


def test_who_only_reads_has_no_switch(world: World, member: Any) -> None:
    client = member("read_only")
    assert 'role="switch"' not in page(client, world.charger, "backoffices")
    assert switch(client, world.charger, world.energy.pk).status_code == 403
    world.energy.refresh_from_db()
    assert world.energy.enabled


def test_a_forged_post_switches_nothing(world: World, member: Any) -> None:
    member()
    client = Client(enforce_csrf_checks=True)
    client.force_login(User.objects.get())
    assert switch(client, world.charger, world.energy.pk).status_code == 403
    assert client.get(address(world.charger, "backoffices/do/switch")).status_code == 405


def test_each_route_says_its_error_queue_and_blocks(world: World, member: Any) -> None:
    RouteState.objects.filter(route=world.energy).update(
        state="waiting", last_error="name not found", waiting=7
    )
    for number in range(3):
        Message.objects.create(
            charger=world.charger, route=world.energy, at=NOW, exchange=number_at(NOW) + number,
            direction="down", action="Reset", outcome="denied",
        )  # fmt: skip
    content = page(member("read_only"), world.charger, "backoffices")
    assert "name not found" in content
    assert "7 messages wait" in content
    assert "outcome=blocked" in content
    assert ">3</a>" in content


# -- configuration --------------------------------------------------------------------------------------


def test_nothing_is_known_of_the_configuration(world: World, member: Any) -> None:
    assert "Nothing is known yet" in page(member(), world.charger, "configuration")


def test_what_was_learned_of_the_configuration(world: World, member: Any) -> None:
    for kind, key, payload in (
        ("setting", "NumberOfConnectors", '"2"'),
        ("setting", "AuthorizationKey", '"hush"'),
        ("wish", f"{world.energy.pk}/heartbeatinterval", '"300"'),
        ("wish", f"{world.other.pk}/heartbeatinterval", '"999"'),
    ):
        LatestValue.objects.create(charger=world.charger, kind=kind, key=key, payload=payload, at=NOW)
    ConfigurationKey.objects.create(
        charger=world.charger, variable="HeartbeatInterval", value="60", readonly=False, seen_at=NOW
    )
    ConfigurationKey.objects.create(
        charger=world.charger, variable="NumberOfConnectors", value="3", readonly=True, seen_at=NOW
    )
    answer = member("read_only").get(address(world.charger, "configuration"))
    found = {one.name: (one.value, one.readonly) for one in answer.context["settings"]}
    assert found == {"HeartbeatInterval": ("60", False), "NumberOfConnectors": ("3", True)}
    assert [(one.name, one.backoffice, one.value) for one in answer.context["wishes"]] == [
        ("heartbeatinterval", "energy", "300")
    ]
    assert "hush" not in answer.content.decode()
