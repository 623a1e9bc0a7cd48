"""What happens to every action of OCPP 1.6, 2.0.1 and 2.1: tables of rows, one per action and version.

Source: ocpp-semantics sections 2.2 to 2.4 and Annex A. A new action is a new row; no code asks for an
action by its name.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from routing.core.actions import v16, v21, v201
from routing.core.actions.denials import deny_payload, fallback_payload
from routing.core.actions.types import (
    Access,
    Answer,
    Both,
    Down,
    Kind,
    Qualifier,
    Queue,
    Receives,
    Rewrite,
    Row,
    Table,
    Up,
)

__all__ = [
    "Access",
    "Answer",
    "Both",
    "Down",
    "Kind",
    "Qualifier",
    "Queue",
    "Receives",
    "Rewrite",
    "Row",
    "Table",
    "Up",
    "any_version",
    "deny_payload",
    "down",
    "fallback_payload",
    "names",
    "table",
    "up",
]

_TABLES: Mapping[str, Table] = MappingProxyType({"1.6": v16.TABLE, "2.0.1": v201.TABLE, "2.1": v21.TABLE})


def table(version: str) -> Table:
    """Every action of an OCPP version (``"1.6"``, ``"2.0.1"``, ``"2.1"``) by name."""
    return _TABLES[version]


def up(version: str, action: str) -> Up | None:
    """The row of a message that a charger sends; None where no charger may send it."""
    row = _TABLES[version].get(action)
    if isinstance(row, Both):
        return row.up
    return row if isinstance(row, Up) else None


def down(version: str, action: str) -> Down | None:
    """The row of a CALL that a backoffice sends; None where no backoffice may send it."""
    row = _TABLES[version].get(action)
    if isinstance(row, Both):
        return row.down
    return row if isinstance(row, Down) else None


def names(version: str) -> frozenset[str]:
    """The names of all actions of a version, in either direction."""
    return frozenset(_TABLES[version])


def any_version(action: str) -> bool:
    """Whether any version has an action of this name."""
    return any(action in rows for rows in _TABLES.values())
