"""What joins the parts."""

import asyncio

import pytest
from django.core.exceptions import ImproperlyConfigured

from proxy_site import wiring
from proxy_site.celery import app


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
