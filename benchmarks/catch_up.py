"""``python -m benchmarks.catch_up``: a backoffice was away for an hour and comes back to what waits for it.

Chargers make the hour at high speed while one of three backoffices refuses connections. Live traffic at a
fixed rate is measured before the return, until what has waited is through, and after. See docs/benchmarks.md.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from benchmarks import machine
from benchmarks.processes import ChargersFailed, Fleets, Worker, WorkerFailed
from benchmarks.subjects import Proxy, SubjectFailed
from benchmarks.telling import percentile, say, spread

GROUP: Final = "H"
AWAY: Final = "away"
STRETCH_S: Final = 2.0
"""Live traffic during the catch-up is made in stretches of this length, until one finds it through."""
LONGEST_S: Final = 600.0
"""A catch-up that takes longer is given up: what is not through is counted as lost."""
DRAIN_S: Final = 30.0
PHASES: Final = ("before", "during", "after")


@dataclass(frozen=True, kw_only=True)
class Options:
    """``seconds``: length of the live traffic before and after; ``rate``: its CALLs per second, of all."""

    chargers: int = 100
    rounds: int = 5
    seconds: float = 15.0
    rate: float = 20.0
    catch_up: int = 20
    delay_ms: float = 20.0
    database_url: str = ""


@dataclass
class Round:
    """What one outage came to. Latencies in microseconds by phase, sorted; ``waited``: messages."""

    load_average: float
    waited: int = 0
    latencies: dict[str, list[int]] = field(default_factory=dict)
    unanswered: int = 0
    seconds: float = 0.0
    most: Mapping[str, int] = field(default_factory=dict)

    def ms(self, phase: str, share: float) -> float:
        """A percentile in milliseconds."""
        return percentile(self.latencies[phase], share) / 1000


@dataclass
class Books:
    """What the backoffices have in the end, summed over all of them. All but ``sent`` are to be 0."""

    sent: int = 0
    lost: int = 0
    doubled: int = 0
    out_of_order: int = 0

    def settle(self, sent: int, sessions: int, account: Mapping[str, int] | None) -> None:
        """Compare a charger with the book of one backoffice: messages, then sessions begun and ended."""
        self.sent += sent + 2 * sessions
        if account is None:
            self.lost += sent + 2 * sessions
            return
        missing = abs(account["lost"]) + max(0, sent + 1 - account["next_number"])
        ends = (account["starts"], account["stops"])
        self.lost += missing + sum(max(0, sessions - count) for count in ends)
        self.doubled += account["duplicated"] + sum(max(0, count - sessions) for count in ends)
        self.out_of_order += account["foreign"]

    @property
    def whole(self) -> bool:
        """Whether everything came, once and in order."""
        return not (self.lost or self.doubled or self.out_of_order)


@dataclass
class Report:
    """All rounds."""

    machine: str
    options: Options
    rounds: list[Round] = field(default_factory=list)
    books: Books = field(default_factory=Books)

    @property
    def flawless(self) -> bool:
        """Whether the agreed concurrency, order and completeness held. Times are not judged."""
        kept = all(one.most["waited"] <= self.options.catch_up for one in self.rounds)
        return kept and self.books.whole and not any(one.unanswered for one in self.rounds)

    def text(self) -> str:
        """The table, in Markdown."""
        options = self.options
        database = "PostgreSQL" if options.database_url else "SQLite"
        return "\n".join(
            [
                f"{self.machine}; {database}; {options.chargers} chargers, {options.rounds} rounds, live "
                f"{options.rate:g} CALLs/s, catch_up {options.catch_up}, answers after "
                f"{options.delay_ms:g} ms; load average "
                f"{spread([one.load_average for one in self.rounds], 1)}; median (least to most)",
                "",
                "| charger-side latency, ms | before | during | after | during : before |",
                "|---|---:|---:|---:|---:|",
                *(self._latency_row(share) for share in (50, 90, 99)),
                self._pooled_row(),
                "",
                "| catch-up | |",
                "|---|---:|",
                *(f"| {what} | {figure} |" for what, figure in self._facts()),
            ]
        )

    def _latency_row(self, share: int) -> str:
        cells = [spread([one.ms(phase, share) for one in self.rounds], 1) for phase in PHASES]
        ratios = [one.ms("during", share) / one.ms("before", share) for one in self.rounds]
        return f"| p{share} | {' | '.join(cells)} | {spread(ratios, 2)} |"

    def _pooled_row(self) -> str:
        pooled = [
            percentile(sorted(one for r in self.rounds for one in r.latencies[phase]), 99) / 1000
            for phase in PHASES
        ]
        cells = " | ".join(f"{value:,.1f}" for value in pooled)
        return f"| p99 of all rounds together | {cells} | {pooled[1] / pooled[0]:.2f} |"

    def _facts(self) -> list[tuple[str, str]]:
        def most(kind: str) -> str:
            return str(max(one.most[kind] for one in self.rounds))

        rounds, books = self.rounds, self.books
        return [
            ("messages that waited", spread([one.waited for one in rounds], 0)),
            ("seconds from the return to the last of them", spread([one.seconds for one in rounds], 1)),
            (f"most of them outstanding at once (agreed: {self.options.catch_up})", most("waited")),
            ("most messages of sessions at once, live ones included", most("of_a_session")),
            ("most boots, statuses and heartbeats at once", most("other")),
            (
                "messages expected at three backoffices / lost / doubled / out of order",
                f"{books.sent:,} / {books.lost} / {books.doubled} / {books.out_of_order}",
            ),
            ("live CALLs without an answer", str(sum(one.unanswered for one in rounds))),
        ]


class Conductor:
    """One run of the benchmark."""

    def __init__(self, options: Options, stack: AsyncExitStack) -> None:
        self.options = options
        self.report = Report(machine=machine.described(), options=options)
        self._stack = stack
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="ocpp-catch-up-")))
        self.proxy = Proxy(folder / "proxy", options.database_url)
        self._sinks: dict[str, Worker] = {}

    async def run(self) -> Report:
        """Measure everything. Raises SubjectFailed, ChargersFailed, WorkerFailed."""
        await self._start()
        for number in range(self.options.rounds):
            say(f"round {number + 1} of {self.options.rounds}, load average {machine.load_average():.1f}")
            self.report.rounds.append(await self._round())
        await self._close_books()
        return self.report

    async def _start(self) -> None:
        kinds = {"billing": ["sink", "1"], "energy": ["sink", "1000001"]}
        kinds[AWAY] = ["returning", "2000001", f"{self.options.delay_ms / 1000}"]
        for name, kind in kinds.items():
            self._sinks[name] = await Worker.start(self._stack, *kind)
        ports = {name: (await sink.ask("listen"))["port"] for name, sink in self._sinks.items()}
        self._fleet = Fleets([await Worker.start(self._stack, "fleet")])
        self._stack.push_async_callback(self.proxy.stop)
        await self.proxy.start()
        identities = [f"{GROUP}-{number:05d}" for number in range(1, self.options.chargers + 1)]
        chargers = {identity: list(ports) for identity in identities}
        await self.proxy.apply(ports, chargers, catch_up=self.options.catch_up)
        await self._fleet.connect(GROUP, self.proxy.port, self.proxy.path, identities, at_once=10)
        for step in ("status", "start"):
            await self._steps(step)
        await self.proxy.rest()

    async def _steps(self, step: str) -> None:
        await self._fleet.steps("each", group=GROUP, step=step)

    async def _round(self) -> Round:
        """One outage, and what comes after it."""
        await self.proxy.rest()  # what is on its way when it leaves would come twice
        away, result = self._sinks[AWAY], Round(machine.load_average())
        since = await self._numbers()
        await away.ask("leave")
        await self._steps("hour")
        await self.proxy.rest()
        await self._live(result, "before", self.options.seconds)
        waiting = await self._numbers()
        sessions = 2 * len(waiting)
        result.waited = sum(waiting.values()) - sum(since.values()) + sessions
        await away.ask("come_back", last_numbers=waiting)
        await self._catch_up(result)
        told = await away.ask("caught_up")
        result.seconds = told.pop("seconds")
        result.most = told
        await self._live(result, "after", self.options.seconds)
        return result

    async def _live(self, result: Round, phase: str, seconds: float) -> None:
        """Live traffic, from all chargers in turn."""
        answers = await self._fleet.load(GROUP, meter=True, seconds=seconds, rate=self.options.rate)
        made = result.latencies.get(phase, []) + [one for each in answers for one in each["latencies_us"]]
        result.latencies[phase] = sorted(made)
        result.unanswered += sum(each["sent"] - each["answered"] for each in answers)

    async def _catch_up(self, result: Round) -> None:
        """Live traffic until all that was made before its last stretch has come to who was away."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + LONGEST_S
        while loop.time() < deadline:
            made = await self._numbers()
            await self._live(result, "during", STRETCH_S)
            accounts = await self._sinks[AWAY].ask("accounts", prefix=GROUP)
            if all(name in accounts and accounts[name]["next_number"] > last for name, last in made.items()):
                return

    async def _numbers(self) -> dict[str, int]:
        """The number of the last MeterValues of each charger."""
        sent: dict[str, int] = {}
        for answer in await self._fleet.ask("numbers", group=GROUP):
            if answer["strays"] or answer["disconnected"]:
                raise ChargersFailed(
                    f"{answer['disconnected']} chargers lost their connection, {answer['strays']} answers "
                    "came that nobody had asked for"
                )
            sent |= answer["sent"]
        return sent

    async def _close_books(self) -> None:
        """End all sessions and compare what was sent with what has arrived."""
        await self._steps("stop")
        sent, sessions = await self._numbers(), self.options.rounds + 1
        for sink in self._sinks.values():
            accounts = await self._accounts_at_end(sink, sessions)
            for identity, count in sent.items():
                self.report.books.settle(count, sessions, accounts.get(identity))

    async def _accounts_at_end(self, sink: Worker, sessions: int) -> Any:
        """The books of a backoffice once it has all stops, or does not get them."""
        deadline = asyncio.get_running_loop().time() + DRAIN_S
        while True:
            accounts = await sink.ask("accounts", prefix=GROUP)
            stops = sum(account["stops"] for account in accounts.values())
            is_over = stops >= sessions * self.options.chargers
            if is_over or asyncio.get_running_loop().time() > deadline:
                return accounts
            await asyncio.sleep(0.05)  # the books are in another process, which tells nothing by itself


