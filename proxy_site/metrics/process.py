"""Figures of this process, from memory; only ``by_backoffice`` names anybody."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Literal

import msgspec
from prometheus_client import Metric, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily

from backoffices.lag import BOUNDS_S
from backoffices.runtime import Runtime

Kind = Literal["counter", "gauge"]

PREFIX = "ocpp_"


class Figure(msgspec.Struct, frozen=True):
    """How a number of a report is told: name without prefix and ``_total``, kind, meaning."""

    name: str
    kind: Kind
    meaning: str


COUNTS: Mapping[str, Figure] = {
    "sessions": Figure("sessions", "gauge", "Chargers that this process has in memory."),
    "online": Figure("chargers_connected", "gauge", "Chargers whose socket is attached in this process."),
    "links": Figure("links_known", "gauge", "Links to backoffices, open or being dialled."),
    "open_links": Figure("links_open", "gauge", "Links to backoffices that are open."),
}

WRITER: Mapping[str, Figure] = {
    "written": Figure("writer_rows_written", "counter", "Rows committed."),
    "refused": Figure("writer_rows_refused", "counter", "Rows that the database will never take: lost."),
    "fenced": Figure("writer_rows_fenced", "counter", "Rows of sessions that another process had taken."),
    "spooled": Figure("writer_rows_spooled", "counter", "Rows of the audit log put aside on disk."),
    "dropped": Figure("writer_rows_dropped", "counter", "Rows of the audit log with no room left: lost."),
    "batches": Figure("writer_batches", "counter", "Transactions committed."),
    "retries": Figure("writer_retries", "counter", "Batches that had to be tried again."),
    "waiting": Figure("writer_rows_waiting", "gauge", "Rows in memory that are not committed yet."),
    "in_spool": Figure("writer_rows_in_spool", "gauge", "Rows on disk that are not committed yet."),
    "away_s": Figure("writer_stuck_seconds", "gauge", "For how long the database has taken no rows."),
}
"""Figures of the writer that have a name of their own; each other one is a gauge named after its key."""

SLOTS: tuple[Figure, Figure] = (
    Figure("slots_out", "gauge", "Messages that had waited and are sent, but not answered yet."),
    Figure("slots_waited_for", "gauge", "Routes that wait for their turn to send what has waited."),
)
"""Both numbers of ``Pacer.counts``; with ``backoffice_`` before them also of each that catches up."""

FRAMES_MEANING = "WebSocket messages of OCPP, by the peer whose socket they passed."


class Snapshot(msgspec.Struct, frozen=True):
    """What the loop's thread has to say; the rest is done in another thread.

    ``report``: see ``Runtime.report``, empty where this process runs no sessions. ``slots``: see
    ``Pacer.counts``.
    """

    loop: asyncio.AbstractEventLoop
    report: Mapping[str, Any]
    lag_buckets: tuple[int, ...] = ()
    lag_total_s: float = 0.0
    database_away_s: float | None = None
    slots: Mapping[str, tuple[int, int]] = {}


def snapshot(loop: asyncio.AbstractEventLoop, runtime: Runtime | None) -> Snapshot:
    """On the loop: what changes under one's feet elsewhere."""
    if runtime is None:
        return Snapshot(loop, {})
    lag, report = runtime.lag, runtime.report()
    away_s = runtime.life.database_away_s(report["writer"])
    return Snapshot(loop, report, tuple(lag.buckets), lag.total_s, away_s, runtime.pacer.counts())


def metrics(of: Snapshot) -> Iterator[Metric]:
    """All figures of this process, except what ``ProcessCollector`` says."""
    yield _gauge("loop_tasks", "Tasks of the event loop that are not done.", len(asyncio.all_tasks(of.loop)))
    if not of.report:
        return
    for key, figure in COUNTS.items():
        yield _family(figure, of.report[key])
    yield _frames(of.report["frames"])
    for key, value in of.report["writer"].items():
        yield _family(WRITER.get(key) or _unnamed(key), value)
    for place, figure in enumerate(SLOTS):
        yield _family(figure, sum(counts[place] for counts in of.slots.values()))
    yield _lag(of)


def by_backoffice(of: Snapshot) -> Iterator[Metric]:
    """What of this process is told with names; only backoffices that catch up have a figure."""
    for place, figure in enumerate(SLOTS):
        name = f"{PREFIX}backoffice_{figure.name}"
        family = GaugeMetricFamily(name, figure.meaning, labels=["backoffice"])
        for backoffice, counts in sorted(of.slots.items()):
            family.add_metric([backoffice], counts[place])
        yield family


def database(away_s: float | None, *, answers: bool) -> Iterator[Metric]:
    """Whether the database can be used, as this process sees it."""
    up = away_s is None and answers
    yield _gauge("database_up", "1 while the database takes what this process asks, else 0.", float(up))
    yield _gauge("database_away_seconds", "For how long the database has been away.", away_s or 0.0)


def of_system() -> Iterable[Metric]:
    """Memory, CPU, files; nothing where there is no /proc."""
    return _system.collect()


_system = ProcessCollector(registry=None)


def _unnamed(key: str) -> Figure:
    return Figure(f"writer_{key}", "gauge", f"What the writer counts as {key.replace('_', ' ')}.")


def _family(figure: Figure, value: float) -> Metric:
    family = CounterMetricFamily if figure.kind == "counter" else GaugeMetricFamily
    return family(PREFIX + figure.name, figure.meaning, value=value)


def _gauge(name: str, meaning: str, value: float) -> Metric:
    return GaugeMetricFamily(PREFIX + name, meaning, value=value)


def _frames(counts: Mapping[str, int]) -> Metric:
    """``counts``: see ``routing.traffic.Traffic.counts``."""
    family = CounterMetricFamily(PREFIX + "frames", FRAMES_MEANING, labels=["peer", "direction"])
    for name, count in counts.items():
        family.add_metric(name.split("_"), count)
    return family


def _lag(of: Snapshot) -> Metric:
    buckets, below = [], 0
    for bound, count in zip((*map(str, BOUNDS_S), "+Inf"), of.lag_buckets, strict=True):
        below += count
        buckets.append((bound, below))
    meaning = "By how much the event loop was late for its timers: what a frame waits behind others."
    return HistogramMetricFamily(
        PREFIX + "loop_lag_seconds", meaning, buckets=buckets, sum_value=of.lag_total_s
    )
