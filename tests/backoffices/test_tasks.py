import asyncio
import logging
import threading
from typing import Any

import pytest
from django.db import InterfaceError, OperationalError, ProgrammingError
from websockets.asyncio.server import serve

from backoffices import current, tasks
from backoffices.models import Backoffice
from backoffices.schedule import BEAT_SCHEDULE


class LoopInThread:
    """A loop that runs elsewhere, as the Runtime's does for the threads of Celery."""

    def __enter__(self):
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever)
        self.thread.start()
        return self.loop

    def __exit__(self, *_):
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join()
        self.loop.close()


class FakeRuntime:
    """Notes what it is asked, and on which thread."""

    database_is_away = False

    def __init__(self, loop):
        self.loop = loop
        self.asked = []

    async def maintain_links(self):
        self.asked.append(("maintain", threading.get_ident()))
        return {"links": 3}

    async def refresh_routes(self, chargers):
        self.asked.append(("refresh", chargers))
        return len(chargers)

    async def deliver_backlog(self, limit):
        self.asked.append(("backlog", limit))
        return 1

    async def stop(self):
        self.asked.append(("stop", None))


@pytest.fixture
def runtime():
    with LoopInThread() as loop:
        runtime: Any = FakeRuntime(loop)
        current.use(runtime)
        yield runtime
        current.leave(runtime)


def test_tasks_are_carried_out_on_the_loop_of_the_runtime(runtime):
    assert tasks.maintain_links() == {"links": 3}
    assert tasks.refresh_routes([1, 2]) == 2
    assert tasks.deliver_backlog(limit=7) == 1
    tasks.drain()
    assert [name for name, _ in runtime.asked] == ["maintain", "refresh", "backlog", "stop"]
    assert runtime.asked[0][1] != threading.get_ident()
    assert runtime.asked[1][1] == [1, 2]
    assert runtime.asked[2][1] == 7


def test_without_a_runtime_in_the_process_tasks_do_nothing():
    assert tasks.maintain_links() == {}
    assert tasks.refresh_routes([1]) == 0
    assert tasks.deliver_backlog() == 0
    tasks.drain()


def test_what_the_runtime_does_not_finish_is_cancelled(runtime, monkeypatch):
    cancelled = threading.Event()

    async def hang(limit):
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()

    monkeypatch.setattr(runtime, "deliver_backlog", hang)
    monkeypatch.setattr(tasks, "PATIENCE_SECONDS", 0.01)
    with pytest.raises(TimeoutError):
        tasks.deliver_backlog()
    assert cancelled.wait(20)


PERIODIC = {
    tasks.deliver_backlog: 0,
    tasks.note_migrations: 0,
    tasks.recount_waiting: 0,
    tasks.sample_backoffices: 0,
    tasks.expire_deliveries: 0,
    tasks.keep_up: {},
}


@pytest.mark.parametrize(("task", "nothing"), PERIODIC.items(), ids=lambda each: getattr(each, "name", ""))
def test_a_database_that_is_known_to_be_away_is_not_asked(task, nothing, runtime, caplog):
    """Without the mark that lets a test use the database, asking it would fail here."""
    runtime.database_is_away = True
    caplog.set_level(logging.DEBUG, "backoffices")
    assert task() == nothing
    assert runtime.asked == []
    assert [record.levelname for record in caplog.records] == ["DEBUG"]
    assert "the database is away" in caplog.text


def test_links_are_looked_after_while_the_database_is_away(runtime):
    runtime.database_is_away = True
    assert tasks.maintain_links() == {"links": 3}


@pytest.mark.parametrize("is_known", [True, False])
@pytest.mark.parametrize("error", [OperationalError, InterfaceError])
def test_a_task_that_finds_the_database_away_ends_with_a_line(error, is_known, runtime, caplog, monkeypatch):
    async def fail(limit):
        runtime.database_is_away = is_known
        raise error("refused\n\tIs the server running?")

    monkeypatch.setattr(runtime, "deliver_backlog", fail)
    caplog.set_level(logging.DEBUG, "backoffices")
    assert tasks.deliver_backlog() == 0
    (record,) = caplog.records
    assert record.getMessage() == "deliver_backlog: the database does not answer: refused"
    assert record.levelname == ("DEBUG" if is_known else "WARNING")


