"""Sending, without threads and without waiting."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from django.utils import timezone

from routing.models import Webhook, WebhookDelivery
from routing.webhooks.posting import Outcome
from routing.webhooks.sending import Sender

State = WebhookDelivery.State


def always() -> bool:
    return True


def at_once(work: Callable[[], None]) -> None:
    work()


def send(sender: Sender | None = None) -> int:
    return (sender or Sender(start=at_once)).run(always)


def due() -> None:
    """All that waits is due now."""
    WebhookDelivery.objects.update(next_at=timezone.now() - timedelta(seconds=1))
    Webhook.objects.update(busy_until=timezone.now() - timedelta(seconds=1))


def answering(status: int | None, took_ms: float = 1.0) -> Any:
    def post(*args: Any, **kwargs: Any) -> Outcome:
        return Outcome(status, "" if status == 200 else f"answered {status}", "", took_ms)

    return post
