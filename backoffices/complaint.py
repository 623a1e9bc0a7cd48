"""The log of a runtime about a database or a Redis that is away: a line when it goes, one when it is back."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

logger = logging.getLogger(__name__)


class Complaint:
    """Told on the loop what fails; ``is_made`` may be asked on any thread. ``whom``: who does not answer."""

    def __init__(self, now: Callable[[], float] = time.monotonic, whom: str = "the database") -> None:
        self._now = now
        self._whom = whom
        self._since: float | None = None

    @property
    def is_made(self) -> bool:
        """Whether the log says already that it does not answer."""
        return self._since is not None

    def failed(self, what: str, error: Exception) -> None:
        """It did not answer ``what``, a chore; only the first one of an outage is for people."""
        level = logging.DEBUG if self.is_made else logging.ERROR
        logger.log(level, "%s: %s does not answer: %s", what, self._whom, first_line(error))
        if self._since is None:
            self._since = self._now()

    def hangs(self, what: str, away_s: float | None) -> None:
        """For so long it has not answered, None where it has; one that hangs fails nothing."""
        if away_s is not None and not self.is_made:
            self.failed(what, TimeoutError(f"not a word for {away_s:.0f} s"))
            self._since = self._now() - away_s

    def answered(self) -> None:
        """It has answered what is asked all the time."""
        if self._since is not None:
            logger.warning("%s answers again, after %.1f s", self._whom, self._now() - self._since)
            self._since = None


def first_line(error: Exception) -> str:
    """What is wrong, without the advice of the driver below it."""
    return (str(error).splitlines() or [type(error).__name__])[0]
