"""Writes down which chargers are online: the newest state of each, in batches, beside the frame path."""

from __future__ import annotations

import asyncio
import logging

import msgspec
from django.db import Error

from routing import loading
from routing.threads import DatabaseThreads

logger = logging.getLogger(__name__)

RETRY_SECONDS = 2.0


class Presence(msgspec.Struct, frozen=True, kw_only=True):
    """A charger that came (``online``) or went, under the epoch of its session."""

    epoch: int
    online: bool
    ocpp_version: str = ""
    remote_address: str = ""


class PresenceBook:
    """Chargers come and go faster than rows are written; only the last state of each counts."""

    def __init__(self, runtime_id: str, threads: DatabaseThreads) -> None:
        self._runtime_id = runtime_id
        self._threads = threads
        self._pending: dict[int, Presence] = {}
        self._task: asyncio.Task[None] | None = None

    def note(self, charger: int, presence: Presence) -> None:
        """Write it down soon; replaces what is not written yet."""
        self._pending[charger] = presence
        if self._task is None or self._task.done():
            self._task = asyncio.get_running_loop().create_task(self._write_all())

    async def settled(self) -> None:
        """Return when all that was noted is written."""
        if self._task is not None:
            await asyncio.shield(self._task)

    def stop(self) -> None:
        """Write no more."""
        self._pending.clear()
        if self._task is not None:
            self._task.cancel()

    async def _write_all(self) -> None:
        level = logging.ERROR
        while self._pending:
            batch, self._pending = self._pending, {}
            try:
                await self._threads.run(self._write, batch)
                level = logging.ERROR
            except Error as error:
                logger.log(level, "%d chargers came or went, not recorded yet: %s", len(batch), error)
                level = logging.DEBUG
                self._pending = {**batch, **self._pending}
                await asyncio.sleep(RETRY_SECONDS)

    def _write(self, batch: dict[int, Presence]) -> None:
        for charger, presence in batch.items():
            if presence.online:
                loading.mark_online(
                    charger,
                    self._runtime_id,
                    presence.epoch,
                    ocpp_version=presence.ocpp_version,
                    remote_address=presence.remote_address,
                )
            else:
                loading.mark_offline(charger, self._runtime_id, presence.epoch)
