"""What of the rows that a session stores is counted for people: a few plain numbers, at each row's price."""

from __future__ import annotations

from collections.abc import Iterable

from routing.core.rows import MessageRow, Row

CHARGES = frozenset({"Authorize", "StartTransaction", "TransactionEvent"})
"""Where a charger asks whether somebody may charge."""

MOST_REFUSED = 50
"""Refused charges that are remembered between two times of taking; of more the newest."""


class Tally:
    """CALLs of one charger since they were taken last.

    ``up``: asked by the charger; ``down``: asked by backoffices or the proxy, and sent to it; ``blocked``: of
    backoffices, refused by a rule. ``refused``: exchanges in which a charge was refused, newest last.
    """

    __slots__ = ("blocked", "down", "refused", "up")

    def __init__(self) -> None:
        self.up = self.down = self.blocked = 0
        self.refused: list[int] = []

    def count(self, rows: Iterable[Row]) -> None:
        """Count rows on their way to the audit log; an exchange once, where the charger had it."""
        for row in rows:
            if type(row) is not MessageRow:
                continue
            if row.direction == "down":
                if row.outcome == "denied":
                    self.blocked += 1
                elif row.route is None:
                    self.down += 1
            elif row.route is None:
                self.up += 1
                if row.id_tag and refuses_charge(row):
                    self.refused = [*self.refused[1 - MOST_REFUSED :], row.exchange]

    def add(self, other: Tally) -> None:
        """Take over what another one has counted before this one."""
        self.up += other.up
        self.down += other.down
        self.blocked += other.blocked
        self.refused = [*other.refused, *self.refused][-MOST_REFUSED:]


def refuses_charge(row: MessageRow) -> bool:
    """Whether the charger was told that somebody may not charge: by a status, or by an error."""
    if row.action not in CHARGES or not row.answer:
        return False
    return row.answer.startswith("[4") or ('"status"' in row.answer and '"Accepted"' not in row.answer)
