"""A fleet of chargers that makes load: each has one CALL outstanding at most, as OCPP-J asks."""

from __future__ import annotations

import asyncio
import gc
import json
import threading
import time
from array import array
from collections import deque
from collections.abc import Awaitable, Callable, Iterator, Sequence
from typing import Any

from benchmarks import frames
from benchmarks.wire import BadPeer, ClientPeer

PATIENCE_S = 30.0
"""How long an answer is waited for; what has none by then is lost."""

clock = time.perf_counter


class Charger(ClientPeer):
    """One charger, on one socket after the other. ``number`` is its meter register and counts MeterValues."""

    def __init__(self, host: str, path: str, identity: str) -> None:
        super().__init__(host, path)
        self.identity = identity
        self.card = 0
        self.transaction_id = 0
        self.number = 0
        self.strays = 0
        self.load: Load | None = None
        self._last_id = 0
        self._expected = b""
        self._since = 0.0
        self._answer: asyncio.Future[Any] | None = None

    async def ask(self, action: bytes, payload: bytes) -> Any:
        """Send a CALL and wait for the payload of its CALLRESULT. Raises BadPeer, TimeoutError."""
        answer = self._answer = asyncio.get_running_loop().create_future()
        self._call(action, payload)
        done, _ = await asyncio.wait(
            {answer, self.lost}, timeout=PATIENCE_S, return_when=asyncio.FIRST_COMPLETED
        )
        self._answer = None
        if answer in done:
            return answer.result()
        if self.lost in done:
            raise BadPeer(f"{self.identity}: connection lost: {self.lost.result()}")
        raise TimeoutError(f"{self.identity}: {action.decode()} was not answered in {PATIENCE_S:g} s")

    def fire(self, meter: bool, since: float) -> None:
        """Send the next message of a load; its latency counts from ``since``."""
        self._since = since
        if meter:
            self.number += 1
            self._call(b"MeterValues", frames.METER % (self.transaction_id, self.number))
        else:
            self._call(b"Heartbeat", b"{}")

    def _call(self, action: bytes, payload: bytes) -> None:
        self._last_id += 1
        message_id = b"%s-%08d" % (self.identity.encode(), self._last_id)
        self._expected = b'[3,"%s",' % message_id
        self.send(frames.call(message_id, action, payload))

    def text(self, payload: bytes) -> None:
        if self._expected and payload.startswith(self._expected):
            size, self._expected = len(self._expected), b""
            if self._answer is not None:
                self._answer.set_result(json.loads(payload[size:-1]))
            elif self.load is not None:
                self.load.answered(self, clock() - self._since)
        elif found := frames.CALL.match(payload):
            self.send(b'[4,"%s","NotImplemented","",{}]' % found[1])
        else:
            self.strays += 1

    @property
    def waits(self) -> bool:
        """Whether a CALL is outstanding."""
        return bool(self._expected)


class Load:
    """A load that is being made. ``rate`` is in CALLs per second, None for as fast as answers come."""

    def __init__(self, chargers: Sequence[Charger], meter: bool, seconds: float, rate: float | None) -> None:
        self.latencies = array("I")
        self._chargers = chargers
        self._meter = meter
        self._rate = rate
        self._begin = clock()
        self._end = self._begin + seconds
        self._owed: dict[Charger, deque[float]] = {charger: deque() for charger in chargers}
        self._sent = 0
        self._made = rate is None
        self._over = asyncio.Event()

    async def run(self) -> dict[str, Any]:
        """Make the load and wait for the last answer."""
        for charger in self._chargers:
            charger.load = self
        if self._rate is None:
            for charger in self._chargers:
                self._fire(charger, clock())
        else:
            loop = asyncio.get_running_loop()
            threading.Thread(target=self._pace, args=(loop, self._rate), daemon=True).start()
        try:
            async with asyncio.timeout(self._end - clock() + PATIENCE_S):
                await self._over.wait()
        except TimeoutError:
            pass  # the difference between sent and answered says it
        for charger in self._chargers:
            charger.load = None
        return {
            "sent": self._sent,
            "answered": len(self.latencies),
            "seconds": clock() - self._begin,
            "latencies_us": self.latencies.tolist(),
        }

    def _pace(self, loop: asyncio.AbstractEventLoop, rate: float) -> None:
        """In a thread: wake the loop when a CALL is due. A timer of the loop is late by up to 1 ms."""
        due, gap = self._begin, 1 / rate
        while due < self._end:
            time.sleep(max(0.0, due - clock()))
            times = []
            while due <= clock() and due < self._end:
                times.append(due)
                due += gap
            loop.call_soon_threadsafe(self._due, times)
        loop.call_soon_threadsafe(self._all_made)

    def _due(self, times: Sequence[float]) -> None:
        for since in times:
            charger = self._chargers[self._sent % len(self._chargers)]
            if charger.waits or self._owed[charger]:
                self._sent += 1
                self._owed[charger].append(since)
            else:
                self._fire(charger, since)

    def _all_made(self) -> None:
        self._made = True
        self._look()

    def _fire(self, charger: Charger, since: float) -> None:
        self._sent += 1
        charger.fire(self._meter, since)

    def answered(self, charger: Charger, seconds: float) -> None:
        """A charger has its answer."""
        self.latencies.append(int(seconds * 1e6))
        if self._rate is None:
            now = clock()
            if now < self._end:
                return self._fire(charger, now)
        elif owed := self._owed[charger]:
            return charger.fire(self._meter, owed.popleft())
        if self._made:
            self._look()

    def _look(self) -> None:
        if len(self.latencies) >= self._sent:
            self._over.set()


