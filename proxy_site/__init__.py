"""Where the parts are joined: settings, addresses, processes, commands."""

from proxy_site.celery import app as celery_app

__all__ = ["celery_app"]
