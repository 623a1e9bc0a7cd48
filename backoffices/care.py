"""What a Runtime has, compared with what it should have: links, sessions, routes."""

from __future__ import annotations

import logging
from collections.abc import Mapping

from backoffices import records
from backoffices.live import Links, Live
from routing.threads import DatabaseThreads

logger = logging.getLogger(__name__)

CHECKED_AT_ONCE = 200
"""Sessions whose routes one look compares with the database."""


class Care:
    """Of one Runtime, whose sessions are ``live``."""

    def __init__(self, live: Mapping[int, Live], dial: Links, threads: DatabaseThreads) -> None:
        self._live = live
        self._dial = dial
        self._threads = threads
        self._to_check: list[int] = []

    def tidy_links(self) -> tuple[int, int]:
        """Close what serves no route, redial what has died; how many of each."""
        closed = redialled = 0
        for link in tuple(self._dial.links):
            live = self._live.get(link.target.charger)
            if live is None or link.target.route not in live.routes:
                logger.warning(
                    "%r: its route is not served here any more", link.target, extra=link.target.named()
                )
                link.close(1000, "route not served")
                closed += 1
            elif not link.alive:
                link.begin()
                redialled += 1
        return closed, redialled

    async def stale_sessions(self) -> list[int]:
        """A part of the live sessions each time: those whose routes are not those of the database."""
        if not self._to_check:
            self._to_check = list(self._live)
        part, self._to_check = self._to_check[:CHECKED_AT_ONCE], self._to_check[CHECKED_AT_ONCE:]
        routes = await self._threads.run(records.enabled_routes, part)
        return [
            charger
            for charger in part
            if charger in self._live and self._live[charger].routes != routes.get(charger, frozenset())
        ]