def test_a_task_that_a_hanging_database_holds_up_ends_with_a_line(runtime, caplog, monkeypatch):
    async def hang(limit):
        runtime.database_is_away = True
        await asyncio.Event().wait()

    monkeypatch.setattr(runtime, "deliver_backlog", hang)
    monkeypatch.setattr(tasks, "PATIENCE_SECONDS", 0.01)
    caplog.set_level(logging.DEBUG, "backoffices")
    assert tasks.deliver_backlog() == 0
    assert [record.levelname for record in caplog.records] == ["DEBUG"]


def test_a_mistake_of_ours_is_not_taken_for_an_outage(runtime, monkeypatch):
    async def fail(limit):
        raise ProgrammingError("no such column")

    monkeypatch.setattr(runtime, "deliver_backlog", fail)
    with pytest.raises(ProgrammingError):
        tasks.deliver_backlog()


def test_the_schedule_names_tasks_that_exist_and_expire_before_they_repeat():
    ours = (tasks.maintain_links, tasks.deliver_backlog, tasks.expire_deliveries, tasks.read_log)
    counting = (tasks.note_migrations, tasks.recount_waiting, tasks.sample_backoffices, tasks.take_snapshot)
    telling = (tasks.make_events, tasks.send_webhooks)
    known = {task.name for task in (*ours, *counting, *telling, tasks.keep_up)}
    assert {entry["task"] for entry in BEAT_SCHEDULE.values()} == known
    assert all(entry["options"]["expires"] <= entry["schedule"] for entry in BEAT_SCHEDULE.values())


@pytest.mark.parametrize(("flag", "is_stopping"), [(None, False), (False, False), (0, True), (1, True)])
def test_the_upkeep_knows_that_its_process_is_to_end(flag, is_stopping, monkeypatch):
    monkeypatch.setattr("celery.worker.state.should_stop", flag)
    monkeypatch.setattr("routing.upkeep.run", lambda stopping: {"stopping": stopping()})
    assert tasks.keep_up() == {"stopping": is_stopping}


def test_every_task_expires():
    named = [getattr(tasks, name) for name in tasks.__all__ if name != "BEAT_SCHEDULE"]
    assert len(named) >= 12
    assert all(0 < task.expires <= 30 for task in named)
    assert all(task.acks_late is False for task in named)


class ServerInThread:
    """A backoffice for a task, which waits and has a loop of its own."""

    def __init__(self, **options):
        self.options = options

    def __enter__(self):
        self.loop_thread = LoopInThread()
        loop = self.loop_thread.__enter__()
        self.server = asyncio.run_coroutine_threadsafe(self._start(), loop).result(20)
        return self.server.sockets[0].getsockname()[1]

    def __exit__(self, *details):
        asyncio.run_coroutine_threadsafe(self._stop(), self.loop_thread.loop).result(20)
        self.loop_thread.__exit__(*details)

    async def _start(self):
        async def handle(connection):
            await connection.wait_closed()

        return await serve(handle, "127.0.0.1", 0, **self.options)

    async def _stop(self):
        self.server.close()
        await self.server.wait_closed()


@pytest.mark.django_db(transaction=True)
def test_a_probe_reports_a_handshake_that_succeeds():
    with ServerInThread(subprotocols=["ocpp2.0.1"]) as port:
        row = Backoffice.objects.create(name="billing", url=f"ws://127.0.0.1:{port}/ocpp/{{identity}}")
        found = tasks.probe_backoffice(row.pk, ocpp_version="2.0.1")
    assert found.pop("seconds") >= 0
    assert found == {"ok": True, "error": "", "address": f"127.0.0.1:{port}"}


@pytest.mark.django_db(transaction=True)
def test_a_probe_reports_in_words_what_is_wrong():
    with ServerInThread(subprotocols=["ocpp2.0.1"]) as port:
        row = Backoffice.objects.create(name="billing", url=f"ws://127.0.0.1:{port}/")
        found = tasks.probe_backoffice(row.pk, ocpp_version="1.6")
    assert found["ok"] is False
    assert found["error"].startswith("version_mismatch: offered ocpp1.6")
