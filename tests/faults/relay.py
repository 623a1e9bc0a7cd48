"""The network of the harness: passes bytes on to one address, and stops, delays or loses them when told.

A connection has two ways: "up", from who has dialled to the address, and "down".
"""

from __future__ import annotations

import asyncio
import random
from collections import deque
from collections.abc import Collection, Iterable

UP, DOWN = "up", "down"
BOTH = (UP, DOWN)
SLOW_S = (0.02, 0.2)
PIECES = (1, 40)
PAUSE_S = 0.0005
"""How long a slow network takes, in seconds; how many bytes come together then, and the time in between."""


class Relay:
    """Passes on to ``port`` of this machine. ``seed`` decides how slow a slow network is."""

    def __init__(self, port: int, seed: int) -> None:
        self.target = port
        self.port = 0
        self.random = random.Random(seed)
        self.lock = asyncio.Lock()
        self.held: Collection[str] = ()
        self.slow = False
        self.passages: set[Passage] = set()
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        """Listen on any port."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: Passage(self).ends[UP], "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]

    async def close(self) -> None:
        """Abort all that is open."""
        if self._server is not None:
            self._server.close()
        for passage in list(self.passages):
            passage.abort()

    def hold(self, ways: Collection[str]) -> None:
        """Pass nothing on these ways from now on, on connections to come either; nobody is told."""
        self.held = ways
        for passage in self.passages:
            passage.held.update(ways)

    def forget(self) -> None:
        """Lose all connections of now without telling the address: what comes from it goes nowhere."""
        for passage in self.passages:
            passage.held.update(BOTH)
            passage.keeps = True

    def go_on(self) -> None:
        """Pass everything, first what was held."""
        self.held = ()
        for passage in list(self.passages):
            passage.go_on()

    def reset(self) -> None:
        """Lose what was held, and end the connections that were."""
        self.held = ()
        for passage in list(self.passages):
            if passage.held:
                passage.abort()


class Passage:
    """One connection through a relay.

    What is held is lost when the side closes that has sent it, unless ``keeps`` is set: then it arrives late.
    """

    def __init__(self, relay: Relay) -> None:
        self.relay = relay
        self.held: set[str] = set(relay.held)
        self.keeps = False
        self.ends = {UP: End(self, UP), DOWN: End(self, DOWN)}
        self._waiting: dict[str, deque[bytes]] = {UP: deque(), DOWN: deque()}
        self._closed: set[str] = set()
        self._due: dict[str, float] = {UP: 0.0, DOWN: 0.0}
        self._dialling: asyncio.Task[None] | None = None

    def opened(self, way: str) -> None:
        """Somebody has dialled: dial on."""
        if way == UP:
            self.relay.passages.add(self)
            self._dialling = asyncio.get_running_loop().create_task(self._dial())

    async def _dial(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            await loop.create_connection(lambda: self.ends[DOWN], "127.0.0.1", self.relay.target)
        except OSError:
            return self.abort()
        self._pass_on(UP)

    def came(self, way: str, data: bytes) -> None:
        """Bytes of one side."""
        self._waiting[way].append(data)
        self._pass_on(way)

    def _pass_on(self, way: str) -> None:
        to = self.ends[DOWN if way == UP else UP]
        if way in self.held or to.transport is None:
            return
        waiting = self._waiting[way]
        while waiting:
            data = waiting.popleft()
            if self.relay.slow:
                self._dribble(way, to, data)
            elif self._due[way]:
                self._later(way, to, [data], 0.0)  # behind what is still on its way
            else:
                to.transport.write(data)
        if way in self._closed:
            self._later(way, to, [b""], 0.0)

    def _dribble(self, way: str, to: End, data: bytes) -> None:
        pieces = []
        while data:
            size = self.relay.random.randint(*PIECES)
            pieces.append(data[:size])
            data = data[size:]
        self._later(way, to, pieces, self.relay.random.uniform(*SLOW_S))

    def _later(self, way: str, to: End, pieces: Iterable[bytes], delay: float) -> None:
        """Write pieces after each other and after those before them; an empty one closes."""
        loop = asyncio.get_running_loop()
        due = max(self._due[way], loop.time() + delay)
        for piece in pieces:
            due += PAUSE_S  # timers of one moment have no order
            loop.call_at(due, to.write, piece)
        self._due[way] = due

    def gone(self, way: str) -> None:
        """The side that sends on this way has closed."""
        self._closed.add(way)
        if way in self.held and not self.keeps:
            self._waiting[way].clear()
        if len(self._closed) == len(BOTH):
            self.abort()
        else:
            self._pass_on(way)

    def go_on(self) -> None:
        """Nothing is held any more."""
        self.held.clear()
        for way in BOTH:
            self._pass_on(way)

    def abort(self) -> None:
        """End both connections at once."""
        self.relay.passages.discard(self)
        if self._dialling is not None:
            self._dialling.cancel()
        for end in self.ends.values():
            if end.transport is not None:
                end.transport.abort()


class End(asyncio.Protocol):
    """One side of a passage; what it sends goes ``way``."""

    def __init__(self, passage: Passage, way: str) -> None:
        self.passage = passage
        self.way = way
        self.transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self.passage.opened(self.way)

    def data_received(self, data: bytes) -> None:
        self.passage.came(self.way, data)

    def connection_lost(self, exc: Exception | None) -> None:
        self.passage.gone(self.way)

    def write(self, data: bytes) -> None:
        """Send, or close when there is nothing to send."""
        if self.transport is None or self.transport.is_closing():
            return
        if data:
            self.transport.write(data)
        else:
            self.transport.close()