def options_from(arguments: Sequence[str]) -> Options:
    """The command line."""
    usual = Options()
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.catch_up", description="Measure how a backoffice that was away catches up."
    )
    parser.add_argument("--chargers", type=int, help=f"chargers ({usual.chargers})")
    parser.add_argument("--rounds", type=int, help=f"outages, one after the other ({usual.rounds})")
    parser.add_argument("--seconds", type=float, help=f"live traffic before and after ({usual.seconds:g})")
    parser.add_argument("--rate", type=float, help=f"live CALLs per second ({usual.rate:g})")
    parser.add_argument("--catch-up", type=int, help=f"messages it takes at once ({usual.catch_up})")
    parser.add_argument("--delay-ms", type=float, help=f"until it answers ({usual.delay_ms:g})")
    parser.add_argument("--database-url", help="a PostgreSQL database to fill, in place of SQLite")
    given = vars(parser.parse_args(arguments))
    return Options(**{name: value for name, value in given.items() if value is not None})


async def run(options: Options) -> Report:
    """Run the benchmark."""
    async with AsyncExitStack() as stack:
        conductor = Conductor(options, stack)
        try:
            return await conductor.run()
        except (ChargersFailed, WorkerFailed):
            say(f"the proxy has said last:\n{conductor.proxy.last_words()}")
            raise


def main(arguments: Sequence[str]) -> int:
    """The exit code is 1 where concurrency, order or completeness did not hold."""
    try:
        report = asyncio.run(run(options_from(arguments)))
    except (SubjectFailed, ChargersFailed, WorkerFailed) as error:
        say(f"the benchmark could not be finished: {error}")
        return 2
    print(report.text())
    return 0 if report.flawless else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
