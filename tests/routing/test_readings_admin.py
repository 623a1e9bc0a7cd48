"""Readings, settings and news of firmware in the admin: who sees what of them, and at what cost."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from accounts.models import Membership, Organisation, User
from chargers.models import Charger
from routing.models import ConfigurationKey, FirmwareEvent, Reading

pytestmark = pytest.mark.django_db

AT = datetime(2030, 1, 2, 3, 4, 5, tzinfo=UTC)
CARD = "04A2B3C4D5"


@pytest.fixture
def ours() -> SimpleNamespace:
    """An organisation with a charger, and somebody who may change it and somebody who may not."""
    organisation = Organisation.objects.create(name="Ours")
    charger = Charger.objects.create(identity="CP-1", organisation=organisation)
    people = {}
    for role in ("installer", "read_only"):
        user = User.objects.create_user(role, is_staff=True)
        user.user_permissions.set(Permission.objects.all())
        Membership.objects.create(user=user, organisation=organisation, role=role)
        people[role] = user
    return SimpleNamespace(charger=charger, **people)


def add(charger: Charger, rows: int = 1) -> None:
    for number in range(rows):
        at = AT + timedelta(seconds=number)
        Reading.objects.create(charger=charger, connector_id=1, at=at, power_w=7400, current_l2_a=10.25)
        ConfigurationKey.objects.create(charger=charger, variable=f"Key{number}", value="300", seen_at=AT)
        FirmwareEvent.objects.create(charger=charger, at=at, kind="firmware", status="Installed")


def page(model: Any, name: str = "changelist", *args: Any) -> str:
    return reverse(f"admin:routing_{model._meta.model_name}_{name}", args=args)


each_model = pytest.mark.parametrize(
    "model", [Reading, ConfigurationKey, FirmwareEvent], ids=lambda model: model.__name__
)


def queries(client: Client, model: Any) -> int:
    with CaptureQueriesContext(connection) as captured:
        assert client.get(page(model)).status_code == 200
    return len(captured)


@each_model
def test_a_list_costs_the_same_however_long_it_is(model: Any, client: Client, ours: SimpleNamespace) -> None:
    client.force_login(ours.read_only)
    add(ours.charger)
    client.get(page(model))
    one = queries(client, model)
    for model_ in (Reading, ConfigurationKey, FirmwareEvent):
        model_._default_manager.all().delete()
    add(ours.charger, 10)
    assert queries(client, model) == one


@each_model
@pytest.mark.parametrize("role", ["installer", "read_only"])
def test_nobody_adds_changes_or_removes_them(
    model: Any, role: str, client: Client, ours: SimpleNamespace
) -> None:
    client.force_login(getattr(ours, role))
    add(ours.charger)
    row = model._default_manager.get()
    assert client.post(page(model, "add")).status_code == 403
    assert client.post(page(model, "delete", row.pk), {"post": "yes"}).status_code == 403
    assert client.post(page(model, "change", row.pk), {"value": "7"}).status_code == 403
    assert model._default_manager.filter(pk=row.pk).exists()


def test_figures_have_their_units(client: Client, ours: SimpleNamespace) -> None:
    client.force_login(ours.read_only)
    add(ours.charger)
    shown = client.get(page(Reading)).content.decode()
    assert "2030-01-02 03:04:05" in shown
    assert "7.40 kW" in shown
    assert "- / 10.2 / - A" in shown


@pytest.mark.parametrize(("role", "sees"), [("installer", True), ("read_only", False)], ids=str)
def test_a_card_that_a_charger_is_set_to_is_masked(
    role: str, client: Client, ours: SimpleNamespace, *, sees: bool
) -> None:
    row = ConfigurationKey.objects.create(
        charger=ours.charger, variable="FreevendIdTag", value=CARD, seen_at=AT
    )
    client.force_login(getattr(ours, role))
    listed = client.get(page(ConfigurationKey)).content.decode()
    assert CARD not in listed
    assert "****C4D5" in listed
    assert (CARD in client.get(page(ConfigurationKey, "change", row.pk)).content.decode()) is sees
