"""The proxy, three backoffices and a charger, what is done to them, and a look each simulated hour."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import random
import signal
import sqlite3
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

from simulators.charger import CallFailed
from tests.end_to_end.proxy import ROOT, ProxyProcess
from tests.endurance.day import IDENTITY, Day, charger_for
from tests.endurance.proxy import MARK
from tests.endurance.samples import ROWS, Sample

ROLES = {"billing": "billing", "energy": "control", "service": "service"}
ROUTE_OPTIONS = {"retry_attempts": 10**6, "retry_interval": 30}
CHARGER_OPTIONS = {"standalone": True, "auth_offline": "accept"}
PEACE_S = (120.0, 1200.0)
"""Simulated seconds between two faults."""

LASTS_S = (0.2, 6.0)
"""Real seconds that a fault lasts: 20 simulated seconds to 10 minutes at 100 times speed."""

SETTLED_WITHIN_S = 120.0
MODES = ("refuse", "close", "hang", "late", "nonsense")
GARBAGE = ("no frame", "[2,", '[2,"g1","NoSuchAction",{}]', '[3,"nobody","x"]', '[9,"g"]', "[2]", "{}")


class HastyProxy(ProxyProcess):
    """The service whose sessions live faster; it says what it holds when asked."""

    program = ("-m", "tests.endurance.proxy")

    async def sample(self) -> dict[str, Any]:
        """What it holds now."""
        known = self.log.count(MARK)
        os.kill(self.pid, signal.SIGUSR2)
        async with asyncio.timeout(60):
            while self.log.count(MARK) == known or not self.log.endswith("\n"):
                self._printed.clear()
                await self._printed.wait()
        line = self.log.rpartition(MARK)[2].partition("\n")[0]
        return dict(json.loads(line))


class Backoffice:
    """A process of ``tests.endurance.backoffice``, and how much it has exchanged."""

    def __init__(self, process: asyncio.subprocess.Process, port: int) -> None:
        self.process = process
        self.url = f"ws://127.0.0.1:{port}/{{identity}}"
        self.counts: Counter[str] = Counter()
        self._reading = asyncio.create_task(self._read())

    @classmethod
    @asynccontextmanager
    async def started(cls, *arguments: str) -> AsyncIterator[Backoffice]:
        """One that ends with the block."""
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "tests.endurance.backoffice", *arguments,
            cwd=ROOT, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
        )  # fmt: skip
        assert process.stdout is not None  # it is a pipe
        try:
            backoffice = cls(process, json.loads(await process.stdout.readline())["port"])
            yield backoffice
        finally:
            with contextlib.suppress(ProcessLookupError):
                process.send_signal(signal.SIGCONT)
                process.kill()
            await process.wait()
        await backoffice._reading

    async def _read(self) -> None:
        assert self.process.stdout is not None  # it is a pipe
        async for line in self.process.stdout:
            with contextlib.suppress(ValueError):  # killed in mid-line, at the end
                told = json.loads(line)
                self.counts[next((k for k in ("asked", "answered") if k in told), "heard")] += 1

    def behave(self, mode: str) -> None:
        """One of ``MODES``, "good" or "quiet"."""
        assert self.process.stdin is not None  # it is a pipe
        self.process.stdin.write(f"{mode}\n".encode())


class Stage:
    """One run of ``hours`` simulated hours at ``speed``. ``samples`` grow as it goes."""

    def __init__(
        self, room: Path, *, hours: float, speed: float, seed: int, version: str, trace: bool
    ) -> None:
        self.hours = hours
        self.speed = speed
        self.seed = seed
        self.version = version
        settings = {"PROXY_ALLOW_PRIVATE_UPSTREAMS": "true", "ENDURANCE_SPEED": str(speed)}
        self.proxy = HastyProxy(room / "data", settings | ({"ENDURANCE_TRACE": "1"} if trace else {}))
        self.backoffices: dict[str, Backoffice] = {}
        self.chance = random.Random(seed)
        self.samples: list[Sample] = []
        self.done: Counter[str] = Counter()
        self.told: Callable[[Sample], None] = lambda _: None

    async def run(self) -> None:
        """Live through it. Raises what went wrong with the harness itself."""
        async with AsyncExitStack() as stack:
            await self._set_up(stack)
            self.began = time.monotonic()
            await self._look()
            self.charger = charger_for(self.proxy.url(IDENTITY), self.version, self.speed)
            stack.push_async_callback(self.charger.uplink.disconnect)
            self.day = Day(self.charger, self.seed)
            self.began = time.monotonic()
            await self._live(self.day.run(), self._faults())
            await self._let_go()

    async def _set_up(self, stack: AsyncExitStack) -> None:
        for number, name in enumerate(ROLES, 1):
            started = Backoffice.started(name, self.version, str(self.speed), str(self.seed * 10 + number))
            self.backoffices[name] = await stack.enter_async_context(started)
        stack.push_async_callback(self.proxy.kill)
        await self.proxy.start()
        await self._apply()

    async def _live(self, *lives: Coroutine[Any, Any, None]) -> None:
        """Let them live for the hours there are, with a look each hour. Raises what ends one of them."""
        running = [asyncio.create_task(life) for life in lives]
        try:
            hours = [*range(1, int(self.hours) + 1)] if self.hours >= 2 else [self.hours / 2, self.hours]
            for hour in hours:
                left = self.began + hour * 3600 / self.speed - time.monotonic()
                ended, _ = await asyncio.wait(
                    running, timeout=max(0.0, left), return_when=asyncio.FIRST_COMPLETED
                )
                for one in ended:
                    one.result()
                await self._look()
        finally:
            for one in running:
                one.cancel()
            await asyncio.wait(running)

    async def _look(self) -> None:
        held = await self.proxy.sample()
        rows = {name: int(self.proxy.rows(query)[0][0]) for name, query in ROWS.items()}
        known = {name: held[name] for name in Sample.__dataclass_fields__ if name in held}
        hour = (time.monotonic() - self.began) * self.speed / 3600
        self.samples.append(Sample(hour=hour, rows=rows, **known))
        self.told(self.samples[-1])

    # --- the end -----------------------------------------------------------------------------------

    async def _let_go(self) -> None:
        """Everybody behaves, says what is left to say, and goes; then the proxy is looked at again."""
        await self._apply()
        for backoffice in self.backoffices.values():
            backoffice.behave("quiet")
        async with asyncio.timeout(SETTLED_WITHIN_S):
            await self.day.settle()
        await self.charger.uplink.disconnect()
        end = time.monotonic() + SETTLED_WITHIN_S
        while not self._rests() and time.monotonic() < end:  # noqa: ASYNC110 - the file has no events
            await asyncio.sleep(1)
        await self._look()

    def _rests(self) -> bool:
        rows = self.proxy.rows(ROWS["deliveries"]) + self.proxy.rows(ROWS["online"])
        return all(count == 0 for (count,) in rows)

    # --- faults ------------------------------------------------------------------------------------

    async def _faults(self) -> None:
        """One after the other, in random order, with peace between them."""
        acts: dict[str, Callable[[float], Awaitable[None]]] = {
            "charger cut off": self._cut,
            "charger away": self._away,
            "garbage frames": self._garbage,
            "database locked": lambda lasts: asyncio.to_thread(self._lock, min(lasts, 3.0)),
            "backoffice frozen": self._freeze,
            "charger switched off": lambda lasts: self._changed(lasts, charger=False),
            "backoffice switched off": lambda lasts: self._changed(lasts, without=self._anybody()[0]),
            "permissions edited": lambda lasts: self._changed(lasts, permissions={"Reset": "deny"}),
        }
        for mode in MODES:
            acts[f"backoffice: {mode}"] = lambda lasts, mode=mode: self._misbehave(mode, lasts)  # type: ignore[misc]
        while True:
            await asyncio.sleep(self.chance.uniform(*PEACE_S) / self.speed)
            kind = self.chance.choice(list(acts))
            self.done[kind] += 1
            await acts[kind](self.chance.uniform(*LASTS_S))

    def _anybody(self) -> tuple[str, Backoffice]:
        return self.chance.choice(list(self.backoffices.items()))

    async def _cut(self, lasts: float) -> None:
        for _ in range(self.chance.randint(1, 5)):
            self.charger.uplink.drop()
            await asyncio.sleep(lasts / 10)

    async def _away(self, lasts: float) -> None:
        await self.charger.disconnect()
        try:
            await asyncio.sleep(lasts)
        finally:
            await asyncio.shield(asyncio.ensure_future(self.charger.connect(patient=True)))

    async def _garbage(self, lasts: float) -> None:
        for _ in range(self.chance.randint(1, 12)):
            with contextlib.suppress(CallFailed):
                await self.charger.uplink.send_text(self.chance.choice(GARBAGE))
            await asyncio.sleep(lasts / 20)

    async def _freeze(self, lasts: float) -> None:
        _, one = self._anybody()
        one.process.send_signal(signal.SIGSTOP)
        try:
            await asyncio.sleep(lasts)
        finally:
            one.process.send_signal(signal.SIGCONT)

    async def _misbehave(self, mode: str, lasts: float) -> None:
        _, one = self._anybody()
        one.behave(mode)
        try:
            await asyncio.sleep(lasts)
        finally:
            one.behave("good")

    def _lock(self, seconds: float) -> None:
        with contextlib.closing(
            sqlite3.connect(self.proxy.data / "db.sqlite3", timeout=20, isolation_level=None)
        ) as other:
            other.execute("BEGIN IMMEDIATE")
            time.sleep(seconds)
            other.execute("ROLLBACK")

    async def _changed(self, lasts: float, **change: Any) -> None:
        await self._apply(**change)
        await asyncio.sleep(lasts)
        await self._apply()

    async def _apply(
        self, *, charger: bool = True, without: str = "", permissions: dict[str, str] | None = None
    ) -> None:
        """Have the configuration as ever, but for this."""
        routes = [
            {
                "backoffice": name,
                "role": ROLES[name],
                "options": ROUTE_OPTIONS,
                "permissions": permissions or {},
            }
            for name in ROLES
        ]
        one = {"identity": IDENTITY, "enabled": charger, "options": CHARGER_OPTIONS, "routes": routes}
        backoffices = [
            {"name": name, "url": backoffice.url, "enabled": name != without}
            for name, backoffice in self.backoffices.items()
        ]
        await self.proxy.apply({"backoffices": backoffices, "chargers": [one]})
