"""``docs/messages.md``: what becomes of every message, in words, from the tables that the proxy works by.

.venv/bin/python -m routing.messages > docs/messages.md
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TypeVar

from routing.core import actions
from routing.core.actions import Access, Answer, Down, Kind, Queue, Receives, Rewrite, Up
from routing.core.errors import error_code
from routing.core.snapshot import Role

ROLES = (Role.BILLING, Role.CONTROL, Role.ENERGY, Role.SERVICE, Role.OBSERVE)

LEGEND = """\
# Messages

What becomes of every message of OCPP 1.6 (with the security extension), 2.0.1 and 2.1, and what each role may
do. This page is generated from the tables that the proxy works by, with

```
.venv/bin/python -m routing.messages > docs/messages.md
```

It shows the presets of the roles. A preset of your organisation or the permissions of a route change what
that route may send ([configuration](configuration.md#permissions)); its page in the admin shows what holds.

**Messages of the charger** go to each backoffice whose role says so:

| Word | The backoffice gets |
|---|---|
| yes | the message |
| own | its own part: what it has asked for or made; reports are split and numbered anew |
| made | a message that the proxy makes for it |
| - | nothing |

The charger gets exactly one answer. *Answered by* says from whom; behind it stands what the charger gets
while that one is away. *Kept* is what a backoffice that is away gets when it is back.

**Commands of backoffices** reach the charger, or not:

| Word | The command |
|---|---|
| yes | reaches the charger |
| limits | reaches the charger within limits: what would take it away or harm others is refused or changed |
| own | is for things that this backoffice has made itself: its sessions, profiles, reservations, monitors |
| virtual | is answered by the proxy where it can |
| no | is refused, and the charger never hears of it |

Some things are refused to everybody, whatever the role: what changes how or where the charger connects, such
as SetNetworkProfile. Boots asked for and resets are limited to 3 in 10 minutes.

*Refused with* is what the backoffice gets then: a status of the action's own, or a CALLERROR where it has
none. *Can be told apart by* is what permissions may name behind a colon, as in `Reset:Hard`.

*Changed* names the places in a message that differ per backoffice; everything else crosses byte for byte.
"""

RECEIVES: Mapping[Receives, str] = {
    Receives.YES: "yes",
    Receives.FILTERED: "own",
    Receives.GENERATED: "made",
    Receives.NO: "-",
}

ACCESS: Mapping[Access, str] = {
    Access.ALLOW: "yes",
    Access.GUARD: "limits",
    Access.OWN: "own",
    Access.VIRTUAL: "virtual",
    Access.DENY: "no",
}

ANSWERS: Mapping[Answer, str] = {
    Answer.ACK: "the proxy, once the message is safe",
    Answer.LOCAL: "the proxy",
    Answer.OWNER: "the backoffice that owns the session, card or object",
    Answer.BILLING: "Billing",
    Answer.ENERGY_OWNER: "the energy manager, else Billing",
    Answer.NONE: "nobody: it has no answer",
}

QUEUES: Mapping[Queue, str] = {
    Queue.DURABLE: "all",
    Queue.THIN: "all; thinned when there are very many",
    Queue.SMALL: "all, up to a limit",
    Queue.LATEST: "the last one",
    Queue.REGENERATED: "made anew",
    Queue.NEVER: "nothing",
}

KINDS: Mapping[Kind, str] = {
    Kind.TRANSACTION: "number of the session",
    Kind.RESERVATION: "number of the reservation",
    Kind.PROFILE: "number of the charging profile",
    Kind.STACK_LEVEL: "stack level of the charging profile",
    Kind.REQUEST: "number of the request",
    Kind.REMOTE_START: "number of the remote start",
    Kind.MONITOR: "number of the monitor",
    Kind.DISPLAY_MESSAGE: "number of the display message",
    Kind.LIST_VERSION: "version of the local list",
    Kind.STREAM: "number of the event stream",
    Kind.DER: "name of the DER control",
    Kind.ABSENT: "left out",
    Kind.BOOT_REASON: "reason, where a boot is repeated",
    Kind.CLOCK: "the time",
    Kind.COST: "cost, of sessions of others hidden with `hide_cost`",
    Kind.ID_TAG: "card, of sessions of others by `foreign_tx`",
    Kind.ID_TOKEN_TYPE: "kind of card, where another one stands for it",
    Kind.INTERVAL: "heartbeat interval",
    Kind.LOCAL_LIST: "local list, where several share one",
    Kind.OFFLINE: "says so where the message comes late",
    Kind.QUEUE_STATE: "also true while the proxy keeps messages for this backoffice",
    Kind.SEQUENCE: "numbered anew where a report is split",
    Kind.SETTING: "settings: each backoffice has its own view, secrets stay hidden",
    Kind.URL: "address",
}

RowT = TypeVar("RowT", Up, Down)

Section = tuple[str, str, Mapping[str, actions.Row]]
"""Heading, the version that names of errors are taken from, and the rows."""


def page() -> str:
    """The whole page as Markdown."""
    parts = [LEGEND]
    for heading, version, rows in sections():
        parts.append(f"## {heading}\n")
        ups, downs = _each(rows, _up), _each(rows, _down)
        if ups:
            parts.append(f"### Messages of the charger ({heading})\n")
            parts.append(_table(UP_COLUMNS, map(_up_cells, ups)))
        if downs:
            parts.append(f"### Commands of backoffices ({heading})\n")
            parts.append(_table(DOWN_COLUMNS, (_down_cells(row, version) for row in downs)))
    return "\n".join(parts)


def sections() -> list[Section]:
    """What 2.0.1 and 2.1 have in common stands once."""
    older, newer = actions.table("2.0.1"), actions.table("2.1")
    common = {name: row for name, row in older.items() if newer.get(name) == row}
    return [
        ("OCPP 1.6", "1.6", actions.table("1.6")),
        ("OCPP 2.0.1 and 2.1", "2.0.1", common),
        ("OCPP 2.0.1 alone", "2.0.1", {name: row for name, row in older.items() if name not in common}),
        ("OCPP 2.1 alone", "2.1", {name: row for name, row in newer.items() if name not in common}),
    ]


UP_COLUMNS = ("Message", *ROLES, "Answered by", "Kept", "Changed")
DOWN_COLUMNS = ("Command", *ROLES, "Refused with", "Can be told apart by", "Changed")


def _each(rows: Mapping[str, actions.Row], side: Callable[[actions.Row], RowT | None]) -> list[RowT]:
    return [row for name in sorted(rows) if (row := side(rows[name])) is not None]


def _up(row: actions.Row) -> Up | None:
    return row.up if isinstance(row, actions.Both) else row if isinstance(row, Up) else None


def _down(row: actions.Row) -> Down | None:
    return row.down if isinstance(row, actions.Both) else row if isinstance(row, Down) else None


def _up_cells(row: Up) -> Iterator[str]:
    yield f"{row.action} (SEND)" if row.is_send else row.action
    yield from (RECEIVES[row.receives[role]] for role in ROLES)
    yield _answered(row)
    keys = ", ".join(f"`{path.removeprefix('$.')}`" for path in row.latest_key)
    yield QUEUES[row.queue] + (f" per {keys}" if keys else "")
    yield _changed(("", row.to_route), ("answer: ", row.from_owner), unknown=UNKNOWN_UP)


def _answered(row: Up) -> str:
    words = ANSWERS[row.answer]
    if row.answer in (Answer.ACK, Answer.LOCAL, Answer.NONE):
        return words
    fallback = row.fallback_composed.answer if row.fallback_composed else row.fallback
    return f"{words}; else `{fallback}`" if fallback else f"{words}; else the proxy decides"


def _down_cells(row: Down, version: str) -> Iterator[str]:
    yield row.action
    yield from (ACCESS[row.access.get(role, Access.DENY)] for role in ROLES)
    yield _refused(row, version)
    yield _told_apart(row)
    yield _changed(("", row.to_charger), ("answer: ", row.to_asker), unknown=UNKNOWN_DOWN)


def _refused(row: Down, version: str) -> str:
    if row.denial_items is not None:
        return f"each: `{_status(row.denial_items.each.answer)}`"
    if row.denial is not None:
        return f"`{_status(row.denial)}`"
    return f"CALLERROR `{error_code(version, row.denial_error)}`"


def _status(answer: str) -> str:
    """The status of a negative answer; the whole answer where it has none."""
    members = json.loads(answer)
    return str(members.get("status", members.get("attributeStatus", answer)))


def _told_apart(row: Down) -> str:
    if row.qualifier is None:
        return ""
    known = ", ".join(f"`{value}`" for value in row.qualifier.known)
    return f"{row.qualifier.what}: {known}" if known else row.qualifier.what


UNKNOWN_UP = {
    "delete": "left out where the backoffice does not know it",
    "deny": "not sent where it is not its own",
    "filter": "its own only",
    "keep": "",
    "new": "",
}
UNKNOWN_DOWN = {
    "delete": "",
    "deny": "refused where it is not its own",
    "filter": "its own only",
    "keep": "",
    "new": "the charger gets one of the proxy's",
}


def _changed(*groups: tuple[str, Iterable[Rewrite]], unknown: Mapping[str, str]) -> str:
    lines = []
    for where, rewrites in groups:
        for rewrite in rewrites:
            words = ", ".join(filter(None, (KINDS[rewrite.kind], unknown[rewrite.unknown])))
            lines.append(f"{where}`{rewrite.path}` {words}")
    return "<br>".join(lines)


def _table(columns: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    head = [str(column) for column in columns]
    lines = [head, ["---"] * len(head), *(list(row) for row in rows)]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in lines)


if __name__ == "__main__":
    sys.stdout.write(page())
