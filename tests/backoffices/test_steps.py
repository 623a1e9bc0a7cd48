import asyncio
import threading
from typing import Any, cast

import pytest
from celery import Celery
from celery.worker.control import Panel

from backoffices import current, steps

FAULT = "no database"


class FakeParts:
    """A Runtime with all it needs, as ``proxy_site.wiring.Proxy``."""

    made: list[Any] = []

    def __init__(self, loop):
        self.loop = loop
        self.thread = threading.get_ident()
        self.log = []
        FakeParts.made.append(self)

    async def start(self):
        assert asyncio.get_running_loop() is self.loop
        self.log.append("start")
        current.use(cast(Any, self))

    async def stop(self):
        self.log.append("stop")
        current.leave(cast(Any, self))

    def counts(self):
        return {"sessions": 2, "links": 5}


class FaultyParts(FakeParts):
    async def start(self):
        raise ConnectionError(FAULT)


class Worker:
    pool_cls = "celery.concurrency.thread:TaskPool"


@pytest.fixture(autouse=True)
def parts():
    FakeParts.made = []
    yield FakeParts.made
    for runtime in FakeParts.made:
        current.leave(runtime)


@pytest.fixture
def app():
    return Celery("test", broker="memory://", set_as_current=False)


def step(app, parts="FakeParts", worker=Worker):
    steps.install(app, f"{__name__}:{parts}")
    assert steps.LinkStep in app.steps["worker"]
    return steps.LinkStep(worker)


def test_a_worker_runs_the_runtime_on_a_loop_in_a_thread(app, parts):
    link_step = step(app)
    link_step.start(Worker)
    (made,) = parts
    assert made.thread != threading.get_ident()
    assert link_step.info(Worker) == {"links": {"sessions": 2, "links": 5}}
    link_step.stop(Worker)
    assert made.log == ["start", "stop"]
    assert made.loop.is_closed()
    link_step.stop(Worker)


def test_where_the_process_has_a_runtime_already_it_is_left_alone(app, parts):
    current.use(cast(Any, FakeParts(asyncio.new_event_loop())))
    link_step = step(app)
    link_step.start(Worker)
    link_step.stop(Worker)
    (existing,) = parts
    assert existing.log == []
    existing.loop.close()


def test_what_keeps_the_runtime_from_starting_keeps_the_worker_from_it(app):
    with pytest.raises(ConnectionError, match=FAULT):
        step(app, "FaultyParts").start(Worker)
    assert not current.exists()


def test_a_forking_pool_gets_no_links_and_is_told_why(app, parts, caplog):
    class Forking(Worker):
        pool_cls = "celery.concurrency.prefork:TaskPool"

    step(app, worker=Forking).start(Forking)
    assert parts == []
    assert "start it with --pool threads" in caplog.text


def test_celery_inspect_links_reports_counts(app):
    assert Panel.data["links"](None) == {}
    link_step = step(app)
    link_step.start(Worker)
    assert Panel.data["links"](None) == {"sessions": 2, "links": 5}
    link_step.stop(Worker)


def test_the_step_starts_after_the_pool_in_the_real_blueprint(app):
    step(app)
    controller = app.WorkController(pool_cls="threads", concurrency=1, hostname="links@test")
    names = [type(part).__name__ for part in controller.steps]
    assert names.index("LinkStep") > names.index("Pool")


def test_a_worker_that_is_told_to_stop_at_its_start_starts_no_runtime(app, monkeypatch):
    monkeypatch.setattr("celery.worker.state.should_stop", 0)
    links = step(app)
    links.start(Worker())
    assert FakeParts.made == []
