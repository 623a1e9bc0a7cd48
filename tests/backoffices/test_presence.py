"""Who is online is written down when the database takes it; the log says once that it waits."""

import asyncio
import logging
from typing import Any, cast

import pytest
from django.db import InterfaceError, OperationalError

from backoffices import presence
from backoffices.presence import Presence, PresenceBook

HERE = Presence(epoch=1, online=True)


class Threads:
    """Fails as often as it is told to, then keeps what it is given."""

    def __init__(self, faults):
        self.faults = faults
        self.written = []

    async def run(self, function, batch):
        if self.faults:
            raise self.faults.pop(0)("away")
        self.written.append(batch)


@pytest.mark.parametrize(
    "faults", [[OperationalError] * 3, [InterfaceError, OperationalError, InterfaceError]]
)
async def test_what_cannot_be_written_is_tried_again_with_one_line(faults, monkeypatch, caplog):
    monkeypatch.setattr(presence, "RETRY_SECONDS", 0)
    caplog.set_level(logging.DEBUG, "backoffices.presence")
    threads = Threads(faults)
    book = PresenceBook("here", cast(Any, threads))
    book.note(1, HERE)
    async with asyncio.timeout(20):
        await book.settled()
    assert threads.written == [{1: HERE}]
    assert [record.levelname for record in caplog.records] == ["ERROR", "DEBUG", "DEBUG"]
