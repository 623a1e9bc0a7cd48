"""``python -m benchmarks.live``: does a charger notice that people look on?

One charger says something at a fixed rate, alternately with nobody at its live view and with some viewers.
What is measured is the charger's side: how long its answers take. See docs/benchmarks.md.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import re
import sys
import tempfile
import urllib.parse
import urllib.request
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from http.cookiejar import CookieJar
from pathlib import Path
from typing import Final

from websockets.asyncio.client import ClientConnection, connect
from websockets.typing import Origin

from benchmarks import machine
from benchmarks.processes import ChargersFailed, Fleets, Worker, WorkerFailed
from benchmarks.subjects import Proxy, SubjectFailed
from benchmarks.telling import percentile, say, spread

CHARGER: Final = "L-00001"
GROUP: Final = "L"
SETTLED_S: Final = 1.0
"""What is still on its way to the viewers after a load has a second to come."""


@dataclass(frozen=True, kw_only=True)
class Options:
    """``seconds``: length of one load; ``rate``: CALLs per second, meter values unless ``heartbeats``."""

    rounds: int = 10
    seconds: float = 10.0
    rate: float = 50.0
    viewers: int = 5
    heartbeats: bool = False
    database_url: str = ""


@dataclass
class Phase:
    """Loads of one kind, all rounds: latencies in microseconds of each, and CPU seconds of the proxy."""

    latencies: list[list[int]] = field(default_factory=list)
    cpu_s: list[float] = field(default_factory=list)

    def ms(self, share: float) -> list[float]:
        """A percentile of each load, in milliseconds."""
        return [percentile(ordered, share) / 1000 for ordered in self.latencies]


@dataclass
class Seen:
    """What the viewers were shown, summed over all of them. The last three are to be 0."""

    rows: int = 0
    expected: int = 0
    left_out: int = 0
    gaps: int = 0
    unanswered: int = 0


class Viewer:
    """One socket of a live view that reads what it is sent and counts."""

    def __init__(self, seen: Seen) -> None:
        self.live = asyncio.Event()
        self._seen = seen
        self._next = 1

    async def read(self, socket: ClientConnection) -> None:
        """Until it is closed."""
        async for text in socket:
            said = json.loads(text)
            if "state" in said:
                self.live.set()
                continue
            self._seen.gaps += said["first"] != self._next
            self._next = said["first"] + len(said["rows"])
            self._seen.left_out += said["left_out"]
            if self.live.is_set():  # before, it is what was there
                self._seen.rows += sum(row["route"] is None for row in said["rows"])


class Admin:
    """As much of a logged-in browser as opening sockets needs."""

    def __init__(self, port: int) -> None:
        self.base = f"http://127.0.0.1:{port}"
        self._cookies = CookieJar()
        self._opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(self._cookies))

    def log_in(self) -> None:
        """As the user of the first start."""
        found = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', self._get("/admin/login/"))
        assert found is not None
        who = {
            "username": "admin",
            "password": "a password for the benchmark",
            "next": "/admin/",
            "csrfmiddlewaretoken": found[1],
        }
        headers = {"Referer": f"{self.base}/admin/login/"}
        body = urllib.parse.urlencode(who).encode()
        self._opener.open(urllib.request.Request(f"{self.base}/admin/login/", body, headers)).close()

    def socket(self) -> str:
        """The path of the charger's live view. Raises SubjectFailed."""
        found = re.search(
            r"/admin/chargers/charger/(\d+)/overview/", self._get(f"/admin/chargers/charger/?q={CHARGER}")
        )
        if found is None:
            raise SubjectFailed(f"the admin has no page of {CHARGER}")
        return f"/ws/v1/chargers/{found[1]}/messages"

    def _get(self, path: str) -> str:
        with self._opener.open(self.base + path) as answer:
            return str(answer.read().decode())

    @property
    def cookies(self) -> str:
        """The header of that name."""
        return "; ".join(f"{cookie.name}={cookie.value}" for cookie in self._cookies)


