"""A delivery is tried by one at a time, on either database, and what somebody died with is not lost."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest
from standardwebhooks import Webhook as Verifier

from routing.models import WebhookDelivery
from routing.webhooks import service
from routing.webhooks.posting import Outcome
from routing.webhooks.sending import Sender
from tests.databases import Database
from tests.routing.webhooks.conftest import secret_of, sent_to, webhook
from tests.routing.webhooks.receiver import Receiver
from tests.routing.webhooks.sent import State, always, at_once, due, send


@pytest.fixture(autouse=True)
def stored(database: Database) -> Database:
    return database


def test_what_arrives_is_signed_and_noted(there: Receiver) -> None:
    row = webhook(there.url)
    delivery = sent_to(row, data={"identity": "CP/1 é"})
    assert send() == 1
    (got,) = there.got
    said = Verifier(secret_of(row)).verify(got.body, got.headers)
    assert said == {
        "id": str(delivery.event.uuid),
        "type": "charger.connected",
        "timestamp": delivery.event.at.isoformat().replace("+00:00", "Z"),
        "data": {"identity": "CP/1 é"},
    }
    assert got.headers["webhook-id"] == said["id"]
    delivery.refresh_from_db()
    assert (delivery.state, delivery.attempts, delivery.status_code) == (State.DELIVERED, 1, 200)
    assert delivery.response == "thanks"
    assert send() == 0


def test_a_webhook_is_served_by_one_at_a_time(there: Receiver) -> None:
    row = webhook(there.url)
    for _ in range(2):
        sent_to(row)
    held: list[Callable[[], None]] = []
    first, second = Sender(start=held.append), Sender(start=at_once)
    assert first.run(always) == 1
    assert (first.run(always), second.run(always)) == (0, 0)
    held[0]()
    assert len(there.got) == 2
    assert second.run(always) == 0


def test_what_somebody_died_with_is_tried_again(there: Receiver) -> None:
    sent_to(webhook(there.url))

    def die(*args: Any, **kwargs: Any) -> Outcome:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        send(Sender(start=at_once, post=die))
    assert send() == 0  # still claimed
    due()
    assert send() == 1
    assert WebhookDelivery.objects.get().state == State.DELIVERED
    assert WebhookDelivery.objects.get().attempts == 2


def test_what_is_sent_again_meanwhile_is_not_noted_as_done(there: Receiver) -> None:
    delivery = sent_to(webhook(there.url))

    def meanwhile(*args: Any, **kwargs: Any) -> Outcome:
        service.redeliver(WebhookDelivery.objects.get())
        return Outcome(500, "answered 500", "", 1.0)

    send(Sender(start=at_once, post=meanwhile))
    delivery.refresh_from_db()
    assert (delivery.state, delivery.attempts) == (State.PENDING, 0)


def test_beside_means_beside(there: Receiver) -> None:
    sent_to(webhook(there.url))
    sender = Sender()
    assert sender.run(always) == 1
    for thread in threading.enumerate():
        if thread.name == "webhook":
            thread.join()
    assert len(there.got) == 1
    assert sender._serving == {}
