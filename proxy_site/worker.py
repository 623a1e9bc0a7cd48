"""The Celery worker inside the proxy's process."""

import logging
import threading
from typing import Any

from celery import Celery
from celery.worker import state
from kombu.exceptions import OperationalError

from proxy_site import tasks

logger = logging.getLogger(__name__)


class EmbeddedWorker:
    """A Celery worker in a thread. Celery keeps its stop flag per process, so there is only one."""

    def __init__(self, app: Celery, concurrency: int) -> None:
        self._app = app
        self._concurrency = concurrency
        self._thread = threading.Thread(target=self._run, name="celery", daemon=True)

    def start(self) -> None:
        state.should_stop = None
        self._thread.start()

    def stop(self) -> None:
        """Take no more tasks and end; returns at once, ``join`` waits."""
        state.should_stop = 0

    def join(self, timeout_s: float) -> bool:
        """True if the worker has ended within ``timeout_s``. Not for the loop's thread: it waits."""
        if self._thread.is_alive():
            try:
                for _ in range(2):  # Celery waits for work once more after it has seen the flag
                    tasks.wake.delay()
            except OperationalError as error:  # what is under way there, the next interval repeats
                logger.warning("the broker does not answer, the Celery worker is not waited for: %s", error)
                return False
            self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def _run(self) -> None:
        # WorkController, not Worker: the latter would take over signals and logging of the process.
        controller: Any = self._app.WorkController(
            pool_cls="threads",
            concurrency=self._concurrency,
            without_gossip=True,
            without_mingle=True,
            without_heartbeat=True,
            quiet=True,
        )
        controller.start()
        if state.should_stop is None:
            logger.error("The Celery worker ended by itself; periodic work is off until the proxy restarts")
