"""The Celery worker inside the proxy's process, on its broker in memory."""

import queue
import threading
from typing import Any

import pytest
from django.conf import settings
from kombu.exceptions import OperationalError

from backoffices.steps import LinkStep
from proxy_site import tasks
from proxy_site.celery import app, hold_links
from proxy_site.worker import EmbeddedWorker

pytestmark = pytest.mark.skipif(bool(settings.REDIS_URL), reason="REDIS_URL is set: the broker is shared")

done: queue.Queue[Any] = queue.Queue()


@app.task(name="tests.answer", ignore_result=True)
def answer(value: int) -> None:
    done.put(value)


def test_it_runs_tasks_and_ends_when_told():
    embedded = EmbeddedWorker(app, concurrency=1)
    embedded.start()
    answer.delay(42)
    assert done.get(timeout=30) == 42
    embedded.stop()
    assert embedded.join(30)


def test_one_that_was_never_started_has_ended():
    embedded = EmbeddedWorker(app, concurrency=1)
    embedded.stop()
    assert embedded.join(30)


def test_without_a_broker_a_stop_is_clean(monkeypatch, caplog):
    """Redis may be away just then: the worker hangs in dialling it, and its tasks are repeated anyway."""

    def refused():
        raise OperationalError("Connection refused")

    monkeypatch.setattr(tasks.wake, "delay", refused)
    embedded = EmbeddedWorker(app, concurrency=1)
    hangs = threading.Event()
    monkeypatch.setattr(embedded, "_thread", threading.Thread(target=hangs.wait))
    embedded._thread.start()
    try:
        embedded.stop()
        assert not embedded.join(30)
    finally:
        hangs.set()
        embedded._thread.join()
    assert "the broker does not answer" in caplog.text


def test_only_a_worker_of_its_own_holds_links():
    before = set(app.steps["worker"])
    assert LinkStep not in before
    try:
        hold_links()
        assert LinkStep in app.steps["worker"]
    finally:
        app.steps["worker"].clear()
        app.steps["worker"].update(before)
