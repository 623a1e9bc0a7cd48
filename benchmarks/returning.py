"""A backoffice that goes away and comes back, and counts how much it is asked at once."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from benchmarks.fleet import clock
from benchmarks.frames import CALL, METER_STOP, REGISTER
from benchmarks.sink import Sink, SinkPeer

WAITED, LIVE, OTHER = "waited", "live", "other"
OF_A_SESSION: Final = frozenset({b"StartTransaction", b"MeterValues", b"StopTransaction"})


class Returning(Sink):
    """Answers each CALL after ``delay_s``.

    A message of a session has waited if it was made before the return: its number is at most the last one
    that its charger had given by then. ``most`` is counted anew with each return: by kind, how many were
    outstanding at once, which a CALL is from the moment it is read until its answer is sent.
    """

    def __init__(self, first: int, delay_s: float) -> None:
        super().__init__(first)
        self.delay_s = delay_s
        self.last_numbers: Mapping[str, int] = {}
        self.outstanding = {WAITED: 0, LIVE: 0, OTHER: 0}
        self.most = dict(self.outstanding) | {"of_a_session": 0}
        self.peers: set[ReturningPeer] = set()
        self._port = 0
        self._returned_at = self._last_waited_at = 0.0

    async def listen(self) -> dict[str, Any]:
        self._server = await asyncio.get_running_loop().create_server(
            lambda: ReturningPeer(self), "127.0.0.1", self._port, backlog=4096
        )
        self._port = self._server.sockets[0].getsockname()[1]
        return {"port": self._port}

    async def leave(self) -> dict[str, Any]:
        """Refuse connections from now on; those that there are end."""
        if self._server is not None:
            self._server.close()
        for peer in tuple(self.peers):
            peer.drop()
        return {}

    async def come_back(self, last_numbers: Mapping[str, int]) -> dict[str, Any]:
        """Listen again. ``last_numbers``: of each charger, as the class says."""
        self.last_numbers = last_numbers
        self.most = dict.fromkeys(self.most, 0)
        self._returned_at = self._last_waited_at = clock()
        return await self.listen()

    async def caught_up(self) -> dict[str, Any]:
        """``most``, and how many seconds after the return the last message that had waited came."""
        return self.most | {"seconds": self._last_waited_at - self._returned_at}

    def begun(self, kind: str) -> None:
        """One more is outstanding."""
        if kind is WAITED:
            self._last_waited_at = clock()
        self.outstanding[kind] += 1
        self.most[kind] = max(self.most[kind], self.outstanding[kind])
        both = self.outstanding[WAITED] + self.outstanding[LIVE]
        self.most["of_a_session"] = max(self.most["of_a_session"], both)


class ReturningPeer(SinkPeer):
    """The socket of one charger."""

    def __init__(self, sink: Returning) -> None:
        super().__init__(sink)
        self._returning = sink
        self._identity = ""
        self._kind = OTHER

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self._returning.peers.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._returning.peers.discard(self)

    def connected(self, path: str) -> None:
        super().connected(path)
        self._identity = path.rpartition("/")[2]

    def text(self, payload: bytes) -> None:
        found = CALL.match(payload)
        if found is not None:
            self._kind = self._kind_of(found[2], payload)
            self._returning.begun(self._kind)
        super().text(payload)

    def _kind_of(self, action: bytes, payload: bytes) -> str:
        if action not in OF_A_SESSION:
            return OTHER
        pattern = {b"MeterValues": REGISTER, b"StopTransaction": METER_STOP}.get(action)
        number = pattern.search(payload) if pattern is not None else None
        last = self._returning.last_numbers.get(self._identity, 0)
        return WAITED if number is None or int(number[1]) <= last else LIVE

    def send(self, payload: bytes) -> None:
        """Send an answer, but not yet."""
        loop = asyncio.get_running_loop()
        loop.call_later(self._returning.delay_s, self._send_now, self._kind, payload)

    def _send_now(self, kind: str, payload: bytes) -> None:
        self._returning.outstanding[kind] -= 1
        super().send(payload)


def handlers(first: int, delay_s: float) -> Iterator[tuple[str, Callable[..., Any]]]:
    """What a process with such a sink can be asked."""
    sink = Returning(first, delay_s)
    yield "listen", sink.listen
    yield "leave", sink.leave
    yield "come_back", sink.come_back
    yield "caught_up", sink.caught_up
    yield "count", sink.count
    yield "accounts", sink.accounts_of