class Fleet:
    """Groups of chargers by name, each behind one subject of the benchmark."""

    def __init__(self) -> None:
        self._groups: dict[str, dict[str, Charger]] = {}

    async def connect(
        self, group: str, port: int, path: str, identities: list[str], at_once: int
    ) -> dict[str, Any]:
        """Connect and boot these chargers, ``at_once`` at the same time."""
        begin, busy = clock(), asyncio.Semaphore(at_once)
        chargers = self._groups.setdefault(group, {})

        async def one(identity: str) -> None:
            async with busy:
                chargers[identity] = await _connected(port, path, identity)

        failed = await _all(map(one, identities))
        gc.collect()
        gc.freeze()
        return {"seconds": clock() - begin, **failed}

    async def each(self, group: str, step: str) -> dict[str, Any]:
        """Have all chargers of a group do one of ``STEPS``."""
        begin = clock()
        failed = await _all(STEPS[step](charger) for charger in self._groups[group].values())
        return {"seconds": clock() - begin, **failed}

    async def load(self, group: str, meter: bool, seconds: float, rate: float | None) -> dict[str, Any]:
        """Make load: MeterValues or Heartbeats, from all chargers of a group."""
        return await Load(list(self._groups[group].values()), meter, seconds, rate).run()

    async def numbers(self, group: str) -> dict[str, Any]:
        """How many MeterValues each charger has sent, and what answered that nobody had asked."""
        chargers = self._groups[group].values()
        return {
            "sent": {charger.identity: charger.number for charger in chargers},
            "strays": sum(charger.strays for charger in chargers),
            "disconnected": sum(not charger.is_open for charger in chargers),
        }

    async def leave(self, group: str) -> dict[str, Any]:
        """Disconnect a group and forget it."""
        chargers = self._groups.pop(group, {}).values()
        for charger in chargers:
            charger.close()
        if chargers:
            await asyncio.wait([charger.lost for charger in chargers], timeout=PATIENCE_S)
        return {}


async def _connected(port: int, path: str, identity: str) -> Charger:
    loop = asyncio.get_running_loop()
    _, charger = await loop.create_connection(
        lambda: Charger(f"127.0.0.1:{port}", path + identity, identity), "127.0.0.1", port
    )
    async with asyncio.timeout(PATIENCE_S):
        await charger.opened
    answer = await charger.ask(b"BootNotification", frames.BOOT)
    if answer.get("status") != "Accepted":
        raise BadPeer(f"{identity}: the boot was answered with {answer!r}; expected Accepted")
    return charger


async def _report_status(charger: Charger) -> None:
    await charger.ask(b"StatusNotification", frames.STATUS)


async def _start(charger: Charger) -> None:
    charger.card = int(charger.identity.rpartition("-")[2])
    charger.number = 0
    await _begin(charger)


async def _begin(charger: Charger) -> None:
    """Another session; its messages are numbered on, and its start is no repeat of the one before."""
    answer = await charger.ask(b"StartTransaction", frames.START % (charger.card, charger.number))
    charger.transaction_id = answer["transactionId"]


async def _stop(charger: Charger) -> None:
    payload = frames.STOP % (charger.transaction_id, charger.card, charger.number)
    await charger.ask(b"StopTransaction", payload)


async def _live_an_hour(charger: Charger) -> None:
    """A MeterValues each minute, as fast as they are answered; once the session ends and another begins."""
    for minute in range(60):
        if minute == 1 + charger.card % 59:  # not before anything is measured: that start would be a repeat
            await _stop(charger)
            await _begin(charger)
        charger.number += 1
        await charger.ask(b"MeterValues", frames.METER % (charger.transaction_id, charger.number))


STEPS: dict[str, Callable[[Charger], Awaitable[None]]] = {
    "status": _report_status,
    "start": _start,
    "stop": _stop,
    "hour": _live_an_hour,
}


async def _all(steps: Any) -> dict[str, Any]:
    """Run all at once; how many failed, and how the first did."""
    results = await asyncio.gather(*steps, return_exceptions=True)
    errors = [error for error in results if isinstance(error, BaseException)]
    return {"failed": len(errors), "error": str(errors[0]) or repr(errors[0]) if errors else ""}


def handlers() -> Iterator[tuple[str, Callable[..., Any]]]:
    """What a process with a fleet can be asked."""
    fleet = Fleet()
    yield "connect", fleet.connect
    yield "each", fleet.each
    yield "load", fleet.load
    yield "numbers", fleet.numbers
    yield "leave", fleet.leave
