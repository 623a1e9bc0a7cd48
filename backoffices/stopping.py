"""A stop that doubles nothing: what was asked is answered and recorded before anybody is closed."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from routing.session import Session

BATCH = 200
"""Sessions that are told before others have their turn of the loop."""


async def answered(sessions: Iterable[Session], seconds: float) -> int:
    """Have these sessions ask nothing new, and wait until what they have asked is answered.

    At most so many seconds; how many still waited for an answer then: what they had asked may come to its
    backoffice again.
    """
    awaiting: set[Session] = set()
    quiet = asyncio.Event()

    def is_quiet(session: Session) -> None:
        awaiting.discard(session)
        if not awaiting:
            quiet.set()

    for number, session in enumerate(list(sessions)):
        if session.wind_down(is_quiet):
            awaiting.add(session)
        if number % BATCH == BATCH - 1:
            await asyncio.sleep(0)
    if awaiting:
        quiet.clear()
        try:
            async with asyncio.timeout(seconds):
                await quiet.wait()
        except TimeoutError:
            pass
    return len(awaiting)