class Conductor:
    """One run of the benchmark."""

    def __init__(self, options: Options, stack: AsyncExitStack) -> None:
        self.options = options
        self.alone, self.watched, self.seen = Phase(), Phase(), Seen()
        self.loads: list[float] = []
        self._stack = stack
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="ocpp-live-")))
        self.proxy = Proxy(folder / "proxy", options.database_url)
        self._admin = Admin(self.proxy.port)

    async def run(self) -> None:
        """Measure everything. Raises SubjectFailed, ChargersFailed, WorkerFailed."""
        await self._start()
        for number in range(self.options.rounds):
            self.loads.append(machine.load_average())
            say(f"round {number + 1} of {self.options.rounds}, load average {self.loads[-1]:.1f}")
            for watched in (False, True) if number % 2 else (True, False):
                await (self._watched() if watched else self._load(self.alone))

    async def _start(self) -> None:
        ports = {}
        for name, first in (("billing", "1"), ("energy", "1000001")):
            ports[name] = (await (await Worker.start(self._stack, "sink", first)).ask("listen"))["port"]
        self._fleet = Fleets([await Worker.start(self._stack, "fleet")])
        self._stack.push_async_callback(self.proxy.stop)
        await self.proxy.start()
        await self.proxy.apply(ports, {CHARGER: list(ports)})
        await self._fleet.connect(GROUP, self.proxy.port, self.proxy.path, [CHARGER], at_once=1)
        for step in ("status", "start"):
            await self._fleet.steps("each", group=GROUP, step=step)
        await asyncio.to_thread(self._admin.log_in)
        await self._load(Phase())  # the first one of all is slower, whoever looks on

    async def _load(self, phase: Phase) -> int:
        """One load; how many CALLs were sent."""
        await self.proxy.rest()
        before = self.proxy.cpu_s()
        options = self.options
        answers = await self._fleet.load(GROUP, not options.heartbeats, options.seconds, options.rate)
        phase.cpu_s.append(self.proxy.cpu_s() - before)
        phase.latencies.append(sorted(one for each in answers for one in each["latencies_us"]))
        self.seen.unanswered += sum(each["sent"] - each["answered"] for each in answers)
        return sum(each["sent"] for each in answers)

    async def _watched(self) -> None:
        async with self._viewers():
            sent = await self._load(self.watched)
            await asyncio.sleep(SETTLED_S)
        self.seen.expected += sent * self.options.viewers

    @asynccontextmanager
    async def _viewers(self) -> AsyncIterator[None]:
        path = await asyncio.to_thread(self._admin.socket)
        async with AsyncExitStack() as stack, asyncio.TaskGroup() as reading:
            for _ in range(self.options.viewers):
                viewer = Viewer(self.seen)
                socket = await stack.enter_async_context(
                    connect(
                        self._admin.base.replace("http", "ws") + path,
                        origin=Origin(self._admin.base),
                        additional_headers={"Cookie": self._admin.cookies},
                        max_size=None,
                        proxy=None,
                    )
                )
                reading.create_task(viewer.read(socket))
                await viewer.live.wait()
            yield
            await stack.aclose()

    @property
    def flawless(self) -> bool:
        """Whether each viewer was shown every CALL, and each CALL was answered. Times are not judged."""
        seen = self.seen
        return seen.rows >= seen.expected and not (seen.left_out or seen.gaps or seen.unanswered)

    def text(self) -> str:
        """The table, in Markdown."""
        options, seen = self.options, self.seen
        what = "Heartbeats" if options.heartbeats else "MeterValues of 3 KB"
        rows = [(f"p{share}, ms", self.alone.ms(share), self.watched.ms(share)) for share in (50, 90, 99)]
        rows.append(("CPU of the proxy, % of a core", self._cpu(self.alone), self._cpu(self.watched)))
        return "\n".join(
            [
                f"{machine.described()}; {'PostgreSQL' if options.database_url else 'SQLite'}; one charger, "
                f"{options.rate:g} {what} a second, {options.rounds} rounds of {options.seconds:g} s; load "
                f"average {spread(self.loads)}; median (least to most)",
                "",
                f"| charger-side | nobody looks on | {options.viewers} viewers | ratio within a round |",
                "|---|---:|---:|---:|",
                *(_row(*row) for row in rows),
                "",
                f"Rows of the charger shown / expected / left out / gaps in their numbers: {seen.rows:,} / "
                f"{seen.expected:,} / {seen.left_out} / {seen.gaps}; CALLs without an answer: "
                f"{seen.unanswered}",
            ]
        )

    def _cpu(self, phase: Phase) -> list[float]:
        return [100 * used / self.options.seconds for used in phase.cpu_s]


def _row(name: str, alone: Sequence[float], watched: Sequence[float]) -> str:
    ratios = [one / other for other, one in zip(alone, watched, strict=True)]
    return f"| {name} | {spread(alone)} | {spread(watched)} | {spread(ratios)} |"


def options_from(arguments: Sequence[str]) -> Options:
    """The command line."""
    usual = Options()
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.live", description="Measure whether a charger notices that people look on."
    )
    parser.add_argument("--rounds", type=int, help=f"rounds of both loads ({usual.rounds})")
    parser.add_argument("--seconds", type=float, help=f"length of a load ({usual.seconds:g})")
    parser.add_argument("--rate", type=float, help=f"CALLs per second ({usual.rate:g})")
    parser.add_argument("--viewers", type=int, help=f"sockets of the live view ({usual.viewers})")
    parser.add_argument("--heartbeats", action="store_true", help="in place of meter values of 3 KB")
    parser.add_argument("--database-url", help="a PostgreSQL database to fill, in place of SQLite")
    given = vars(parser.parse_args(arguments))
    return Options(**{name: value for name, value in given.items() if value is not None})


async def run(options: Options) -> Conductor:
    """Run the benchmark."""
    async with AsyncExitStack() as stack:
        conductor = Conductor(options, stack)
        try:
            await conductor.run()
        except (ChargersFailed, WorkerFailed):
            say(f"the proxy has said last:\n{conductor.proxy.last_words()}")
            raise
        return conductor


def main(arguments: Sequence[str]) -> int:
    """The exit code is 1 where a viewer was not shown everything, or a CALL was not answered."""
    try:
        conductor = asyncio.run(run(options_from(arguments)))
    except (SubjectFailed, ChargersFailed, WorkerFailed) as error:
        say(f"the benchmark could not be finished: {error}")
        return 2
    print(conductor.text())
    return 0 if conductor.flawless else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
