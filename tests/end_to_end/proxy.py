"""A real proxy in a process of its own, started as the README says and killed as the world does."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sqlite3
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from benchmarks.ports import free_port
from tests import templates

ROOT = Path(__file__).resolve().parents[2]
READY = "The proxy is ready."
START_LIMIT_S = 60


class ProxyProcess:
    """``manage.py runproxy`` with a data directory of its own.

    ``settings`` are environment variables. ``log`` is everything that all its lives have printed.
    """

    program: tuple[str, ...] = ("manage.py", "runproxy")

    def __init__(self, data: Path, settings: Mapping[str, str] | None = None) -> None:
        self.data = data
        self.port = free_port()
        self.settings = dict(settings or {})
        self.log = ""
        self._process: asyncio.subprocess.Process | None = None
        self._applier: asyncio.subprocess.Process | None = None
        self._reader: asyncio.Task[None] | None = None
        self._printed = asyncio.Event()

    @property
    def environment(self) -> dict[str, str]:
        """The environment of the proxy and of commands to it."""
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("PROXY_", "DATABASE_", "REDIS_"))}
        kept.pop("DJANGO_SETTINGS_MODULE", None)
        ours = {"PROXY_DATA_DIR": str(self.data), "PROXY_ADMIN_PASSWORD": "a password for tests"}
        return {**kept, **ours, **self.settings}

    def url(self, identity: str = "") -> str:
        """Where a charger connects; without an identity the URL to which it is appended."""
        base = f"ws://127.0.0.1:{self.port}/ocpp"
        return f"{base}/{identity}" if identity else base

    @property
    def http(self) -> str:
        """Where a browser goes."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        """The process, while there is one."""
        assert self._process is not None
        return self._process.pid

    async def start(self) -> None:
        """Start, and return when it says that it is ready. Raises RuntimeError with what it printed."""
        if not self.settings.get("DATABASE_URL"):
            templates.begin_with_it(self.data)
        before = self.log.count(READY)
        self._process = await self._spawn(*self.program, "--host", "127.0.0.1", "--port", str(self.port))
        self._reader = asyncio.create_task(self._read(self._process))
        async with asyncio.timeout(START_LIMIT_S):
            while self.log.count(READY) == before:
                if self._reader.done():
                    raise RuntimeError(f"the proxy ended at its start:\n{self.log}")
                self._printed.clear()
                await asyncio.wait(
                    {asyncio.ensure_future(self._printed.wait()), self._reader},
                    return_when=asyncio.FIRST_COMPLETED,
                )

    async def _spawn(self, *arguments: str, **how: Any) -> asyncio.subprocess.Process:
        """A program of ours, its output in one pipe; ``how`` as for ``create_subprocess_exec``."""
        piped = {"stdout": asyncio.subprocess.PIPE, "stderr": asyncio.subprocess.STDOUT}
        return await asyncio.create_subprocess_exec(
            sys.executable,
            *arguments,
            cwd=ROOT,
            env=self.environment,
            **piped | how,
        )

    async def _read(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdout is not None  # it is a pipe
        async for line in process.stdout:
            self.log += line.decode(errors="replace")
            self._printed.set()

    async def kill(self) -> None:
        """Pull the plug."""
        await self.end(signal.SIGKILL)

    async def stop(self) -> int:
        """Stop as Ctrl-C does; returns the exit code."""
        return await self.end(signal.SIGINT)

    async def end(self, how: signal.Signals) -> int:
        """Send a signal and wait for the end; the exit code, 0 if it had ended before."""
        await self._end_applier()
        process, self._process = self._process, None
        if process is None or self._reader is None:
            return 0
        if process.returncode is None:
            process.send_signal(how)
        async with asyncio.timeout(30):
            code = await process.wait()
            await self._reader
        return code

    async def manage(self, *arguments: str, given: str = "") -> tuple[int, str]:
        """Run a management command; returns its exit code and what it printed."""
        process = await self._spawn("manage.py", *arguments, stdin=asyncio.subprocess.PIPE)
        printed, _ = await process.communicate(given.encode())
        return process.returncode or 0, printed.decode(errors="replace")

    async def apply(self, configuration: Mapping[str, Any]) -> None:
        """Apply a configuration, as ``manage.py apply`` takes it. Raises RuntimeError with its errors."""
        if self._applier is None:
            piped, limit = asyncio.subprocess.PIPE, 1 << 24
            self._applier = await self._spawn(
                "-m", "tests.end_to_end.applier", stdin=piped, stderr=None, limit=limit
            )
        talk = self._applier
        assert talk.stdin is not None  # both are pipes
        assert talk.stdout is not None
        talk.stdin.write(json.dumps(yaml.safe_dump(dict(configuration))).encode() + b"\n")
        line = await talk.stdout.readline()
        code, printed = json.loads(line) if line else (1, "the process ended, see what it printed")
        if code:
            raise RuntimeError(f"apply refused the configuration:\n{printed}")

    async def _end_applier(self) -> None:
        applier, self._applier = self._applier, None
        if applier is not None and applier.stdin is not None:
            applier.stdin.close()
            await applier.wait()

    def rows(self, query: str, *parameters: Any) -> list[tuple[Any, ...]]:
        """What the database says; the embedded proxy keeps it in one file."""
        with sqlite3.connect(self.data / "db.sqlite3", timeout=20) as database:
            return list(database.execute(query, parameters))

    async def wait_rows(self, query: str, *parameters: Any, timeout_s: float = 15) -> list[tuple[Any, ...]]:
        """The rows of a query once there are any; the database has no way to tell, so it is asked again."""
        async with asyncio.timeout(timeout_s):
            while not (rows := self.rows(query, *parameters)):  # noqa: ASYNC110 - the file has no events
                await asyncio.sleep(0.05)
        return rows
