"""Rows to look at: chargers of one organisation with what hangs on them, and some of another's."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from django.db import connection, models
from django.utils import timezone

from accounts.deeds import Deed
from accounts.models import Location, Membership, Organisation, User
from backoffices.models import Backoffice
from chargers.models import Charger, Connector, RefusedAttempt
from routing.models import (
    Alarm,
    Card,
    ChargerSession,
    Command,
    ConfigurationKey,
    Delivery,
    Event,
    FirmwareEvent,
    LatestValue,
    Message,
    Reading,
    Route,
    RouteState,
    RouteTransaction,
    Transaction,
    Upload,
    Webhook,
    WebhookDelivery,
)
from routing.models.traffic import number_at

BOOT = '{"chargePointVendor":"Acme","chargePointModel":"Wall","firmwareVersion":"1.2.3"}'
OFFICES = 20
"""Backoffices; each charger has routes to two of them."""

AWAY, BROKEN, TROUBLED = 5, 50, 20
"""Every so manieth charger is offline, route has no link, charger has an alarm."""

SETTINGS = [f"Key{number}" for number in range(10)]


class Fleet(NamedTuple):
    """What was made; ``chargers``: those of the installer's organisation."""

    installer: User
    organisation: Organisation
    chargers: list[Charger]


def fleet(chargers: int, others: int) -> Fleet:
    """Chargers with a session, two connectors and what they said at boot, and their installer."""
    ours, theirs = (Organisation.objects.create(name=name) for name in ("Ours", "Theirs"))
    user = User.objects.create_user("reader", is_staff=True)
    Membership.objects.create(user=user, organisation=ours, role="installer")
    rows = [Charger(identity=f"CP-{n:05d}", label=f"Bay {n}", organisation=ours) for n in range(chargers)]
    rows += [Charger(identity=f"X-{n:05d}", organisation=theirs) for n in range(others)]
    made, now = Charger.objects.bulk_create(rows), timezone.now()
    add(
        ChargerSession(charger=one, online=n % AWAY > 0, connected_at=now, ocpp_version="1.6")
        for n, one in enumerate(made)
    )
    add(LatestValue(charger=one, kind="boot", payload=BOOT, at=now) for one in made)
    add(
        Connector(charger=one, connector_id=number, status="Available", updated_at=now)
        for one in made
        for number in (1, 2)
    )
    return Fleet(user, ours, made[:chargers])


def furnish(fleet: Fleet) -> None:
    """Two routes for each of these chargers and what they leave: sessions, commands, events, alarms, ..."""
    offices = Backoffice.objects.bulk_create(
        Backoffice(name=f"Office {n}", organisation=fleet.organisation, url=f"wss://office-{n}.example/")
        for n in range(OFFICES)
    )
    routes = Route.objects.bulk_create(
        Route(charger=charger, backoffice=offices[(2 * n + leg) % OFFICES], role=role)
        for n, charger in enumerate(fleet.chargers)
        for leg, role in enumerate(("billing", "control"))
    )
    now = timezone.now()
    add(
        RouteState(route=route, state="backoff" if n % BROKEN == 0 else "connected", since=now, waiting=n % 3)
        for n, route in enumerate(routes)
    )
    for rows in (_traffic(routes, now), _sayings(fleet, now), _deeds(fleet, now), _surroundings(fleet, now)):
        for kind in rows:
            add(kind)
    _events(fleet, now)


def add(rows: Iterable[models.Model]) -> None:
    """Insert rows of one model."""
    made = list(rows)
    type(made[0])._default_manager.bulk_create(made, batch_size=2000)


def place() -> str:
    """Which database this is, by name."""
    return "PostgreSQL" if connection.vendor == "postgresql" else "SQLite"


def analyse() -> None:
    """Have the database look at what it has, as a server does by itself in time."""
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")


