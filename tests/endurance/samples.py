"""What was counted each hour, the table of it, and what is wrong with it."""

from __future__ import annotations

from dataclasses import dataclass, field

ROWS = {
    "deliveries": "SELECT count(*) FROM routing_delivery",
    "open sessions": "SELECT count(*) FROM routing_transaction WHERE closed IS NULL",
    "lasting alarms": "SELECT count(*) FROM routing_alarm WHERE cleared IS NULL",
    "latest values": "SELECT count(*) FROM routing_latestvalue WHERE payload <> ''",
    "identifiers": "SELECT count(*) FROM routing_identifier WHERE closed IS NULL",
    "changes": "SELECT count(*) FROM routing_configchange",
    "online": "SELECT count(*) FROM routing_chargersession WHERE online OR runtime <> ''",
    "messages": "SELECT count(*) FROM routing_message",
}
"""Queries of what the database holds. Messages are the log: they are meant to stay."""

NOT_LEFT = ("deliveries", "open sessions", "online")
TOLERANCE = 0.10
SOCKETS = "socket"


@dataclass(frozen=True)
class Sample:
    """One look at the proxy. ``hour`` is simulated; ``tasks`` and ``fds`` are counted by kind.

    ``held``: elements in all collections of all sessions. ``grown``: objects that Python's collector
    knows, and which kinds have become more since the second sample.
    """

    hour: float
    rss: int
    fds: dict[str, int]
    tasks: dict[str, int]
    threads: int
    sessions: int
    links: int
    held: int
    grown: dict[str, int]
    rows: dict[str, int] = field(default_factory=dict)


HEADINGS = (
    "Hour", "Memory, MiB", "Python objects", "Held by the session", "Tasks", "Threads", "Files",
    "Sessions", "Links",
)  # fmt: skip


def table(samples: list[Sample]) -> str:
    """In Markdown: at rest before the charger came, each hour, and at rest after it has gone."""
    lines = ["| " + " | ".join([*HEADINGS, *ROWS]) + " |", "|---:" * (len(HEADINGS) + len(ROWS)) + "|"]
    for number, one in enumerate(samples):
        hour = "before" if number == 0 else f"{one.hour:.1f}" if one is not samples[-1] else "after"
        cells = [
            hour, f"{one.rss / 2**20:.1f}", f"{one.grown.get('objects', 0):,}", one.held,
            sum(one.tasks.values()),
            one.threads, sum(one.fds.values()), one.sessions, one.links,
            *(f"{n:,}" for n in one.rows.values()),
        ]  # fmt: skip
        lines.append("| " + " | ".join(map(str, cells)) + " |")
    return "\n".join(lines)


def problems(samples: list[Sample]) -> list[str]:
    """What is left over, and memory that has grown; nothing where all is well.

    The first sample is of a fresh proxy, the second of the first hour, the last of the proxy at rest again.
    """
    first, last = samples[1], samples[-1]
    found = [
        f"memory of {one.rss / 2**20:.1f} MiB at {when} is not within 10 % of {first.rss / 2**20:.1f} MiB"
        for one, when in ((samples[-2], "the end"), (last, "rest"))
        if one.rss > first.rss * (1 + TOLERANCE)
    ]
    return found + left(samples)


def left(samples: list[Sample]) -> list[str]:
    """What the last sample, of the proxy at rest again, has that the first had not."""
    fresh, last = samples[0], samples[-1]
    found = [f"{last.rows[name]} {name} are left" for name in NOT_LEFT if last.rows.get(name)]
    found += [f"{n} {what} are left" for what, n in (("sessions", last.sessions), ("links", last.links)) if n]
    found += more("tasks", fresh.tasks, last.tasks)
    found += more("open files", fresh.fds, last.fds, (SOCKETS,))
    return found


def more(what: str, before: dict[str, int], after: dict[str, int], only: tuple[str, ...] = ()) -> list[str]:
    """Of what there is more than before, in words."""
    return [
        f"{count - before.get(kind, 0)} {what} more: {kind}"
        for kind, count in after.items()
        if count > before.get(kind, 0) and (not only or kind in only)
    ]
