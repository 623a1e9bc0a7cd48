"""The benchmark's own processes as its conductor sees them: ask, and get an answer."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Sequence
from contextlib import AsyncExitStack
from typing import Any

from benchmarks.subjects import ROOT
from benchmarks.worker import LONGEST_LINE


class WorkerFailed(Exception):
    """A worker has ended; what it printed is on standard error."""


class Worker:
    """A process of ``benchmarks.worker``. One question at a time."""

    def __init__(self, process: asyncio.subprocess.Process, name: str) -> None:
        self._process = process
        self._name = name

    @classmethod
    async def start(cls, stack: AsyncExitStack, *arguments: str) -> Worker:
        """Start one that ends with ``stack``; ``arguments`` are those of the program."""
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "benchmarks.worker", *arguments,
            cwd=ROOT, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, limit=LONGEST_LINE,
        )  # fmt: skip
        worker = cls(process, " ".join(arguments))
        stack.push_async_callback(worker.stop)
        return worker

    async def ask(self, do: str, **given: Any) -> Any:
        """Have it do something. Raises WorkerFailed."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps({"do": do, **given}).encode() + b"\n")
        line = await self._process.stdout.readline()
        if not line:
            raise WorkerFailed(f"the {self._name} process has ended while it was asked to {do}")
        return json.loads(line)

    async def stop(self) -> None:
        """End it."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        await self._process.wait()


class Fleets:
    """Several fleet processes that share each group of chargers."""

    def __init__(self, workers: Sequence[Worker]) -> None:
        self._workers = workers

    async def ask(self, do: str, **given: Any) -> list[Any]:
        """Ask all of them the same. Raises WorkerFailed, and SystemExit where chargers have failed."""
        return await asyncio.gather(*(worker.ask(do, **given) for worker in self._workers))

    async def steps(self, do: str, **given: Any) -> float:
        """Have chargers do something that must not fail; returns how many seconds it took."""
        return _took(await self.ask(do, **given), do)

    async def connect(
        self, group: str, port: int, path: str, identities: Sequence[str], at_once: int
    ) -> float:
        """Connect and boot a group, shared among the processes; returns how many seconds it took."""
        count = len(self._workers)
        answers = await asyncio.gather(
            *(
                worker.ask(
                    "connect",
                    group=group,
                    port=port,
                    path=path,
                    identities=list(identities[number::count]),
                    at_once=max(1, at_once // count),
                )
                for number, worker in enumerate(self._workers)
            )
        )
        return _took(answers, f"connect of {group}")

    async def load(self, group: str, meter: bool, seconds: float, rate: float | None) -> list[Any]:
        """Make load with a group; ``rate`` is that of the whole fleet."""
        each = rate / len(self._workers) if rate else None
        return await self.ask("load", group=group, meter=meter, seconds=seconds, rate=each)


class ChargersFailed(Exception):
    """Chargers could not do what they had to, and how the first of them failed."""


def _took(answers: Sequence[Any], what: str) -> float:
    failed = sum(answer["failed"] for answer in answers)
    if failed:
        first = next(answer["error"] for answer in answers if answer["failed"])
        raise ChargersFailed(f"{what}: {failed} chargers failed, the first with: {first}")
    return float(max(answer["seconds"] for answer in answers))
