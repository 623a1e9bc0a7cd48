"""Deliveries: tried as documented, by one at a time, and never in the way of others."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.core import mail
from django.utils import timezone
from standardwebhooks import Webhook as Verifier

from accounts.models import Organisation, User
from routing.models import Webhook
from routing.webhooks import sending, service
from routing.webhooks.kinds import RETRIES
from routing.webhooks.sending import Sender
from tests.routing.webhooks.conftest import event, secret_of, sent_to, webhook
from tests.routing.webhooks.receiver import Receiver
from tests.routing.webhooks.sent import State, always, answering, at_once, due, send

pytestmark = pytest.mark.django_db


def test_while_a_secret_is_renewed_both_verify(there: Receiver) -> None:
    row = webhook(there.url)
    old = secret_of(row)
    new = service.rotate_secret(row)
    sent_to(row)
    send()
    for secret in (old, new):
        Verifier(secret).verify(there.got[0].body, there.got[0].headers)
    Webhook.objects.update(previous_until=timezone.now())
    sent_to(row)
    send()
    signatures = there.got[1].headers["webhook-signature"]
    assert len(signatures.split(" ")) == 1
    Verifier(new).verify(there.got[1].body, there.got[1].headers)


@pytest.mark.parametrize("status", [302, 404, 500, None])
def test_whatever_is_wrong_is_tried_again_and_given_up(status: int | None) -> None:
    row = webhook("https://hooks.example/")
    delivery = sent_to(row)
    for number in range(1, len(RETRIES) + 1):
        due()
        before = timezone.now()
        send(Sender(start=at_once, post=answering(status)))
        delivery.refresh_from_db()
        assert (delivery.state, delivery.attempts) == (State.FAILED, number)
        wait = RETRIES[number - 1]
        assert before + wait <= delivery.next_at <= timezone.now() + wait * 1.2
    due()
    send(Sender(start=at_once, post=answering(status)))
    delivery.refresh_from_db()
    assert delivery.state == State.GIVEN_UP
    due()
    assert send(Sender(start=at_once, post=answering(200))) == 0


def test_a_retry_has_the_same_id_and_body(there: Receiver) -> None:
    row = webhook(there.url)
    delivery = sent_to(row)
    there.status = 500
    send()
    there.status = 200
    due()
    send()
    first, second = there.got
    assert first.body == second.body
    assert first.headers["webhook-id"] == second.headers["webhook-id"]
    delivery.refresh_from_db()
    assert (delivery.state, delivery.attempts, delivery.error) == (State.DELIVERED, 2, "")
    row.refresh_from_db()
    assert (row.failures, row.failing_since) == (0, None)


def test_one_that_is_down_waits_and_the_others_get_theirs(there: Receiver) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        down, up = webhook(f"http://127.0.0.1:{taken.getsockname()[1]}/"), webhook(there.url)
        service.deliver([event() for _ in range(3)])
        send()
    assert len(there.got) == 3
    assert up.deliveries.filter(state=State.DELIVERED).count() == 3
    tried = down.deliveries.filter(attempts=1)
    assert tried.get().state == State.FAILED  # the others wait: it rests
    assert send() == 0


def test_the_oldest_comes_first(there: Receiver) -> None:
    webhook(there.url)
    made = [event() for _ in range(3)]
    service.deliver(made)
    send()
    assert [json.loads(got.body)["id"] for got in there.got] == [str(one.uuid) for one in made]


def test_slow_and_failing_ones_have_half_of_the_slots_at_most() -> None:
    for number in range(10):
        sent_to(webhook("https://slow.example/", label=f"slow {number}"))
    Webhook.objects.filter(pk__in=Webhook.objects.values("pk")[:5]).update(failures=1)
    Webhook.objects.filter(failures=0).update(took_ms=9_000)
    healthy = webhook("https://quick.example/", label="quick")
    sent_to(healthy)
    waiting: list[Callable[[], None]] = []
    sender = Sender(start=waiting.append, post=answering(200))
    sender.run(always)
    served = set(sender._serving)
    assert len(served) == sending.SLOW_SLOTS + 1
    assert healthy.pk in served


def failing_for(row: Webhook, days: float) -> None:
    Webhook.objects.filter(pk=row.pk).update(failing_since=timezone.now() - timedelta(days=days))


@pytest.mark.parametrize(("days", "enabled"), [(4.9, True), (5.1, False)])
def test_after_days_without_success_it_is_switched_off(days: float, enabled: bool, settings: Any) -> None:
    settings.PROXY_MAIL = True
    person = User.objects.create_user("maker", "maker@example.org")
    row = webhook("https://hooks.example/", created_by=person)
    failing_for(row, days)
    sent_to(row)
    send(Sender(start=at_once, post=answering(500)))
    row.refresh_from_db()
    assert row.enabled is enabled
    assert bool(row.disabled_reason) is not enabled
    assert [message.to for message in mail.outbox] == ([] if enabled else [["maker@example.org"]])
    due()
    assert send(Sender(start=at_once, post=answering(200))) == int(enabled)


def test_one_that_is_gone_is_switched_off() -> None:
    row = webhook("https://hooks.example/")
    sent_to(row)
    send(Sender(start=at_once, post=answering(410)))
    row.refresh_from_db()
    assert not row.enabled
    assert "410" in row.disabled_reason


def test_a_test_reaches_one_that_is_switched_off(there: Receiver) -> None:
    row = webhook(there.url, enabled=False)
    other = webhook(there.url, Organisation.objects.create(name="Ours"))
    service.send_test(row)
    assert send() == 1
    assert json.loads(there.got[0].body)["type"] == "webhook.test"
    assert not other.deliveries.exists()


def test_a_private_address_is_refused_and_told(there: Receiver, settings: Any) -> None:
    delivery = sent_to(webhook(there.url))
    settings.PROXY_ALLOW_PRIVATE_UPSTREAMS = False
    send()
    delivery.refresh_from_db()
    assert delivery.state == State.FAILED
    assert "not a public address" in delivery.error
    assert not there.got


def test_without_the_key_of_its_secret_nothing_is_sent(there: Receiver, settings: Any) -> None:
    delivery = sent_to(webhook(there.url))
    settings.FIELD_ENCRYPTION_KEYS = ["MDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDA="]
    send()
    delivery.refresh_from_db()
    assert "FIELD_ENCRYPTION_KEYS" in delivery.error
    assert not there.got
