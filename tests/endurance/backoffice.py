"""A backoffice that lives through the day: as in ``tests.faults``, and it asks things of the charger.

``python -m tests.endurance.backoffice NAME VERSION SPEED SEED``. Standard input has one of ``MODES`` a line,
or "quiet" for no more commands; standard output a JSON object a line: the port, then each exchange.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import sys
from typing import Any

from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

from tests.endurance.commands import Asker
from tests.faults.backoffice import Recorder

EVERY_S = (60.0, 600.0)
"""Simulated seconds between two commands on one link."""


class Busy(Recorder):
    """One that sends commands, each on the link on which its charger is."""

    def __init__(self, name: str, version: str, speed: float, seed: int) -> None:
        super().__init__(first=1 + seed % 1000 * 100_000, seed=seed)
        self.speed = speed
        self.given: list[int] = []
        self.asker = Asker(name, version, self.random, self.given)
        self.ids = itertools.count(1)

    async def talk(self, connection: ServerConnection) -> None:
        asking = asyncio.create_task(self.ask(connection))
        try:
            await super().talk(connection)
        finally:
            asking.cancel()
            await asyncio.gather(asking, return_exceptions=True)

    async def ask(self, connection: ServerConnection) -> None:
        """Send commands until the link is gone."""
        while True:
            await asyncio.sleep(self.random.uniform(*EVERY_S) / self.speed)
            if self.mode == "quiet":
                return
            action, payload = self.asker.next()
            try:
                await connection.send(json.dumps([2, f"b{next(self.ids)}", action, payload]))
            except ConnectionClosed:
                return
            print(json.dumps({"asked": action}), flush=True)

    async def hear(self, connection: ServerConnection, identity: str, frame: list[Any]) -> None:
        if frame[0] in (3, 4):
            print(json.dumps({"answered": frame[0]}), flush=True)
        await super().hear(connection, identity, frame)

    def answer(self, action: str, payload: dict[str, Any]) -> dict[str, Any]:
        """As ever; the numbers that it gives are remembered, to stop what they name."""
        answer = super().answer(action, payload)
        if "transactionId" in answer:
            self.given.append(answer["transactionId"])
        if action == "Authorize":
            return {"idTagInfo" if "idTag" in payload else "idTokenInfo": {"status": "Accepted"}}
        return answer


async def main(name: str, version: str, speed: float, seed: int) -> None:
    """Listen on any port, say which, and live until standard input ends."""
    busy = Busy(name, version, speed, seed)
    async with serve(
        busy.talk, "127.0.0.1", 0,
        subprotocols=[Subprotocol(f"ocpp{version}")], process_request=busy.admit, close_timeout=0.5,
    ) as server:  # fmt: skip
        print(json.dumps({"port": next(iter(server.sockets)).getsockname()[1]}), flush=True)
        await busy.obey()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], float(sys.argv[3]), int(sys.argv[4])))
