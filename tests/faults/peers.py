"""The processes of a run: those of the proxy, and its backoffices. None of them outlives the harness."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from tests.end_to_end.proxy import ROOT, ProxyProcess
from tests.faults.keeper import Keeper
from tests.faults.programs import faketime
from tests.faults.records import Got

NUMBERS_OF_A_LIFE = 10_000
"""A backoffice that was killed gives other numbers afterwards: a real one would have written them down."""


class KeptProxy(ProxyProcess):
    """A proxy whose processes the keeper knows."""

    def __init__(self, data: Path, keeper: Keeper, settings: Mapping[str, str] | None = None) -> None:
        super().__init__(data, settings)
        self._keeper = keeper

    async def _spawn(self, *arguments: str, **how: Any) -> asyncio.subprocess.Process:
        process = await super()._spawn(*arguments, **how, start_new_session=True)
        self._keeper.process(process.pid)
        return process

    async def end(self, how: signal.Signals) -> int:
        """As ever; afterwards its number may be another's."""
        pid = self._process.pid if self._process is not None else 0
        code = await super().end(how)
        self._keeper.ended(pid)
        return code

    async def frozen(self, seconds: float) -> None:
        """Do nothing for so long."""
        assert self._process is not None
        await _frozen(self._process, seconds)


class Clock:
    """What the clock of a process says beside the right time, in a file that libfaketime reads."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.show(0)

    @property
    def settings(self) -> dict[str, str]:
        """The environment of the process.

        Without the last a thread waits for the interpreter lock in a busy loop: libfaketime takes the
        deadline of a condition on the monotonic clock for one of the wall clock, which is long over.
        """
        library = faketime()
        assert library is not None  # programs.no_faketime() was asked
        return {
            "LD_PRELOAD": library,
            "PYTHONPATH": str(ROOT / "tests" / "faults" / "clocks"),
            "FAKETIME_TIMESTAMP_FILE": str(self.file),
            "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "FAKETIME_FORCE_MONOTONIC_FIX": "0",
        }

    def show(self, seconds: int) -> None:
        """So many seconds more than the right time, from now on."""
        new = self.file.with_suffix(".new")
        new.write_text(f"{seconds:+d}\n")
        os.replace(new, self.file)


class Backoffice:
    """A process of ``tests.faults.backoffice`` and what it says it got; ``first`` is its first number."""

    def __init__(self, keeper: Keeper, first: int, seed: int) -> None:
        self.first = first
        self.seed = seed
        self.port = 0
        self.got: list[Got] = []
        self.busy = asyncio.Lock()
        self._keeper = keeper
        self._lives = 0
        self._process: asyncio.subprocess.Process | None = None
        self._reading: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Listen, on the port that it had before where it had one."""
        first = self.first + self._lives * NUMBERS_OF_A_LIFE
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "tests.faults.backoffice", str(first), str(self.seed), str(self.port),
            cwd=ROOT, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, start_new_session=True,
        )  # fmt: skip
        self._keeper.process(process.pid)
        self._lives += 1
        self._process = process
        assert process.stdout is not None  # it is a pipe
        self.port = json.loads(await process.stdout.readline())["port"]
        self._reading = asyncio.create_task(self._read(process.stdout))

    async def kill(self) -> None:
        """Pull the plug; what it has said before is read."""
        process, self._process = self._process, None
        if process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()
        self._keeper.ended(process.pid)
        if self._reading is not None:
            await self._reading

    async def frozen(self, seconds: float) -> None:
        """Do nothing for so long."""
        assert self._process is not None
        await _frozen(self._process, seconds)

    def behave(self, mode: str) -> None:
        """One of ``tests.faults.backoffice.MODES``; who is killed forgets it."""
        if self._process is not None:
            assert self._process.stdin is not None  # it is a pipe
            self._process.stdin.write(f"{mode}\n".encode())

    async def _read(self, said: asyncio.StreamReader) -> None:
        rows: dict[int, int] = {}
        async for line in said:
            try:
                row = json.loads(line)
            except ValueError:
                return  # killed in mid-line
            number = row.pop("row")
            if number in rows:
                self.got[rows[number]] = replace(self.got[rows[number]], **row)
            else:
                rows[number] = len(self.got)
                self.got.append(Got(**row))


async def _frozen(process: asyncio.subprocess.Process, seconds: float) -> None:
    process.send_signal(signal.SIGSTOP)
    try:
        await asyncio.sleep(seconds)
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(signal.SIGCONT)
