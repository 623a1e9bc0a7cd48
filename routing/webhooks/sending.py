"""Deliveries on their way: claimed, posted, noted, tried again later.

A webhook is served by one thread at a time, in whatever process, and a process has a few such threads. Of
these, those that fail or are slow have half at most, so that they are never in the way of the others. Whoever
dies in the middle of a try has claimed it for a while only: then it is done again. So a delivery may come
twice, and one after a later one.
"""

from __future__ import annotations

import logging
import os
import random
import socket
import threading
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import DatabaseError, connection
from django.db.models import Exists, F, OuterRef
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts import mail
from accounts.acting import Via, acting
from routing.fields import Unreadable
from routing.models import Webhook, WebhookDelivery
from routing.webhooks import posting
from routing.webhooks.kinds import PATIENCE, RETRIES
from routing.webhooks.posting import Outcome
from routing.webhooks.service import body_of, secrets_of
from routing.webhooks.signing import sign

log = logging.getLogger(__name__)

SLOTS = 6
"""Webhooks that a process serves at once."""

SLOW_SLOTS = 3
"""Of these, so many at most that failed last time, or took longer than ``SLOW_MS``."""

SLOW_MS = 2_000.0
TURN_S = 5.0
"""After so long it is the next webhook's turn."""

HELD = timedelta(minutes=2)
"""So long a claim holds, of who died with it."""

LONGEST_REST_S = 60
"""A webhook that fails is left alone for 2, 4, 8 ... seconds, and no longer than this."""

GONE = 410

Post = Callable[..., Outcome]
Start = Callable[[Callable[[], None]], None]


def beside(work: Callable[[], None]) -> None:
    """Run in a thread that the process does not wait for when it ends, with a connection of its own."""

    def run() -> None:
        try:
            work()
        except DatabaseError as error:
            log.warning("webhooks: the database does not answer: %s", str(error).splitlines()[:1])
        finally:
            connection.close()

    threading.Thread(target=run, name="webhook", daemon=True).start()


class Sender:
    """Sends for one process. ``start``: how a webhook is served beside; ``post``: as ``posting.post``."""

    def __init__(self, start: Start = beside, post: Post = posting.post) -> None:
        self.name = f"{socket.gethostname()[:40]}-{os.getpid()}-{id(self):x}"[:64]
        self._start, self._post = start, post
        self._lock = threading.Lock()
        self._serving: dict[int, bool] = {}  # webhook: whether it is a slow one

    def run(self, go_on: Callable[[], bool]) -> int:
        """Begin to serve webhooks that have something to get, as far as there is room; how many."""
        begun = 0
        for webhook, failures, took_ms in _waiting():
            if not go_on():
                break
            if self._take_slot(webhook, is_slow=failures > 0 or (took_ms or 0) > SLOW_MS):
                begun += self._begin(webhook, go_on)
        return begun

    def _begin(self, webhook: int, go_on: Callable[[], bool]) -> int:
        if not _claim(webhook, self.name):
            self._free_slot(webhook)
            return 0

        def serve() -> None:
            try:
                with acting(via=Via.TASK, actor_name="webhooks"):
                    self._serve(webhook, go_on)
            finally:
                self._free_slot(webhook)

        self._start(serve)
        return 1

    def _take_slot(self, webhook: int, *, is_slow: bool) -> bool:
        with self._lock:
            is_full = len(self._serving) >= SLOTS or webhook in self._serving
            if is_full or (is_slow and sum(self._serving.values()) >= SLOW_SLOTS):
                return False
            self._serving[webhook] = is_slow
            return True

    def _free_slot(self, webhook: int) -> None:
        with self._lock:
            self._serving.pop(webhook, None)

    def _serve(self, key: int, go_on: Callable[[], bool]) -> None:
        """Send what is due to one webhook, the oldest first, until one fails or its turn is over."""
        until = time.monotonic() + TURN_S
        rest = timedelta(0)
        try:
            while go_on() and time.monotonic() < until:
                delivery = _next(key)
                if delivery is None:
                    break
                if not self._try(delivery):
                    rest = _rest(delivery.webhook.failures)
                    break
        finally:
            mine = Webhook.objects.filter(pk=key, holder=self.name)
            mine.update(busy_until=timezone.now() + rest, holder="")

    def _try(self, delivery: WebhookDelivery) -> bool:
        """Try one that is claimed; whether it arrived."""
        outcome = self._posted(delivery)
        if outcome.is_delivered:
            _note_delivered(delivery, outcome)
        else:
            _note_failed(delivery, outcome)
        return outcome.is_delivered

    def _posted(self, delivery: WebhookDelivery) -> Outcome:
        webhook, event, now = delivery.webhook, delivery.event, int(time.time())
        try:
            known = secrets_of(webhook)
        except Unreadable as problem:
            return Outcome(None, str(problem)[:255], "", 0.0)
        body, message_id = body_of(event), str(event.uuid)
        headers = {
            "Content-Type": "application/json",
            "User-Agent": "ocpp-proxy",
            "webhook-id": message_id,
            "webhook-timestamp": str(now),
            "webhook-signature": sign(known, message_id, now, body),
        }
        return self._post(webhook.url, headers, body, allow_private=settings.PROXY_ALLOW_PRIVATE_UPSTREAMS)


