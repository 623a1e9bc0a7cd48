"""The Celery application: ``celery -A proxy_site worker`` and ``celery -A proxy_site beat``."""

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "proxy_site.settings")

app = Celery("proxy_site")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
