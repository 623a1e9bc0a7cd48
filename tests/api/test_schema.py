"""The API against its own OpenAPI document: made-up requests of each role, few of each in the suite.

The long form, with as many examples of each operation as PROXY_SCHEMA_EXAMPLES says: docs/api.md.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from threading import BoundedSemaphore
from typing import Any
from uuid import uuid4

import hypothesis
import pytest
import schemathesis
from django.core.signals import request_finished, request_started
from django.core.wsgi import get_wsgi_application
from django.db import close_old_connections, transaction
from django.utils import timezone
from schemathesis import checks
from schemathesis.generation import GenerationMode

from accounts.models import Organisation, User
from accounts.tokens import SCOPES, issue
from backoffices.models import Backoffice
from chargers.models import Charger
from routing.models import (
    ChargerSession,
    ConfigurationKey,
    Message,
    PermissionPreset,
    Reading,
    Route,
    RouteState,
    Transaction,
)  # fmt: skip
from routing.models.traffic import number_at
from tests.api.conftest import member
from tests.api.test_commands import stored
from tests.api.test_webhooks import delivery_of, webhook_of

pytestmark = pytest.mark.django_db

EXAMPLES = int(os.environ.get("PROXY_SCHEMA_EXAMPLES", "1"))
FOREIGN = "Zebra"
"""Is in everything of the other organisation, and in no answer."""

CHECKS = [
    checks.not_a_server_error,
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_schema_conformance,
]


def world_of(organisation: Organisation) -> dict[str, dict[str, Any]]:
    """Something of everything, and its names in addresses by the first word of the path."""
    now, name = timezone.now(), organisation.name
    place = organisation.locations.create(name=name, address=name, notes=name)
    charger = Charger.objects.create(identity=f"{name}-1", organisation=organisation, location=place)
    ChargerSession.objects.create(charger=charger, online=True, ocpp_version="1.6", connected_at=now)
    charger.connectors.create(connector_id=1, status="Charging", updated_at=now)
    office = Backoffice.objects.create(name=name, organisation=organisation, url=f"wss://{name}.example.org/")
    route = Route.objects.create(charger=charger, backoffice=office, role="control", alias=f"{name}-alias")
    RouteState.objects.create(route=route, state="connected", since=now, last_error=name)
    session = Transaction.objects.create(charger=charger, ocpp_version="1.6", id_tag=f"{name}1234")
    session.route_transactions.create(route=route, route_transaction_id="7", state="known")
    Reading.objects.create(charger=charger, connector_id=1, at=now, power_w=1.0, transaction_id=session.pk)
    ConfigurationKey.objects.create(charger=charger, variable=name, value=name, seen_at=now)
    preset = PermissionPreset.objects.create(organisation=organisation, name=name, role="control")
    command = stored(charger, words=name, group=uuid4(), payload={"type": "Soft"})
    message = Message.objects.create(
        charger=charger, at=now, exchange=number_at(now), direction="up", action="Authorize", message_id=name,
        text=f'[2,"{name}","Authorize",{{}}]', answer='[3,"m",{}]', outcome="answered", rule="the proxy",
    )  # fmt: skip
    delivery = delivery_of(webhook_of(organisation))
    person = User.objects.create_user(f"{name}-person", email=f"person@{name}.example.org")
    other = organisation.memberships.create(user=person, role="installer")
    return {
        "organisations": {"uuid": organisation.uuid},
        "members": {"uuid": other.uuid},
        "locations": {"uuid": place.uuid},
        "chargers": {"uuid": charger.uuid, "charger_uuid": charger.uuid, "number": 1},
        "backoffices": {"uuid": office.uuid},
        "routes": {"uuid": route.uuid},
        "presets": {"uuid": preset.uuid},
        "transactions": {"id": session.pk},
        "commands": {"uuid": command.uuid, "group": command.group},
        "webhooks": {"uuid": delivery.webhook.uuid, "delivery": delivery.uuid},
        "events": {"uuid": delivery.event.uuid},
        "messages": {"id": f"{message.exchange}-{charger.pk}"},
    }


@contextmanager
def undone() -> Iterator[None]:
    """What is done within did not happen."""
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


@pytest.fixture
def alone(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Nobody is dialled, nobody is waited for, nobody asks too often; the test's connection stays open."""

    async def trial(wanted: Any) -> list[Any]:
        return []

    monkeypatch.setattr("backoffices.api.trial.trial", trial)
    monkeypatch.setattr("backoffices.trial_admin.A_MINUTE", 10**6)
    monkeypatch.setattr("routing.api.commands._waiting", BoundedSemaphore(0))
    rates = dict.fromkeys(("read", "write", "commands", "export"), None)
    monkeypatch.setattr("accounts.api.throttling.TokenThrottle.THROTTLE_RATES", rates)
    for signal in (request_started, request_finished):
        signal.disconnect(close_old_connections)
    yield
    for signal in (request_started, request_finished):
        signal.connect(close_old_connections)


def tokens(organisation: Organisation, role: str) -> tuple[str, bool]:
    """A token of this role, and whether it sees everything."""
    if role == "superuser":
        return issue(User.objects.create_superuser("root"), "t", list(SCOPES))[1], True
    return issue(member(organisation, role), "t", list(SCOPES))[1], False


@pytest.mark.parametrize("role", ["read_only", "installer", "owner", "superuser"])
def test_made_up_requests_are_answered_as_the_document_says(
    alone: None, ours: Organisation, role: str
) -> None:
    theirs = Organisation.objects.create(name=FOREIGN)
    places = {"ours": world_of(ours), "theirs": world_of(theirs)}
    token, sees_all = tokens(ours, role)
    schema = schemathesis.openapi.from_wsgi("/api/v1/schema/?format=json", get_wsgi_application())
    wrong: list[str] = []
    found: Any = schema.get_all_operations()
    operations = [result.ok() for result in found]
    for operation in operations:
        for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE):
            try:
                try_out(operation, mode, token, places, sees_all=sees_all)
            except (Exception, BaseExceptionGroup) as error:  # noqa: BLE001 -- all that is wrong is told at once
                wrong.append(f"{operation.label}: {error} {[*getattr(error, 'exceptions', ())]}"[:1500])
    assert len(operations) > 40
    assert not wrong, "\n\n".join(wrong)


Places = dict[str, dict[str, dict[str, Any]]]


def try_out(operation: Any, mode: GenerationMode, token: str, places: Places, *, sees_all: bool) -> None:
    """Made-up requests of one operation, for what is ours and for what is theirs."""
    word = operation.path.removeprefix("/api/v1/").split("/")[0]

    @hypothesis.settings(
        max_examples=EXAMPLES, deadline=None, database=None, derandomize=EXAMPLES == 1,
        phases=[hypothesis.Phase.generate], suppress_health_check=list(hypothesis.HealthCheck),
    )  # fmt: skip
    @hypothesis.given(case=operation.as_strategy(generation_mode=mode))
    def tried(case: Any) -> None:
        for name in ("page", "cursor"):
            (case.query or {}).pop(name, None)  # there is one page
        for whose, place in places.items():
            named = {n: str(v) for n, v in place.get(word, {}).items() if n in (case.path_parameters or {})}
            case.path_parameters = {**(case.path_parameters or {}), **named}
            with undone():
                answer = case.call(headers={"Authorization": f"Bearer {token}"})
                case.validate_response(answer, checks=CHECKS)
            assert FOREIGN not in answer.text or sees_all, case.as_curl_command()
            if whose == "theirs" and named and not sees_all:
                assert answer.status_code >= 400, case.as_curl_command()

    tried()
