"""The Celery application: ``celery -A proxy_site worker`` and ``celery -A proxy_site beat``."""

import os
from typing import Any

from celery import Celery
from celery.signals import celeryd_init

from backoffices import schedule, steps

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "proxy_site.settings")

app = Celery("proxy_site")
app.set_default()  # for every thread: without it a shared task sent from another thread has no broker
app.config_from_object("django.conf:settings", namespace="CELERY")
app.conf.beat_schedule = schedule.BEAT_SCHEDULE
app.autodiscover_tasks()


@celeryd_init.connect
def hold_links(**_: Any) -> None:
    """A worker started by ``celery worker`` holds links; the one inside runproxy has them beside it."""
    steps.install(app, "proxy_site.wiring:for_worker")
