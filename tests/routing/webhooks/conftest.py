"""What tests of webhooks begin with."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.utils import timezone

from accounts.models import Organisation
from routing.models import Event, Webhook, WebhookDelivery
from routing.webhooks import service
from routing.webhooks.service import give_secret
from tests.routing.webhooks.receiver import Receiver, receiver


@pytest.fixture
def there() -> Iterator[Receiver]:
    with receiver() as found:
        yield found


@pytest.fixture(autouse=True)
def at_home(settings: Any) -> None:
    """Where receivers of tests are, is where webhooks may go."""
    settings.PROXY_ALLOW_PRIVATE_UPSTREAMS = True


def webhook(url: str, organisation: Organisation | None = None, **values: Any) -> Webhook:
    row = Webhook(url=url, organisation=organisation, **values)
    give_secret(row)
    row.full_clean(exclude=["secret"])
    row.save()
    return row


def event(type_: str = "charger.connected", **values: Any) -> Event:
    given = {"at": timezone.now(), "key": f"test {Event.objects.count()}", "data": {"n": 1}} | values
    return Event.objects.create(type=type_, **given)


def secret_of(row: Webhook) -> str:
    """What signs, the newest."""
    return service.secrets_of(row)[0]


def sent_to(row: Webhook, **values: Any) -> WebhookDelivery:
    """An event on its way to this webhook."""
    service.deliver([event(organisation=row.organisation, **values)])
    return WebhookDelivery.objects.filter(webhook=row).latest("id")
