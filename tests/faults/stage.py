"""One run: a proxy, three backoffices and several chargers as real as they get, and what is done to them."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import resource
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

from tests.end_to_end.proxy import ROOT, ProxyProcess
from tests.faults.charger import FaultCharger
from tests.faults.plan import BACKOFFICES, Fault, Plan
from tests.faults.postgres import Postgres
from tests.faults.records import Got, RunRecord, Span

VERSIONS = ("1.6", "2.0.1", "1.6", "2.0.1")
SESSIONS, GAP_S = 3, 0.12
SETTLED_WITHIN_S = 60.0
"""After the last fault everything must have arrived within this; usually it takes a few seconds."""

DISK = "16m"
CHARGER_OPTIONS = {
    "T_auth": 1,
    "T_start": 1,
    "T_stop": 1,
    "T_boot": 1,
    "auth_offline": "accept",
    "standalone": True,
}
ROUTE_OPTIONS = {"T_up": 2, "retry_interval": 0.1, "retry_attempts": 1000}
MODES = {
    "backoffice refuses": "refuse",
    "backoffice closes": "close",
    "backoffice hangs": "hang",
    "backoffice late": "late",
    "backoffice nonsense": "nonsense",
}


class Backoffice:
    """A process of ``tests.faults.backoffice``, and what it says that it got."""

    def __init__(self, process: asyncio.subprocess.Process, port: int) -> None:
        self.process = process
        self.url = f"ws://127.0.0.1:{port}/{{identity}}"
        self.got: list[Got] = []
        self._reading = asyncio.create_task(self._read())

    @classmethod
    @asynccontextmanager
    async def started(cls, first: int, seed: int) -> AsyncIterator[Backoffice]:
        """One that ends with the block."""
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "tests.faults.backoffice", str(first), str(seed),
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
            try:
                row = json.loads(line)
            except ValueError:
                return  # killed in mid-line, at the end
            self.got.append(Got(**row))

    def behave(self, mode: str) -> None:
        """One of ``tests.faults.backoffice.MODES``."""
        assert self.process.stdin is not None  # it is a pipe
        self.process.stdin.write(f"{mode}\n".encode())


class Stage:
    """Everything of one run, in ``room``. ``template``: data of a proxy that has started once."""

    def __init__(self, plan: Plan, room: Path, template: Path, postgres: Postgres | None) -> None:
        self.plan = plan
        self.data = room / "data"
        self.template = template
        self.postgres = postgres
        self.proxy = ProxyProcess(self.data, {"PROXY_ALLOW_PRIVATE_UPSTREAMS": "true"})
        self.backoffices: dict[str, Backoffice] = {}
        self.chargers: list[FaultCharger] = []
        self.record = RunRecord()
        self.alive = asyncio.Lock()

    async def run(self) -> RunRecord:
        """Carry out the plan; the record is complete when this returns."""
        async with AsyncExitStack() as stack:
            await self._set_up(stack)
            for charger in self.chargers:
                task = asyncio.create_task(charger.run())
                stack.push_async_callback(_cancelled, task)
            began = time.monotonic()
            async with asyncio.TaskGroup() as group:
                for charger in self.chargers:
                    group.create_task(charger.live(SESSIONS, GAP_S))
                for fault in self.plan.faults:
                    group.create_task(self._at(began, fault))
            await self._settled()
            self.record.dead = await asyncio.to_thread(self._count, "dead")
        self.record.chargers = [charger.record for charger in self.chargers]
        self.record.got = {
            name: sorted(backoffice.got, key=lambda got: got.at)
            for name, backoffice in self.backoffices.items()
        }
        return self.record

    async def _set_up(self, stack: AsyncExitStack) -> None:
        if any(fault.kind == "disk full" for fault in self.plan.faults) and _may_mount():
            self.data.mkdir()
            _mount(self.data)
            stack.callback(_unmount, self.data)
        shutil.copytree(self.template, self.data, dirs_exist_ok=True)
        if self.postgres is not None:
            self.proxy.settings["DATABASE_URL"] = self.postgres.url
        for number, name in enumerate(BACKOFFICES, 1):
            self.record.bands[name] = number * 100_000
            started = Backoffice.started(number * 100_000, self.plan.seed * 10 + number)
            self.backoffices[name] = await stack.enter_async_context(started)
        stack.push_async_callback(self.proxy.kill)
        await self.proxy.start()
        identities = [f"F{self.plan.seed}-{n}" for n in range(len(VERSIONS))]
        await self.proxy.apply(self._configuration(identities))
        self.chargers = [
            FaultCharger(self.proxy.url(), identity, version, self.plan.seed * 100 + n)
            for n, (identity, version) in enumerate(zip(identities, VERSIONS, strict=True))
        ]

    def _configuration(self, identities: list[str]) -> dict[str, Any]:
        roles = {"billing": "billing", "energy": "control", "service": "service"}
        routes = [{"backoffice": name, "role": roles[name], "options": ROUTE_OPTIONS} for name in BACKOFFICES]
        return {
            "backoffices": [{"name": name, "url": self.backoffices[name].url} for name in BACKOFFICES],
            "chargers": [{"identity": i, "options": CHARGER_OPTIONS, "routes": routes} for i in identities],
        }

    # --- faults -----------------------------------------------------------------------------------

    async def _at(self, began: float, fault: Fault) -> None:
        await asyncio.sleep(max(0.0, began + fault.at - time.monotonic()))
        begin = time.monotonic()
        if fault.kind in MODES:
            await self._misbehave(fault)
        elif fault.kind == "backoffice frozen":
            await _frozen(self.backoffices[fault.target].process.pid, fault.lasts)
        elif fault.kind == "charger cut off":
            await self._cut(fault)
        elif fault.kind == "disk full":
            await self._fill(fault.lasts)
        elif fault.kind == "database locked":
            await asyncio.to_thread(self._lock, fault.lasts)
        elif fault.kind == "PostgreSQL stopped":
            assert self.postgres is not None  # the plan says so
            await asyncio.to_thread(self.postgres.away, fault.lasts)
        else:
            return await self._to_the_proxy(fault)
        self.record.done.append(Span(fault.kind, begin, time.monotonic(), fault.target))

    async def _to_the_proxy(self, fault: Fault) -> None:
        """Kill, stop or freeze it; one at a time, and a killed one comes back."""
        async with self.alive:
            begin = time.monotonic()
            if fault.kind == "proxy frozen":
                await _frozen(self.proxy.pid, fault.lasts)
            else:
                await self.proxy.end(signal.SIGKILL if fault.kind == "proxy killed" else signal.SIGTERM)
                await asyncio.sleep(fault.lasts / 3)
                await self._started_again()
            self.record.done.append(Span(fault.kind, begin, time.monotonic()))

    async def _started_again(self) -> None:
        """A database that is locked or full keeps the proxy from starting: its supervisor starts it again."""
        for attempt in range(10):
            try:
                return await self.proxy.start()
            except RuntimeError:
                if attempt == 9:
                    raise
                await self.proxy.kill()
                await asyncio.sleep(1)

    async def _misbehave(self, fault: Fault) -> None:
        self.backoffices[fault.target].behave(MODES[fault.kind])
        await asyncio.sleep(fault.lasts)
        self.backoffices[fault.target].behave("good")

    async def _cut(self, fault: Fault) -> None:
        for number, charger in enumerate(self.chargers):
            charger.cut()
            await asyncio.sleep(fault.lasts / len(self.chargers) * (number % 2))

    def _lock(self, seconds: float) -> None:
        with contextlib.closing(
            sqlite3.connect(self.data / "db.sqlite3", timeout=20, isolation_level=None)
        ) as other:
            other.execute("BEGIN IMMEDIATE")
            time.sleep(seconds)
            other.execute("ROLLBACK")

    async def _fill(self, seconds: float) -> None:
        """No byte more fits for a while: ballast on a small disk of its own, else a limit of the process."""
        if await asyncio.to_thread(os.path.ismount, self.data):
            return await asyncio.to_thread(_filled, self.data / "ballast", seconds)
        async with self.alive:
            before = resource.prlimit(self.proxy.pid, resource.RLIMIT_FSIZE)
            resource.prlimit(self.proxy.pid, resource.RLIMIT_FSIZE, (1, before[1]))
            await asyncio.sleep(seconds)
            resource.prlimit(self.proxy.pid, resource.RLIMIT_FSIZE, before)

    # --- the end ------------------------------------------------------------------------------------

    async def _settled(self) -> None:
        """Wait until everything has arrived, or long enough; what is missing then is lost."""
        end = time.monotonic() + SETTLED_WITHIN_S
        while time.monotonic() < end:
            if self._arrived() and await asyncio.to_thread(self._count, "NOT dead") == 0:
                return
            await asyncio.sleep(0.1)

    def _arrived(self) -> bool:
        for charger in self.chargers:
            if not charger.empty.is_set():
                return False
            marks = {said.mark for said in charger.record.numbered}
            for backoffice in self.backoffices.values():
                if not marks <= {g.mark for g in backoffice.got if g.identity == charger.record.identity}:
                    return False
        return True

    def _count(self, condition: str) -> int:
        query = f"SELECT count(*) FROM routing_delivery WHERE {condition}"
        return int(self.postgres.ask(query) if self.postgres is not None else self.proxy.rows(query)[0][0])


async def _frozen(pid: int, seconds: float) -> None:
    os.kill(pid, signal.SIGSTOP)
    try:
        await asyncio.sleep(seconds)
    finally:
        os.kill(pid, signal.SIGCONT)


async def _cancelled(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


def _filled(ballast: Path, seconds: float) -> None:
    with ballast.open("wb", buffering=0) as file:
        for size in (1 << 20, 1 << 12, 1):
            with contextlib.suppress(OSError):
                while True:
                    file.write(b"x" * size)
    time.sleep(seconds)
    ballast.unlink()


def _may_mount() -> bool:
    return sys.platform == "linux" and os.geteuid() == 0 and shutil.which("mount") is not None


def _mount(place: Path) -> None:
    # Where the container forbids it the limit of the process takes its place.
    subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={DISK}", "tmpfs", str(place)], check=False, capture_output=True
    )


def _unmount(place: Path) -> None:
    if os.path.ismount(place):
        subprocess.run(["umount", "-l", str(place)], check=True)


async def template(place: Path) -> Path:
    """The data directory of a proxy that has started once and stopped: every run begins with a copy."""
    proxy = ProxyProcess(place)
    await proxy.start()
    await proxy.stop()
    return place
