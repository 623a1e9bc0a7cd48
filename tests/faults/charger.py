"""A charger of the harness: numbers what it says, keeps it until it is answered, and dials again for ever."""

from __future__ import annotations

import asyncio
import itertools
import json
import random
import time
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake
from websockets.typing import Subprotocol

from tests.faults.records import ChargerRecord, Said, Try

REDIAL_S = 0.2
PATIENCE_S = 30.0
"""How long a charger waits for an answer before it repeats the CALL (2.1's guideline for messageTimeout)."""

SHORT_PATIENCE_S = 3.0
"""How long one waits that can go elsewhere, or whose network is bad."""


def _now() -> str:
    return datetime.now(UTC).isoformat()


class FaultCharger:
    """One charger. ``urls`` by the name of the proxy's process: one after the other is dialled.

    ``patience`` in seconds: afterwards it says a CALL again, and where there is another process, to that one.
    ``keeps_ids``: whether a CALL that it repeats on a new connection has its first id.
    """

    def __init__(
        self, urls: Mapping[str, str], identity: str, version: str, seed: int, patience: float = PATIENCE_S
    ) -> None:
        self.urls = itertools.cycle([(name, f"{url}/{identity}") for name, url in urls.items()])
        self.can_go_elsewhere = len(urls) > 1
        self.process, self.url = next(self.urls)
        self.patience = patience
        self.record = ChargerRecord(identity, version)
        self.random = random.Random(seed)
        self.keeps_ids = self.random.random() < 0.5
        self.marks = 0
        self.sessions = 0
        self.numbers: dict[int, int] = {}
        self.queue: asyncio.Queue[Said] = asyncio.Queue()
        self.empty = asyncio.Event()
        self.connection: ClientConnection | None = None
        self.generation = 0
        self.online = asyncio.Event()
        self._waiting: dict[str, asyncio.Future[dict[str, Any]]] = {}
        self._current: Said | None = None
        self._ids: dict[int, str] = {}

    # --- what happens at the charger ----------------------------------------------------------

    async def live(self, sessions: int, gap_s: float) -> None:
        """Have sessions of random length; ``gap_s`` is the mean time between two messages."""
        self.say("BootNotification", self._boot())
        for _ in range(sessions):
            self.sessions += 1
            self.begin()
            for _ in range(self.random.randint(2, 8)):
                await asyncio.sleep(self.random.uniform(0.2, 1.8) * gap_s)
                if self.random.random() < 0.2:
                    self.say("Heartbeat", {})
                self.meter()
            await asyncio.sleep(self.random.uniform(0.2, 1.8) * gap_s)
            self.end()

    def _boot(self) -> dict[str, Any]:
        if self.record.version == "1.6":
            return {"chargePointModel": "M", "chargePointVendor": "V"}
        return {"chargingStation": {"model": "M", "vendorName": "V"}, "reason": "PowerUp"}

    def begin(self) -> None:
        """A car is plugged in."""
        if self.record.version == "1.6":
            return self._numbered(
                "StartTransaction", {"connectorId": 1, "idTag": "CARD-1", "timestamp": _now()}, "meterStart"
            )
        self._transaction, self._seq_no = str(uuid.uuid4()), 0
        token = {"idToken": {"idToken": "CARD-1", "type": "ISO14443"}, "evse": {"id": 1, "connectorId": 1}}
        self._event("Started", "Authorized", token)

    def meter(self) -> None:
        """A periodic reading."""
        if self.record.version == "1.6":
            return self._numbered("MeterValues", {"connectorId": 1}, "")
        self._event("Updated", "MeterValuePeriodic", {})

    def end(self) -> None:
        """The car leaves."""
        if self.record.version == "1.6":
            return self._numbered("StopTransaction", {"timestamp": _now()}, "meterStop")
        self._event("Ended", "EVDeparted", {})

    def _event(self, event_type: str, reason: str, more: dict[str, Any]) -> None:
        payload = {
            "eventType": event_type,
            "timestamp": _now(),
            "triggerReason": reason,
            "seqNo": self._seq_no,
            "transactionInfo": {"transactionId": self._transaction},
            **more,
        }
        self._seq_no += 1
        self._numbered("TransactionEvent", payload, "")

    def _numbered(self, action: str, payload: dict[str, Any], register: str) -> None:
        self.marks += 1
        if register:
            payload[register] = self.marks
        else:
            value = str(self.marks) if self.record.version == "1.6" else self.marks
            payload["meterValue"] = [{"timestamp": _now(), "sampledValue": [{"value": value}]}]
        self.say(action, payload, self.marks)

    def say(self, action: str, payload: dict[str, Any], mark: int = 0) -> None:
        """Queue a CALL: it is sent when what stands before it was answered."""
        said = Said(action, mark, self.sessions, payload)
        self.record.said.append(said)
        self.empty.clear()
        self.queue.put_nowait(said)

    # --- its socket -----------------------------------------------------------------------------

    async def run(self) -> None:
        """Dial, and dial again; never returns."""
        while True:
            try:
                names = [Subprotocol(f"ocpp{self.record.version}")]
                async with connect(
                    self.url,
                    subprotocols=names,
                    proxy=None,
                    open_timeout=min(5, self.patience),
                    ping_interval=None,
                    close_timeout=1,
                ) as self.connection:
                    self.generation += 1
                    self.online.set()
                    await self._talk(self.connection)
            except (OSError, EOFError, ConnectionClosed, InvalidHandshake) as error:
                self.record.refused.append(f"{time.monotonic():.2f} {error!r}"[:200])
            self.online.clear()
            self.process, self.url = next(self.urls)
            await asyncio.sleep(REDIAL_S)

    async def _talk(self, connection: ClientConnection) -> None:
        sending = asyncio.create_task(self._send_all(connection))
        try:
            async for text in connection:
                await self._hear(connection, json.loads(text))
        finally:
            sending.cancel()
            await asyncio.gather(sending, return_exceptions=True)
            self._waiting.clear()

    async def _hear(self, connection: ClientConnection, frame: list[Any]) -> None:
        if frame[0] == 2:
            answer = [4, frame[1], "NotSupported", "", {}]
            return await connection.send(json.dumps(answer))
        key = (self.generation, str(frame[1]))
        self.record.answers[key] = self.record.answers.get(key, 0) + 1
        waiting = self._waiting.get(key[1])
        if waiting is not None and not waiting.done():
            if frame[0] == 4:
                self.record.wrong.append(f"{self._current and self._current.action}: {frame[2:4]}")
            waiting.set_result(frame[2] if frame[0] == 3 else {})

    async def _send_all(self, connection: ClientConnection) -> None:
        while True:
            if self._current is None:
                if self.queue.empty():
                    self.empty.set()
                self._current = await self.queue.get()
            if await self._send(connection, self._current):
                self._current = None

    async def _send(self, connection: ClientConnection, said: Said) -> bool:
        """Send a CALL and wait; False when the charger has to repeat it."""
        if said.action in ("MeterValues", "StopTransaction"):
            said.payload["transactionId"] = self.numbers.get(said.session, -1)
        message_id = self._id_for(said)
        tried = Try(self.generation, message_id, time.monotonic(), process=self.process)
        said.tries.append(tried)
        self._waiting[message_id] = answer = asyncio.get_running_loop().create_future()
        try:
            await connection.send(json.dumps([2, message_id, said.action, said.payload]))
            async with asyncio.timeout(self.patience):
                payload = await answer
        except TimeoutError:
            if self.can_go_elsewhere:
                connection.transport.abort()
            return False
        finally:
            self._waiting.pop(message_id, None)
            tried.ended_at = time.monotonic()
        tried.answered_at = tried.ended_at
        self._learn(said, payload)
        return True

    def _id_for(self, said: Said) -> str:
        if self.keeps_ids and said.tries and said.tries[-1].connection != self.generation:
            return said.tries[-1].message_id
        return str(uuid.uuid4())

    def _learn(self, said: Said, payload: dict[str, Any]) -> None:
        if said.action == "StartTransaction":
            number = payload.get("transactionId")
            if not isinstance(number, int):
                self.record.wrong.append(f"StartTransaction {said.mark}: {payload}")
                return
            self.numbers[said.session] = number
        if said.action == "BootNotification" and payload.get("status") != "Accepted":
            self.record.wrong.append(f"BootNotification: {payload}")

    def cut(self) -> None:
        """Lose the connection without a word."""
        if self.connection is not None:
            self.connection.transport.abort()