def _traffic(routes: list[Route], now: datetime) -> Iterator[Iterable[models.Model]]:
    """Two sessions for each charger, what waits, and a day of its log."""
    sessions = [
        Transaction(
            charger_id=route.charger_id, ocpp_version="1.6", id_tag=f"CARD{n}", owner=route,
            charger_transaction_id=str(n), connector_id=1, meter_start=0, meter_stop=n, stop_reason="Local",
            created=now - timedelta(minutes=n), closed=now,
        )
        for n, route in enumerate(routes)
    ]  # fmt: skip
    yield sessions
    yield (
        RouteTransaction(transaction=session, route=route, route_transaction_id=str(n), state="known")
        for n, (session, route) in enumerate(zip(sessions, routes, strict=True))
    )
    yield (
        Delivery(
            charger_id=route.charger_id, route=route, seq=1, exchange=n, at=now, action="StopTransaction",
            payload="{}", dead=n % TROUBLED == 0, died_at=now if n % TROUBLED == 0 else None,
        )
        for n, route in enumerate(routes)
    )  # fmt: skip
    first = number_at(now - timedelta(hours=23))
    yield (
        Message(
            charger_id=route.charger_id, route=route if leg else None, at=now, text="[]", direction="up",
            exchange=first + n * 1_000_000 + turn, action="MeterValues", message_id=f"{n}-{turn}-{leg}",
            outcome="answered",
        )
        for turn in range(5)
        for n, route in enumerate(routes)
        for leg in (0, 1)
    )  # fmt: skip


def _sayings(fleet: Fleet, now: datetime) -> Iterator[Iterable[models.Model]]:
    """What chargers have told of themselves, or sent."""
    chargers = fleet.chargers
    yield (
        Reading(charger=one, connector_id=1, at=now - timedelta(minutes=n), power_w=7400)
        for one in chargers
        for n in range(10)
    )
    yield (
        ConfigurationKey(charger=one, variable=name, value=name, seen_at=now)
        for one in chargers
        for name in SETTINGS
    )
    yield (FirmwareEvent(charger=one, at=now, kind="firmware", status="Installed") for one in chargers)
    yield (Upload(charger=one, token_hash=str(one.pk), expires=now, name=f"{one}.zip") for one in chargers)
    yield (
        Alarm(charger=one, kind="dead_letters", text="1 message was given up", raised=now)
        for one in chargers[::TROUBLED]
    )


def _deeds(fleet: Fleet, now: datetime) -> Iterator[Iterable[models.Model]]:
    """What people did with each charger."""
    actor: dict[str, Any] = {"actor_name": str(fleet.installer), "via": "admin"}
    yield (
        Command(
            charger=one, user=fleet.installer, verb="reset", action="Reset", ocpp_version="1.6",
            state="accepted", command_class="maintenance", deadline=now, finished_at=now, **actor,
        )
        for one in fleet.chargers
        for _ in range(2)
    )  # fmt: skip
    yield (
        Deed(
            actor=fleet.installer, correlation_id=str(n), verb="changed", subject_type="chargers.charger",
            subject_id=str(one.pk), subject_name=str(one), charger_id=one.pk, charger_name=str(one),
            organisation=fleet.organisation, organisation_name="Ours", words=f"changed {one}", **actor,
        )
        for one in fleet.chargers
        for n in range(4)
    )  # fmt: skip


def _surroundings(fleet: Fleet, now: datetime) -> Iterator[Iterable[models.Model]]:
    """Cards, locations, and who could not connect."""
    numbers = range(len(fleet.chargers))
    yield (Card(organisation=fleet.organisation, id_tag=f"CARD{n}", label=f"Driver {n}") for n in numbers)
    yield (Location(organisation=fleet.organisation, name=f"Yard {n}") for n in numbers[:500])
    yield (
        RefusedAttempt(
            identity=f"?-{n}", remote_address="192.0.2.1", cause="unknown_identity", first_at=now, last_at=now
        )
        for n in numbers
    )


def _events(fleet: Fleet, now: datetime) -> None:
    """Four events of each charger, with a webhook that has got all."""
    ours = fleet.organisation
    hook = Webhook.objects.create(organisation=ours, url="https://hook.example/", secret=b"whsec_x")
    events = [
        Event(type="charger.booted", at=now, organisation=ours, charger=one, key=f"{one.pk}-{n}")
        for one in fleet.chargers
        for n in range(4)
    ]
    add(events)
    made = Event.objects.filter(organisation=ours)
    add(WebhookDelivery(webhook=hook, event=event, state="delivered", status_code=200) for event in made)
