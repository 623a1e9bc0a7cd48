"""Carries the benchmark out: which subject gets which load, in which order, and what is read when."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from benchmarks import machine
from benchmarks.processes import ChargersFailed, Fleets, Worker, WorkerFailed
from benchmarks.results import Integrity, Load, Memory, Report, Sample, Storm
from benchmarks.subjects import Direct, Nginx, Proxy, Subject

DRAIN_S: Final = 30.0
"""How long a backoffice may take to get what its chargers have sent; the rest counts as lost."""


@dataclass(frozen=True, kw_only=True)
class Options:
    """How much is measured. ``seconds`` is the length of one load, ``rate`` CALLs per second of all."""

    chargers: int = 200
    rounds: int = 5
    seconds: float = 4.0
    rate: float = 300.0
    processes: int = 2
    idle_chargers: int = 1000
    storm_at_once: int = 200
    database_url: str = ""
    say: Callable[[str], None] = print


@dataclass
class Stand:
    """A subject with its group of chargers. ``sinks`` are the numbers of its backoffices."""

    name: str
    group: str
    subject: Subject
    sinks: tuple[int, ...] = (0,)
    identities: list[str] = field(default_factory=list)


class Conductor:
    """One run of the benchmark."""

    def __init__(self, options: Options, stack: AsyncExitStack) -> None:
        self.options = options
        self.report = Report(machine=machine.described(), options=options)
        self.started: list[Nginx | Proxy] = []
        self._stack = stack
        self._folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="ocpp-benchmark-")))
        self._sinks: list[Worker] = []
        self._ports: list[int] = []

    async def run(self) -> Report:
        """Measure everything. Raises SubjectFailed, ChargersFailed, WorkerFailed."""
        await self._start_workers()
        stands = await self._build()
        self.report.nginx = any(isinstance(stand.subject, Nginx) for stand in stands)
        for stand in stands:
            await self._man(stand)
        for number in range(self.options.rounds):
            self.options.say(f"round {number + 1} of {self.options.rounds}, load average {_load()}")
            for load in Load:
                for stand in stands:
                    await self._measure(stand, load)
        for stand in stands:
            await self._close_books(stand)
            await self._leave(stand)
        for stand in stands:
            await stand.subject.stop()
        await self._measure_memory()
        return self.report

    # -- who takes part ----------------------------------------------------------------------------

    async def _start_workers(self) -> None:
        for first in (1, 1_000_001):  # transaction ids of two backoffices never meet
            sink = await Worker.start(self._stack, "sink", str(first))
            self._sinks.append(sink)
            self._ports.append((await sink.ask("listen"))["port"])
        self._fleets = Fleets(
            [await Worker.start(self._stack, "fleet") for _ in range(self.options.processes)]
        )

    async def _build(self) -> list[Stand]:
        """Start the subjects and say which chargers they get."""
        stands = [Stand("direct", "D", Direct(self._ports[0]))]
        if Nginx.command() is not None:
            stands.append(Stand("nginx", "N", await self._nginx("nginx")))
        proxy = self._proxy("proxy")
        await self._started(proxy)
        stands += [Stand("proxy", "P", proxy), Stand("proxy, 2 backoffices", "Q", proxy, (0, 1))]
        for stand in stands:
            self._enlist(stand)
        await self._configure(proxy, stands)
        return stands

    def _enlist(self, stand: Stand) -> None:
        """Give a stand its chargers."""
        stand.identities = _identities(stand.group, self.options.chargers)

    async def _configure(self, proxy: Proxy, stands: Sequence[Stand]) -> None:
        """Tell a proxy of the chargers of its own stands, and of their backoffices."""
        await proxy.apply(
            {f"sink-{number}": port for number, port in enumerate(self._ports)},
            {
                identity: [f"sink-{number}" for number in stand.sinks]
                for stand in stands
                if stand.subject is proxy
                for identity in stand.identities
            },
        )

    def _proxy(self, name: str) -> Proxy:
        return Proxy(self._folder / name, self.options.database_url)

    async def _nginx(self, name: str) -> Nginx:
        nginx = Nginx(self._folder / name, self._ports[0])
        await self._started(nginx)
        return nginx

    async def _started(self, subject: Nginx | Proxy) -> None:
        self.started.append(subject)
        self._stack.push_async_callback(subject.stop)
        await subject.start()

    async def _man(self, stand: Stand) -> None:
        """Connect the chargers of a stand and let each start a transaction."""
        subject = stand.subject
        await self._fleets.connect(
            stand.group, subject.port, subject.path, stand.identities, self.options.storm_at_once
        )
        for step in ("status", "start"):
            await self._fleets.steps("each", group=stand.group, step=step)
        await subject.rest()

    async def _leave(self, stand: Stand) -> None:
        await self._fleets.ask("leave", group=stand.group)

    # -- load --------------------------------------------------------------------------------------

    async def _measure(self, stand: Stand, load: Load) -> None:
        """One load on one subject: read its CPU time before and when it has come to rest."""
        if not load.meter and len(stand.sinks) > 1:
            return  # the proxy answers a Heartbeat, whoever is behind it
        subject, rate = stand.subject, self.options.rate if load.paced else None
        received = await self._received()
        postgres, cpu = self._postgres_cpu_s(), subject.cpu_s()
        answers = await self._fleets.load(stand.group, load.meter, self.options.seconds, rate)
        sent = sum(answer["sent"] for answer in answers)
        if load.meter:
            await self._drain(received + sent * len(stand.sinks))
        await subject.rest()
        self.report.add(
            stand.name,
            load,
            Sample.of(answers, cpu_s=subject.cpu_s() - cpu, postgres_s=self._postgres_cpu_s() - postgres),
        )

    async def _received(self) -> int:
        return sum([(await sink.ask("count"))["received"] for sink in self._sinks])

    async def _drain(self, expected: int) -> None:
        """Wait until the backoffices have all that was sent; what does not come is counted at the end."""
        deadline = asyncio.get_running_loop().time() + DRAIN_S
        while await self._received() < expected:
            if asyncio.get_running_loop().time() > deadline:
                return
            await asyncio.sleep(0.05)

    def _postgres_cpu_s(self) -> float:
        if not self.options.database_url:
            return 0.0
        servers = [pid for pid in machine.named("postgres") if not self._is_child_of_postgres(pid)]
        return sum(map(machine.cpu_s, servers))

    @staticmethod
    def _is_child_of_postgres(pid: int) -> bool:
        return any(pid in machine.family(other)[1:] for other in machine.named("postgres") if other < pid)

    # -- books -------------------------------------------------------------------------------------

    async def _close_books(self, stand: Stand) -> None:
        """End all transactions and compare what was sent with what has arrived."""
        await self._fleets.steps("each", group=stand.group, step="stop")
        await stand.subject.rest()
        sent: dict[str, int] = {}
        integrity = Integrity()
        for answer in await self._fleets.ask("numbers", group=stand.group):
            sent |= answer["sent"]
            integrity.strays += answer["strays"]
            integrity.disconnected += answer["disconnected"]
        for number in stand.sinks:
            accounts = await self._accounts_at_end(number, stand)
            for identity, count in sent.items():
                integrity.settle(count, accounts.get(identity))
        self.report.integrity[stand.name] = integrity

    async def _accounts_at_end(self, number: int, stand: Stand) -> Any:
        """The books of a backoffice once it has all stops, or does not get them."""
        deadline = asyncio.get_running_loop().time() + DRAIN_S
        while True:
            accounts = await self._sinks[number].ask("accounts", prefix=stand.group + "-")
            stops = sum(account["stops"] for account in accounts.values())
            if stops >= len(stand.identities) or asyncio.get_running_loop().time() > deadline:
                return accounts
            await asyncio.sleep(0.05)

    # -- memory and storms -------------------------------------------------------------------------

    async def _measure_memory(self) -> None:
        """Connect N and again N chargers, all at once, to fresh subjects."""
        count = self.options.idle_chargers
        first, second = _identities("M", count), _identities("O", count)
        if self.report.nginx:
            await self._grow("nginx", await self._nginx("nginx-idle"), first, second)
        proxy = self._proxy("idle")
        await self._started(proxy)
        await proxy.apply(
            {"sink-0": self._ports[0]}, {identity: ["sink-0"] for identity in (*first, *second)}
        )
        await proxy.rest()
        await self._grow("proxy", proxy, first, second)

    async def _grow(
        self, name: str, subject: Nginx | Proxy, first: Sequence[str], second: Sequence[str]
    ) -> None:
        self.options.say(f"connecting 2 x {len(first)} chargers to {name}")
        readings = [subject.rss_kib()]
        storms: list[Storm] = []
        for group, identities in (("M", first), ("O", second)):
            cpu = subject.cpu_s()
            seconds = await self._fleets.connect(
                group, subject.port, subject.path, identities, self.options.storm_at_once
            )
            await subject.rest()
            storms.append(Storm(len(identities), seconds, subject.cpu_s() - cpu))
            await self._fleets.steps("each", group=group, step="status")
            await subject.rest()
            readings.append(subject.rss_kib())
        self.report.memory[name] = Memory(len(first), readings)
        self.report.storms[name] = storms
        for group in ("M", "O"):
            await self._fleets.ask("leave", group=group)
            for sink in self._sinks:
                await sink.ask("forget", prefix=group + "-")
        await subject.stop()


def _identities(group: str, count: int) -> list[str]:
    return [f"{group}-{number:05d}" for number in range(1, count + 1)]


def _load() -> str:
    return f"{machine.load_average():.1f}"


async def run(options: Options) -> Report:
    """Run the benchmark."""
    async with AsyncExitStack() as stack:
        conductor = Conductor(options, stack)
        try:
            return await conductor.run()
        except (ChargersFailed, WorkerFailed):
            for subject in conductor.started:
                options.say(f"{type(subject).__name__} has said last:\n{subject.last_words()}")
            raise
