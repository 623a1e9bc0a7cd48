import asyncio
import threading
from typing import Any

import pytest
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


def test_the_schedule_names_tasks_that_exist_and_expire_before_they_repeat():
    ours = (tasks.maintain_links, tasks.deliver_backlog, tasks.expire_deliveries)
    known = {task.name for task in (*ours, tasks.note_migrations, tasks.recount_waiting)}
    assert {entry["task"] for entry in BEAT_SCHEDULE.values()} == known
    assert all(entry["options"]["expires"] <= entry["schedule"] for entry in BEAT_SCHEDULE.values())


def test_every_task_expires():
    named = [getattr(tasks, name) for name in tasks.__all__ if name != "BEAT_SCHEDULE"]
    assert len(named) == 8
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
