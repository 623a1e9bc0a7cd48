"""The ``ocpp`` package's ChargePoint on one connection, one class per version, with its traps avoided.

The package sends our CALLs and checks their answers. CALLs that come in are answered from their
exact payload instead of its dispatch, which renames fields of 2.1 (``limit_L2``), leaves unknown
2.1 actions without an answer, spells FormationViolation wrongly for 1.6, and does not know SEND.
"""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import Callable
from typing import Any, Protocol

import ocpp.v16
import ocpp.v21
import ocpp.v201
from websockets.asyncio.client import ClientConnection

from simulators.record import CALL, CALL_ERROR, CALL_RESULT, Entry, Record


class Responder(Protocol):
    """Who answers CALLs."""

    def answer(self, call: Entry) -> tuple[str, Callable[[bool], None]]:
        """The answer's text, and whom to tell whether it was sent."""


class Wire:
    """A websocket as the package wants it, with every text frame recorded."""

    def __init__(self, socket: ClientConnection, record: Record) -> None:
        self.socket, self.record = socket, record
        self.latest: Entry | None = None

    async def recv(self) -> str:
        """The next text frame; binary ones are passed over, as OCPP-J has none."""
        while True:
            data = await self.socket.recv()
            if isinstance(data, str):
                self.latest = self.record.add("received", data)
                return data

    async def send(self, text: str) -> None:
        """Record and send. Recorded first, so that an answer never precedes its CALL."""
        self.record.add("sent", text)
        await self.socket.send(text)


class _Point:
    """What all versions share; mixed into the package's classes."""

    _wire: Wire
    _responder: Responder
    gone: asyncio.Future[None]

    def prepare(self, wire: Wire, responder: Responder) -> None:
        """Join the connection and the one who answers."""
        self._wire, self._responder = wire, responder
        self.gone = asyncio.get_running_loop().create_future()

    async def route_message(self, raw_msg: str) -> None:
        """Answer CALLs ourselves, leave answers to the package, ignore what is neither."""
        entry = self._wire.latest
        if entry is None or entry.frame_type not in (CALL, CALL_RESULT, CALL_ERROR):
            return
        if entry.frame_type != CALL:
            await super().route_message(raw_msg)  # type: ignore[misc]  # the mixin's base is the package's class
            return
        text, afterwards = self._responder.answer(entry)
        is_sent = False
        try:
            await self._wire.send(text)
            is_sent = True
        finally:
            afterwards(is_sent)

    async def call_exact(self, action: str, payload: dict[str, Any], timeout_s: float) -> Any:
        """Send a CALL whose payload is already as on the wire; returns the package's CallResult or CallError.

        In the package's own queue of CALLs, but without its renaming of fields. Raises TimeoutError.
        """
        message_id = str(uuid.uuid4())
        async with self._call_lock:  # type: ignore[attr-defined]  # of the package's class
            await self._wire.send(json.dumps([CALL, message_id, action, payload], separators=(",", ":")))
            return await self._get_specific_response(message_id, timeout_s)  # type: ignore[attr-defined]


class Point16(_Point, ocpp.v16.ChargePoint):
    """A 1.6 charger's side of one connection."""


class Point201(_Point, ocpp.v201.ChargePoint):
    """A 2.0.1 charger's side of one connection."""


class Point21(_Point, ocpp.v21.ChargePoint):
    """A 2.1 charger's side of one connection."""


POINTS: dict[str, type[Any]] = {"1.6": Point16, "2.0.1": Point201, "2.1": Point21}


def call_result(message_id: str, payload: Any) -> str:
    """A CALLRESULT's text."""
    return json.dumps([CALL_RESULT, message_id, payload], separators=(",", ":"))


def call_error(message_id: str, code: str, description: str) -> str:
    """A CALLERROR's text."""
    return json.dumps([CALL_ERROR, message_id, code, description[:255], {}], separators=(",", ":"))
