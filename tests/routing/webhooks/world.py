"""Two chargers of ours, and things that happen to them."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.apps import apps
from django.utils import timezone

from accounts.models import Organisation
from routing.models import Event
from routing.webhooks.making import Maker
from tests.routing import rows as make
from tests.routing.readings.logged import always, ready

BOOT = {"chargePointVendor": "Acme", "chargePointModel": "Wall", "firmwareVersion": "1.2"}
RESET = {"via": "api", "ocpp_version": "1.6", "command_class": "maintenance", "payload": {"idTag": "C4RD"}}


def chargers() -> Any:
    return apps.get_model("chargers", "Charger")._default_manager


def connectors() -> Any:
    return apps.get_model("chargers", "Connector")._default_manager


def attempts() -> Any:
    return apps.get_model("chargers", "RefusedAttempt")._default_manager


def begin() -> None:
    """Two chargers of ours with two routes each, when all has been looked at once."""
    make.fleet()
    chargers().update(organisation=Organisation.objects.create(name="Ours"))
    look()


def look(maker: Maker | None = None) -> int:
    ready()
    return (maker or Maker()).run(always)


def told() -> list[str]:
    return list(Event.objects.order_by("id").values_list("type", flat=True))


def sample(minutes_ago: int, up: int, routes: int = 2) -> None:
    at = timezone.now().replace(second=0, microsecond=0) - timedelta(minutes=minutes_ago)
    samples = apps.get_model("backoffices", "BackofficeSample")._default_manager
    organisation = Organisation.objects.get()
    samples.create(backoffice_id=1, organisation=organisation, at=at, routes=routes, up=up, waiting=3)
