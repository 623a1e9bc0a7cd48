"""A backoffice that answers as fast as it can, and keeps book of what it gets."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from typing import Any

from benchmarks.frames import CALL, METER_STOP, REGISTER, TRANSACTION, call_result
from benchmarks.wire import ServerPeer

BOOT_ANSWER = b'{"status":"Accepted","currentTime":"2026-01-01T00:00:00Z","interval":86400}'
TIME_ANSWER = b'{"currentTime":"2026-01-01T00:00:00Z"}'
VERDICT = b'{"idTagInfo":{"status":"Accepted"}}'


class Account:
    """What came from one charger. ``lost`` counts numbers that were skipped and never came."""

    def __init__(self) -> None:
        self.transaction_id = 0
        self.next_number = 1
        self.received = 0
        self.lost = 0
        self.duplicated = 0
        self.foreign = 0
        self.starts = 0
        self.stops = 0
        self.unknown = 0

    def start(self, transaction_id: int) -> None:
        """A StartTransaction, to be answered with this id."""
        self.starts += 1
        self.transaction_id = transaction_id

    def meter(self, payload: bytes) -> None:
        """A MeterValues."""
        self._check_transaction(payload)
        found = REGISTER.search(payload)
        number = int(found[1]) if found else 0
        if number == self.next_number:
            self.received += 1
            self.next_number += 1
        elif number < self.next_number:
            self.duplicated += 1
        else:
            self.received += 1
            self.lost += number - self.next_number
            self.next_number = number + 1

    def stop(self, payload: bytes) -> None:
        """A StopTransaction; its register is the number of the last MeterValues."""
        self._check_transaction(payload)
        self.stops += 1
        found = METER_STOP.search(payload)
        if found:
            self.lost += int(found[1]) - (self.next_number - 1)

    def _check_transaction(self, payload: bytes) -> None:
        found = TRANSACTION.search(payload)
        if found is None or int(found[1]) != self.transaction_id:
            self.foreign += 1


class Sink:
    """All accounts of one backoffice. Its transaction ids start with ``first``."""

    def __init__(self, first: int) -> None:
        self.accounts: dict[str, Account] = {}
        self.received = 0
        self._next = first
        self._server: asyncio.Server | None = None

    async def listen(self) -> dict[str, Any]:
        """Listen on a free port, which is returned."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: SinkPeer(self), "127.0.0.1", 0, backlog=4096)
        return {"port": self._server.sockets[0].getsockname()[1]}

    def new_transaction(self) -> int:
        """An id that this backoffice has not given yet."""
        self._next += 1
        return self._next - 1

    async def count(self) -> dict[str, Any]:
        """How many MeterValues came, repeated ones included."""
        return {"received": self.received}

    async def accounts_of(self, prefix: str) -> dict[str, Any]:
        """The accounts of the chargers whose identity starts so."""
        return {name: vars(account) for name, account in self.accounts.items() if name.startswith(prefix)}

    async def forget(self, prefix: str) -> dict[str, Any]:
        """Close the books of these chargers."""
        for name in [name for name in self.accounts if name.startswith(prefix)]:
            del self.accounts[name]
        return {}


class SinkPeer(ServerPeer):
    """The socket of one charger."""

    def __init__(self, sink: Sink) -> None:
        super().__init__()
        self._sink = sink
        self._account = Account()

    def connected(self, path: str) -> None:
        identity = path.rpartition("/")[2]
        self._account = self._sink.accounts.setdefault(identity, self._account)

    def text(self, payload: bytes) -> None:
        found = CALL.match(payload)
        if found is None:
            return
        message_id, action = found.groups()
        if action == b"MeterValues":
            self._sink.received += 1
            self._account.meter(payload)
            self.send(call_result(message_id, b"{}"))
        else:
            self.send(call_result(message_id, self._answer(action, payload)))

    def _answer(self, action: bytes, payload: bytes) -> bytes:
        match action:
            case b"Heartbeat":
                return TIME_ANSWER
            case b"BootNotification":
                return BOOT_ANSWER
            case b"StartTransaction":
                self._account.start(self._sink.new_transaction())
                return (
                    b'{"transactionId":%d,"idTagInfo":{"status":"Accepted"}}' % self._account.transaction_id
                )
            case b"StopTransaction":
                self._account.stop(payload)
                return VERDICT
            case b"StatusNotification":
                return b"{}"
        self._account.unknown += 1
        return b"{}"


def handlers(first: int) -> Iterator[tuple[str, Callable[..., Any]]]:
    """What a process with one sink can be asked."""
    sink = Sink(first)
    yield "listen", sink.listen
    yield "count", sink.count
    yield "accounts", sink.accounts_of
    yield "forget", sink.forget
