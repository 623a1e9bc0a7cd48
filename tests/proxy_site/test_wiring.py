"""What joins the parts."""

import asyncio
from contextlib import nullcontext

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.db import InterfaceError

from proxy_site import wiring
from proxy_site.celery import app
from tests.routing.rows import message


def test_no_process_has_the_name_of_another_nor_of_its_former_self():
    names = {wiring.runtime_name() for _ in range(100)}
    assert len(names) == 100
    assert max(map(len, names)) <= 64  # RuntimeProcess.id


@pytest.mark.parametrize(
    ("embedded", "redis"), [(True, ""), (False, "")], ids=["sqlite", "postgresql without redis"]
)
async def test_a_worker_alone_needs_what_joins_processes(settings, embedded, redis):
    settings.PROXY_EMBEDDED, settings.REDIS_URL = embedded, redis
    loop = asyncio.get_running_loop()
    with pytest.raises(ImproperlyConfigured, match="REDIS_URL"):
        wiring.for_worker(loop)


def test_every_periodic_task_exists():
    app.loader.import_default_modules()
    assert {entry["task"] for entry in app.conf.beat_schedule.values()} <= set(app.tasks)
    assert "backoffices.tasks.maintain_links" in app.tasks


@pytest.mark.parametrize("trouble", ["fails", "hangs"])
async def test_the_audit_log_is_kept_whatever_the_sessions_do_at_the_end(
    settings, tmp_path, monkeypatch, trouble
):
    settings.PROXY_DATA_DIR = tmp_path
    monkeypatch.setattr(wiring, "RELEASE_SECONDS", 0.0)
    proxy = wiring.Proxy(asyncio.get_running_loop())

    async def stop() -> None:
        if trouble == "fails":
            raise InterfaceError("connection already closed")
        await asyncio.Event().wait()

    monkeypatch.setattr(proxy.runtime, "stop", stop)
    proxy.writer.put(1, 1, [message()])
    with pytest.raises(InterfaceError) if trouble == "fails" else nullcontext():
        await proxy.stop(0.0 if trouble == "hangs" else wiring.PATIENCE_SECONDS)
    assert proxy.writer.counts()["spooled"] == 1
    assert list((tmp_path / "spool").glob("*.spool"))


@pytest.mark.parametrize(("seconds", "goodbye"), [(60.0, 1.0), (0.0, 0.2)], ids=["in time", "late"])
async def test_links_say_goodbye_for_as_long_as_the_stop_leaves_them(
    settings, tmp_path, monkeypatch, seconds, goodbye
):
    """Half-open ones never answer it: a stop that is late already must not wait a second for them."""
    settings.PROXY_DATA_DIR = tmp_path
    proxy = wiring.Proxy(asyncio.get_running_loop())
    waited: list[float] = []

    async def at_once() -> None:
        return None

    async def settled(longest: float) -> int:
        waited.append(longest)
        return 0

    monkeypatch.setattr(proxy.runtime, "stop", at_once)
    monkeypatch.setattr(proxy.dialler, "settled", settled)
    await proxy.stop(seconds)
    assert waited == [goodbye]
