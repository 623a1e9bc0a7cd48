"""The Celery worker inside a process, on a broker in memory."""

import queue
from collections.abc import Iterator
from typing import Any

import pytest
from celery import Celery

from proxy_site import tasks, worker

done: queue.Queue[Any] = queue.Queue()


def answer(value: int) -> None:
    done.put(value)


def nothing() -> None:
    pass


@pytest.fixture
def app(monkeypatch) -> Iterator[Celery]:
    app = Celery("test", broker="memory://localhost", set_as_current=False, fixups=[])
    app.conf.broker_transport_options = {"polling_interval": 0.02}
    app.conf.worker_hijack_root_logger = False
    app.conf.worker_enable_remote_control = False
    app.task(name="answer", ignore_result=True)(answer)
    monkeypatch.setattr(tasks, "wake", app.task(name="wake", ignore_result=True)(nothing))
    yield app
    app.close()


def test_it_runs_tasks_and_ends_when_told(app):
    embedded = worker.EmbeddedWorker(app, concurrency=1)
    embedded.start()
    app.send_task("answer", args=[42])
    assert done.get(timeout=30) == 42
    embedded.stop()
    assert embedded.join(30)


def test_one_that_was_never_started_has_ended(app):
    embedded = worker.EmbeddedWorker(app, concurrency=1)
    embedded.stop()
    assert embedded.join(30)
