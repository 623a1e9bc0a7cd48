"""What people and programs do with webhooks; pages and API call these."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any
from uuid import uuid4

from django.core.serializers.json import DjangoJSONEncoder
from django.db import transaction
from django.utils import timezone

from accounts.acting import acting
from accounts.deeds import did
from routing.models import Event, Webhook, WebhookDelivery
from routing.webhooks.kinds import BOTH_HOLD, MOST_BYTES, TEST
from routing.webhooks.signing import new_secret


def body_of(event: Event) -> bytes:
    """What is sent of an event; the same bytes however often."""
    said = {
        "id": str(event.uuid),
        "type": event.type,
        "timestamp": event.at.isoformat().replace("+00:00", "Z"),
        "data": event.data,
    }
    return json.dumps(said, cls=DjangoJSONEncoder, ensure_ascii=False, separators=(",", ":")).encode()


def fits(event: Event) -> Event:
    """The same event; where its body were too large, with no more than whose it is."""
    if len(body_of(event)) > MOST_BYTES:
        event.data = {"charger": event.data.get("charger"), "shortened": True}
    return event


def deliver(events: Sequence[Event]) -> int:
    """Put events on their way to whoever wants them; to how many. Part of the caller's transaction."""
    if not events:
        return 0
    wanted: dict[int | None, list[Webhook]] = defaultdict(list)
    for webhook in Webhook.objects.filter(enabled=True).defer("secret", "previous_secret"):
        wanted[webhook.organisation_id].append(webhook)
    rows = [
        WebhookDelivery(webhook=webhook, event=event)
        for event in events
        for webhook in _wanting(event, wanted)
    ]
    return len(WebhookDelivery.objects.bulk_create(rows, batch_size=500, ignore_conflicts=True))


def _wanting(event: Event, known: dict[int | None, list[Webhook]]) -> Iterable[Webhook]:
    everybody = [*known.get(None, [])]
    if event.organisation_id is not None:
        everybody += known.get(event.organisation_id, [])
    for webhook in everybody:
        if webhook.charger_id in (None, event.charger_id) and webhook.wants(event.type):
            yield webhook


@transaction.atomic
def send_test(webhook: Webhook) -> WebhookDelivery:
    """Send it an event that says that it works, also where it is switched off for all others."""
    event = Event.objects.create(
        type=TEST,
        at=timezone.now(),
        organisation=webhook.organisation,
        key=f"{TEST}:{uuid4()}",
        data={"webhook": {"uuid": webhook.uuid, "label": webhook.label}, "message": "It works."},
    )
    did(webhook, "Sent a test.")
    return WebhookDelivery.objects.create(webhook=webhook, event=event)


def redeliver(delivery: WebhookDelivery) -> WebhookDelivery:
    """Send it once more, with all tries before it; under the same id, so that who has got it may know."""
    delivery.state, delivery.attempts = WebhookDelivery.State.PENDING, 0
    delivery.next_at, delivery.error = timezone.now(), ""
    delivery.save(update_fields=["state", "attempts", "next_at", "error"])
    did(delivery.webhook, f"Had {delivery.event.type} delivered again.")
    return delivery


def rotate_secret(webhook: Webhook) -> str:
    """A new secret, told this once; the one before it signs, too, for a day."""
    text = new_secret()
    webhook.previous_secret, webhook.previous_until = webhook.secret, timezone.now() + BOTH_HOLD
    webhook.secret = text.encode()
    with acting(words="Made a new secret; the one before it holds for another day."):
        webhook.save(update_fields=["secret", "previous_secret", "previous_until"])
    return text


def secrets_of(webhook: Webhook) -> list[str]:
    """What signs now, the newest first."""
    known = [webhook.secret]
    if webhook.previous_until is not None and webhook.previous_until > timezone.now():
        known.append(webhook.previous_secret)
    return [secret.decode() for secret in known if secret]


def give_secret(webhook: Any) -> str:
    """Give a webhook that is made its secret; it is told this once."""
    text = new_secret()
    webhook.secret = text.encode()
    return text
