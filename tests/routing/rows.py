"""Rows for tests: complete ones, of which a test names what it is about."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from django.apps import apps
from django.db import transaction as transaction_of
from msgspec.structs import replace

from accounts.models import Membership, Organisation, User
from routing.core.rows import (
    ConnectorRow,
    DeliveryDone,
    DeliveryFailed,
    DeliveryRow,
    LatestRow,
    MessageRow,
    RouteHealthRow,
    RouteStateRow,
    RouteTransactionRow,
    TransactionRow,
)
from routing.models import ChargerSession, Route

AT = datetime(2024, 5, 17, 10, 30, 0, 123456, tzinfo=UTC)
SESSION = UUID("5e551011-0000-4000-8000-000000000001")

MESSAGE = MessageRow(
    charger=1,
    route=None,
    at=AT,
    exchange=1,
    direction="up",
    action="Heartbeat",
    message_id="m-1",
    text='[2,"m-1","Heartbeat",{}]',
    answer='[3,"m-1",{}]',
    outcome="answered",
    error_code="",
    rule="the proxy",
    latency_ms=0.5,
    transaction=None,
    connector_id=None,
)
DELIVERY = DeliveryRow(
    charger=1, route=1, seq=1, exchange=1, at=AT, action="MeterValues", payload="{}", transaction=None
)
FAILED = DeliveryFailed(charger=1, route=1, seq=1, attempts=1, error="no answer", dead=False)
TRANSACTION = TransactionRow(
    id=SESSION,
    charger=1,
    ocpp_version="1.6",
    evse_id=None,
    connector_id=1,
    id_tag="CARD",
    charger_transaction_id=None,
    owner=None,
    started_at="2024-05-17T10:30:00Z",
    meter_start=0,
    start_payload="{}",
    created=AT,
)
ROUTE_TRANSACTION = RouteTransactionRow(
    charger=1, transaction=SESSION, route=1, route_transaction_id=None, state="pending"
)
LATEST = LatestRow(charger=1, kind="status", key="0/1", payload="{}", at=AT)
CONNECTOR = ConnectorRow(
    charger=1, evse_id=0, connector_id=1, status="Available", error_code="NoError", at=AT
)
ROUTE_STATE = RouteStateRow(
    charger=1, route=1, state="connected", since=AT, last_error="", registration="Accepted"
)

ROUTE_HEALTH = RouteHealthRow(charger=1, route=1, waiting=1, oldest=AT, round_trip_ms=12.5)


def message(charger: int = 1, **values: Any) -> MessageRow:
    return replace(MESSAGE, charger=charger, **values)


def delivery(route: int = 1, seq: int = 1, **values: Any) -> DeliveryRow:
    return replace(DELIVERY, route=route, seq=seq, **values)


def done(route: int = 1, seq: int = 1) -> DeliveryDone:
    return DeliveryDone(charger=1, route=route, seq=seq)


def failed(route: int = 1, seq: int = 1, **values: Any) -> DeliveryFailed:
    return replace(FAILED, route=route, seq=seq, **values)


def transaction(id_: UUID = SESSION, **values: Any) -> TransactionRow:
    return replace(TRANSACTION, id=id_, **values)


def route_transaction(transaction: UUID = SESSION, route: int = 1, **values: Any) -> RouteTransactionRow:
    return replace(ROUTE_TRANSACTION, transaction=transaction, route=route, **values)


def latest(charger: int = 1, **values: Any) -> LatestRow:
    return replace(LATEST, charger=charger, **values)


def connector(charger: int = 1, **values: Any) -> ConnectorRow:
    return replace(CONNECTOR, charger=charger, **values)


def route_state(route: int = 1, **values: Any) -> RouteStateRow:
    return replace(ROUTE_STATE, route=route, **values)


@transaction_of.atomic
def fleet(chargers: int = 2, backoffices: int = 2) -> None:
    """Chargers 1, 2, ... each with a route to every backoffice, owned by runtime "ours" under epoch 1.

    Routes are numbered through: charger 1 has 1 and 2, charger 2 has 3 and 4.
    """
    charger, backoffice = apps.get_model("chargers", "Charger"), apps.get_model("backoffices", "Backoffice")
    offices = [
        backoffice.objects.create(pk=i, name=f"office {i}", url="ws://127.0.0.1/ocpp")
        for i in range(1, backoffices + 1)
    ]
    number = 0
    for i in range(1, chargers + 1):
        made = charger.objects.create(pk=i, identity=f"CP-{i}")
        ChargerSession.objects.create(charger=made, runtime="ours", epoch=1)
        for office in offices:
            number += 1
            Route.objects.create(pk=number, charger=made, backoffice=office, role="control")


def route_health(route: int = 1, **values: Any) -> RouteHealthRow:
    return replace(ROUTE_HEALTH, route=route, **values)


def installer_of(chargers: Any) -> User:
    """An installer of a new organisation that these chargers (a queryset) now belong to."""
    user = User.objects.create_user("installer")
    organisation = Organisation.objects.create(name="Ours")
    chargers.update(organisation=organisation)
    Membership.objects.create(user=user, organisation=organisation, role="installer")
    return user
