"""A backoffice of the harness, a process of its own: answers, misbehaves when told, writes down what it got.

Standard input has one of ``MODES`` a line; standard output a JSON object a line: the port, then each CALL as
soon as it has come, and its row once more with what is different where it could not be answered.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import random
import sys
import time
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any

from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response
from websockets.typing import Subprotocol

MODES = ("good", "refuse", "close", "hang", "late", "nonsense")
LATE_S = (0.5, 3.5)


def _now() -> str:
    return datetime.now(UTC).isoformat()


class Recorder:
    """``first`` is the first transaction number; ``seed`` decides what is said in a bad mode."""

    def __init__(self, first: int, seed: int) -> None:
        self.numbers = itertools.count(first)
        self.random = random.Random(seed)
        self.mode = "good"
        self.open: set[ServerConnection] = set()
        self.tasks: set[asyncio.Task[None]] = set()
        self.rows = itertools.count()

    def admit(self, connection: ServerConnection, request: Request) -> Response | None:
        """Refuse the handshake in mode "refuse"."""
        if self.mode != "refuse":
            return None
        return connection.respond(HTTPStatus.SERVICE_UNAVAILABLE, "not now\n")

    async def talk(self, connection: ServerConnection) -> None:
        """One charger's link."""
        assert connection.request is not None
        identity = connection.request.path.rsplit("/", 1)[-1]
        self.open.add(connection)
        try:
            async for text in connection:
                await self.hear(connection, identity, json.loads(text))
        except ConnectionClosed:
            pass
        finally:
            self.open.discard(connection)

    async def hear(self, connection: ServerConnection, identity: str, frame: list[Any]) -> None:
        """A frame: CALLs are written down and get what the mode has for them."""
        if frame[0] != 2:
            return
        at = time.monotonic()
        message_id, action, payload = frame[1:4]
        fate = self.fate(action)
        answer = self.answer(action, payload)
        row = next(self.rows)
        got = {"identity": identity, "action": action, "payload": payload, "fate": fate, "at": at}
        # Before it is answered: this process may be killed in between.
        print(json.dumps({"row": row, **got, "number": answer.get("transactionId")}), flush=True)
        try:
            await self.do(connection, fate, message_id, json.dumps([3, message_id, answer]))
        except ConnectionClosed:  # it has come, and its answer can't be given any more
            print(json.dumps({"row": row, "fate": "closed"}), flush=True)

    async def do(self, connection: ServerConnection, fate: str, message_id: str, text: str) -> None:
        """Answer, or what comes in its place. Raises ConnectionClosed."""
        if fate == "good":
            await connection.send(text)
        elif fate == "late":
            task = asyncio.create_task(self.later(connection, text))
            self.tasks.add(task)
            task.add_done_callback(self.tasks.discard)
        elif fate == "nonsense":
            await connection.send(self.nonsense(message_id))
        elif fate == "closed":
            await connection.close(1011)

    def fate(self, action: str) -> str:
        """What becomes of a CALL. A boot is answered: the proxy repeats it after a minute."""
        if self.mode in ("late", "nonsense"):
            return "good" if action == "BootNotification" or self.random.random() < 0.4 else self.mode
        if self.mode == "close":
            return "closed" if self.random.random() < 0.3 else "good"
        return "none" if self.mode == "hang" else "good"

    async def later(self, connection: ServerConnection, text: str) -> None:
        """Answer, when perhaps nobody waits any more."""
        await asyncio.sleep(self.random.uniform(*LATE_S))
        try:
            await connection.send(text)
        except ConnectionClosed:
            return

    def nonsense(self, message_id: str) -> str:
        """An answer that is none."""
        return self.random.choice(
            [
                "not OCPP at all",
                "[3,",
                json.dumps([3, "nobody-asked-this", {}]),
                json.dumps([3, message_id, "text"]),
                json.dumps([4, message_id, "InternalError", "out of order", {}]),
                json.dumps([9, message_id]),
            ]
        )

    def answer(self, action: str, payload: dict[str, Any]) -> dict[str, Any]:
        """The proper answer."""
        if action == "BootNotification":
            return {"currentTime": _now(), "interval": 300, "status": "Accepted"}
        if action == "Heartbeat":
            return {"currentTime": _now()}
        if action == "StartTransaction":
            return {"transactionId": next(self.numbers), "idTagInfo": {"status": "Accepted"}}
        if action == "TransactionEvent" and "idToken" in payload:
            return {"idTokenInfo": {"status": "Accepted"}}
        return {}

    async def obey(self) -> None:
        """Change the mode as told. Leaving "hang" and entering "refuse" drop the links, as a restart does."""
        reader = asyncio.StreamReader()
        await asyncio.get_running_loop().connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(reader), sys.stdin
        )
        while line := await reader.readline():
            before, self.mode = self.mode, line.decode().strip()
            if before == "hang" or self.mode == "refuse":
                await asyncio.gather(*(one.close(1012) for one in list(self.open)))


async def main(first: int, seed: int, port: int) -> None:
    """Listen on ``port`` (0: any), say on which, and live until standard input ends."""
    recorder = Recorder(first, seed)
    names = [Subprotocol("ocpp1.6"), Subprotocol("ocpp2.0.1")]
    async with serve(
        recorder.talk,
        "127.0.0.1",
        port,
        subprotocols=names,
        process_request=recorder.admit,
        close_timeout=0.5,
    ) as server:
        print(json.dumps({"port": next(iter(server.sockets)).getsockname()[1]}), flush=True)
        await recorder.obey()


if __name__ == "__main__":
    asyncio.run(main(*map(int, sys.argv[1:])))
