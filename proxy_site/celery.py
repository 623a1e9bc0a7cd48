"""The Celery application: ``celery -A proxy_site worker`` and ``celery -A proxy_site beat``."""

import os
from typing import Any

from celery import Celery, Task
from celery.signals import celeryd_init

from accounts.acting import Via, acting
from backoffices import schedule, steps

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "proxy_site.settings")


class ActingTask(Task):
    """A task acts in its own name; its id joins what it does and logs."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        with acting(via=Via.TASK, actor_name=self.name, correlation_id=self.request.id):
            return self.run(*args, **kwargs)


app = Celery("proxy_site", task_cls=ActingTask)
app.set_default()  # for every thread: without it a shared task sent from another thread has no broker
app.config_from_object("django.conf:settings", namespace="CELERY")
app.conf.beat_schedule = schedule.BEAT_SCHEDULE
app.autodiscover_tasks()


@celeryd_init.connect
def hold_links(**_: Any) -> None:
    """A worker started by ``celery worker`` holds links; the one inside runproxy has them beside it."""
    steps.install(app, "proxy_site.wiring:for_worker")
