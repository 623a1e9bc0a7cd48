"""Periodic tasks are sent at once and at their intervals, and a broker's error does not end them."""

import queue
from typing import Any

import pytest

from proxy_site.schedule import Schedule


class App:
    """Stands for the Celery application: what is sent arrives in a queue."""

    def __init__(self, failures=0):
        self.sent: queue.Queue[Any] = queue.Queue()
        self.failures = failures

    def send_task(self, name, **options):
        self.sent.put((name, options))
        if self.failures:
            self.failures -= 1
            raise ConnectionError("no broker")


@pytest.fixture
def started():
    schedules = []

    def start(app, entries):
        schedule = Schedule(app, entries)
        schedules.append(schedule)
        schedule.start()
        return schedule

    yield start
    for schedule in schedules:
        schedule.stop()


def test_each_task_is_sent_at_once_with_its_options(started):
    app = App()
    started(
        app,
        {
            "a": {"task": "tasks.a", "schedule": 3600.0, "options": {"expires": 2}},
            "b": {"task": "tasks.b", "schedule": 3600.0},
        },
    )
    both = dict(app.sent.get(timeout=5) for _ in range(2))
    assert both == {"tasks.a": {"expires": 2}, "tasks.b": {}}


def test_a_task_is_sent_again_after_its_interval_even_after_an_error(started):
    app = App(failures=1)
    started(app, {"a": {"task": "tasks.a", "schedule": 0.001}})
    assert [app.sent.get(timeout=5)[0] for _ in range(3)] == ["tasks.a"] * 3
