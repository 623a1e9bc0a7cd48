"""The periodic tasks, where no ``celery beat`` runs."""

import logging
import threading
import time
from collections.abc import Mapping
from typing import Any

from celery import Celery

logger = logging.getLogger(__name__)


class Schedule:
    """Sends the tasks of a beat schedule at their intervals, from a thread of its own.

    ``entries`` has the form of ``beat_schedule``: a name to ``task``, ``schedule`` (seconds) and
    ``options`` of ``send_task``. Each task is sent once at the start.
    """

    def __init__(self, app: Celery, entries: Mapping[str, Mapping[str, Any]]) -> None:
        self._app = app
        self._entries = dict(entries)
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="schedule", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """No task is sent after the thread has seen this; it does not wait for the thread."""
        self._stopping.set()

    def _run(self) -> None:
        due = dict.fromkeys(self._entries, time.monotonic())
        while due and not self._stopping.is_set():
            name = min(due, key=lambda name: due[name])
            if self._stopping.wait(max(0.0, due[name] - time.monotonic())):
                return
            self._send(name)
            due[name] = time.monotonic() + float(self._entries[name]["schedule"])

    def _send(self, name: str) -> None:
        entry = self._entries[name]
        try:
            self._app.send_task(entry["task"], **entry.get("options", {}))
        except Exception:  # whatever the broker's client raises; the next interval tries again
            logger.exception("Could not send the periodic task %s", name)
