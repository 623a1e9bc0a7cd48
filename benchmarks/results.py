"""What was measured, and the table that it makes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, Any

from benchmarks.telling import percentile, spread

if TYPE_CHECKING:
    from benchmarks.conductor import Options

SHARES = (50, 90, 99)


class Load(Enum):
    """A kind of load: Heartbeats or MeterValues, as fast as answers come or at a fixed rate."""

    HEARTBEAT = (False, False)
    METER = (True, False)
    HEARTBEAT_PACED = (False, True)
    METER_PACED = (True, True)

    def __init__(self, meter: bool, paced: bool) -> None:
        self.meter = meter
        self.paced = paced

    def title(self, rate: float) -> str:
        """As the table names it."""
        what = "MeterValues of 3 KB" if self.meter else "Heartbeat"
        return f"{what}, {rate:g} per second" if self.paced else f"{what}, closed loop"


@dataclass(frozen=True)
class Sample:
    """One load on one subject. Times per round trip in microseconds; ``latencies_ms`` by percentage."""

    sent: int
    answered: int
    per_second: float
    cpu_us: float
    postgres_us: float
    latencies_ms: Mapping[int, float]

    @classmethod
    def of(cls, answers: Sequence[Any], *, cpu_s: float, postgres_s: float) -> Sample:
        """From what the fleet processes tell."""
        latencies = sorted(latency for answer in answers for latency in answer["latencies_us"])
        answered = len(latencies)
        count = max(1, answered)
        return cls(
            sent=sum(answer["sent"] for answer in answers),
            answered=answered,
            per_second=answered / max(answer["seconds"] for answer in answers),
            cpu_us=cpu_s * 1e6 / count,
            postgres_us=postgres_s * 1e6 / count,
            latencies_ms={share: percentile(latencies, share) / 1000 for share in SHARES},
        )


@dataclass
class Integrity:
    """What became of the MeterValues and sessions of one group. All but ``sent`` are to be 0."""

    sent: int = 0
    lost: int = 0
    duplicated: int = 0
    foreign: int = 0
    unanswered: int = 0
    strays: int = 0
    disconnected: int = 0

    def settle(self, sent: int, account: Mapping[str, int] | None) -> None:
        """Compare what a charger has sent with the book of one backoffice."""
        self.sent += sent
        if account is None:
            self.lost += sent
            return
        self.lost += sent - account["received"] if account["stops"] == 0 else account["lost"]
        self.duplicated += account["duplicated"] + abs(account["starts"] - 1) + max(0, account["stops"] - 1)
        self.foreign += account["foreign"] + account["unknown"]


@dataclass(frozen=True)
class Memory:
    """Resident memory in KiB with none, N and 2 N idle chargers; N is ``chargers``."""

    chargers: int
    readings: Sequence[int]

    @property
    def per_charger(self) -> float:
        """KiB that one more charger takes: the slope between N and 2 N."""
        return (self.readings[2] - self.readings[1]) / self.chargers


@dataclass(frozen=True)
class Storm:
    """Many chargers that connect and boot at once; CPU seconds of the subject."""

    chargers: int
    seconds: float
    cpu_s: float


@dataclass
class Report:
    """All that was measured. Keys of ``samples``: name of the subject and load."""

    machine: str
    options: Options
    nginx: bool = False
    samples: dict[tuple[str, Load], list[Sample]] = field(default_factory=dict)
    integrity: dict[str, Integrity] = field(default_factory=dict)
    memory: dict[str, Memory] = field(default_factory=dict)
    storms: dict[str, list[Storm]] = field(default_factory=dict)

    def add(self, subject: str, load: Load, sample: Sample) -> None:
        """One more round."""
        self.samples.setdefault((subject, load), []).append(sample)

    @property
    def flawless(self) -> bool:
        """Whether nothing was lost, came twice, came for another session or was not answered."""
        answered = all(s.sent == s.answered for samples in self.samples.values() for s in samples)
        counted = (
            i.lost + i.duplicated + i.foreign + i.strays + i.disconnected for i in self.integrity.values()
        )
        return answered and not any(counted)

    def text(self) -> str:
        """The table, in Markdown."""
        return "\n".join(_lines(self))


Row = tuple[str, str, str, str, str]


def _lines(report: Report) -> list[str]:
    options = report.options
    database = "PostgreSQL" if options.database_url else "SQLite"
    rows = [row for load in Load for row in _load_rows(report, load)]
    rows += [*_memory_rows(report), *_integrity_rows(report)]
    if not report.nginx:
        rows = [(what, direct, "not installed", proxy, ratio) for what, direct, _, proxy, ratio in rows]
    lines = ["| | direct | nginx | proxy | proxy : nginx |", "|---|---|---|---|---|"]
    return [
        f"{report.machine}; {database}; {options.chargers} chargers, {options.rounds} rounds "
        f"of {options.seconds:g} s; median (least to most)",
        "",
        *lines,
        *("| " + " | ".join(row) + " |" for row in rows),
    ]


def _load_rows(report: Report, load: Load) -> list[Row]:
    title = load.title(report.options.rate)
    rows = []
    for name in ("proxy", "proxy, 2 backoffices"):
        if not report.samples.get((name, load)):
            continue
        what = title if name == "proxy" else f"{title}, two backoffices"
        if load.paced:
            rows += [
                _row(report, load, name, f"{what}: p{share}, ms", _latency(share), 2) for share in SHARES
            ]
        else:
            rows.append(_row(report, load, name, f"{what}: round trips per second", _per_second, 0))
        rows.append(_row(report, load, name, f"{what}: CPU µs per round trip", _cpu, 0))
        if report.options.database_url:
            rows.append(_row(report, load, name, f"{what}: of PostgreSQL, µs", _postgres, 0))
    return rows


Reading = Callable[[Sample], float]


def _per_second(sample: Sample) -> float:
    return sample.per_second


def _cpu(sample: Sample) -> float:
    return sample.cpu_us


def _postgres(sample: Sample) -> float:
    return sample.postgres_us


def _latency(share: int) -> Reading:
    return lambda sample: sample.latencies_ms[share]


def _row(report: Report, load: Load, name: str, what: str, reading: Reading, digits: int) -> Row:
    def cell(subject: str) -> str:
        values = [reading(sample) for sample in report.samples.get((subject, load), [])]
        return spread(values, digits) if any(values) else "-"

    ours, theirs = (report.samples.get((subject, load), []) for subject in (name, "nginx"))
    # By pairs of the same round: what else the machine did then hit both.
    ratios = [reading(o) / reading(t) for o, t in zip(ours, theirs, strict=False) if reading(t)]
    return what, cell("direct"), cell("nginx"), cell(name), spread(ratios, 1) if any(ratios) else "-"


def _memory_rows(report: Report) -> list[Row]:
    def row(what: str, value: Callable[[str], float], digits: int) -> Row:
        cells = [
            f"{value(name):,.{digits}f}" if name in report.memory else "-" for name in ("nginx", "proxy")
        ]
        return what, "-", cells[0], cells[1], "-"

    count = report.options.idle_chargers
    at_once = report.options.storm_at_once
    storm = f"{count} chargers connect and boot, {at_once} at once"
    return [
        row("memory per connected charger, KiB", lambda name: report.memory[name].per_charger, 1),
        row("memory without chargers, MiB", lambda name: report.memory[name].readings[0] / 1024, 0),
        row(f"{storm}: per second", lambda name: count / report.storms[name][-1].seconds, 0),
        row(f"{storm}: CPU ms each", lambda name: report.storms[name][-1].cpu_s * 1000 / count, 2),
    ]


def _integrity_rows(report: Report) -> list[Row]:
    def cells(value: Callable[[str], str]) -> list[str]:
        names = ("direct", "nginx", "proxy")
        return [value(name) if name in report.integrity else "-" for name in names]

    def counted(name: str) -> str:
        found = [report.integrity[name]]
        if name == "proxy":
            found.append(report.integrity["proxy, 2 backoffices"])
        return " / ".join(f"{sum(values):,}" for values in zip(*map(_counts, found), strict=True))

    what = "MeterValues expected / lost / duplicated / of another transaction"
    direct, nginx, proxy = cells(counted)
    return [(what, direct, nginx, proxy, "-"), ("CALLs without an answer", *_unanswered(report), "-")]


def _counts(integrity: Integrity) -> tuple[int, int, int, int]:
    return integrity.sent, integrity.lost, integrity.duplicated, integrity.foreign


def _unanswered(report: Report) -> tuple[str, str, str]:
    def count(*names: str) -> str:
        samples = [s for (name, _), found in report.samples.items() if name in names for s in found]
        return f"{sum(s.sent - s.answered for s in samples):,}"

    return count("direct"), count("nginx"), count("proxy", "proxy, 2 backoffices")