SENDER = Sender()
"""Of this process."""


# -- claims ---------------------------------------------------------------------------------------------


def _waiting() -> list[tuple[int, int, float | None]]:
    """Webhooks with something due that nobody serves, those that have waited longest first."""
    due = WebhookDelivery.objects.due().filter(webhook=OuterRef("pk"))
    rows = Webhook.objects.filter(Exists(due), busy_until__lte=timezone.now())
    ordered = rows.order_by("failures", F("tried_at").asc(nulls_first=True), "pk")
    return list(ordered.values_list("pk", "failures", "took_ms")[: 4 * SLOTS])


def _claim(webhook: int, holder: str) -> bool:
    now = timezone.now()
    free = Webhook.objects.filter(pk=webhook, busy_until__lte=now)
    return bool(free.update(busy_until=now + HELD, holder=holder))


def _next(webhook: int) -> WebhookDelivery | None:
    """The oldest that is due, claimed for one try; None where there is none, or somebody else is at it."""
    due = WebhookDelivery.objects.due().filter(webhook=webhook).select_related("webhook", "event")
    found = due.order_by("next_at", "pk").first()
    if found is None:
        return None
    mine = WebhookDelivery.objects.filter(
        pk=found.pk, attempts=found.attempts, state=found.state, next_at=found.next_at
    )
    if not mine.update(attempts=found.attempts + 1, next_at=timezone.now() + HELD):
        return None
    found.attempts += 1
    return found


def _rest(failures: int) -> timedelta:
    return timedelta(seconds=min(LONGEST_REST_S, 2 ** min(failures, 10)))


# -- what came of it ------------------------------------------------------------------------------------


def _note(delivery: WebhookDelivery, outcome: Outcome, **more: Any) -> None:
    """Only of the try that this was: somebody may have begun anew meanwhile."""
    mine = WebhookDelivery.objects.filter(pk=delivery.pk, attempts=delivery.attempts)
    mine.update(
        status_code=outcome.status,
        error=outcome.error,
        response=outcome.response,
        took_ms=outcome.took_ms,
        tried_at=timezone.now(),
        **more,
    )


def _note_delivered(delivery: WebhookDelivery, outcome: Outcome) -> None:
    _note(delivery, outcome, state=WebhookDelivery.State.DELIVERED)
    Webhook.objects.filter(pk=delivery.webhook_id).update(
        failures=0, failing_since=None, tried_at=timezone.now(), took_ms=outcome.took_ms
    )


def _note_failed(delivery: WebhookDelivery, outcome: Outcome) -> None:
    webhook, now = delivery.webhook, timezone.now()
    tried = delivery.attempts
    if tried > len(RETRIES):
        _note(delivery, outcome, state=WebhookDelivery.State.GIVEN_UP)
    else:
        later = RETRIES[tried - 1] * random.uniform(1, 1.2)
        _note(delivery, outcome, state=WebhookDelivery.State.FAILED, next_at=now + later)
    webhook.failures += 1
    webhook.failing_since = webhook.failing_since or now
    Webhook.objects.filter(pk=webhook.pk).update(
        failures=webhook.failures,
        failing_since=webhook.failing_since,
        tried_at=now,
        took_ms=outcome.took_ms,
    )
    if outcome.status == GONE:
        _switch_off(webhook, _("It answered that it is gone (410)."))
    elif now - webhook.failing_since >= PATIENCE:
        _switch_off(webhook, _("Nothing has arrived for %d days.") % PATIENCE.days)


def _switch_off(webhook: Webhook, reason: str) -> None:
    with acting(words=f"Switched off: {reason}"):
        if not Webhook.objects.filter(pk=webhook.pk, enabled=True).update(
            enabled=False, disabled_reason=reason
        ):
            return
    log.warning("webhook %s is switched off: %s", webhook.uuid, reason)
    person = webhook.created_by
    if person is not None and person.is_active and person.email:
        text = _("%(reason)s No events are sent to it until it is switched on again.") % {"reason": reason}
        mail.send(person.email, _("Webhook %s is switched off") % webhook, text)
