"""What is done to whom and when: the same for the same seed."""

from __future__ import annotations

import random
from dataclasses import dataclass

KINDS = (
    "proxy killed",
    "proxy stopped",
    "proxy frozen",
    "backoffice frozen",
    "backoffice refuses",
    "backoffice closes",
    "backoffice hangs",
    "backoffice late",
    "backoffice nonsense",
    "charger cut off",
    "database locked",
    "disk full",
)
POSTGRES = "PostgreSQL stopped"
BACKOFFICES = ("billing", "energy", "service")
SECONDS = 4.0
"""How long chargers have sessions in a run; what waits is delivered afterwards."""


@dataclass(frozen=True)
class Fault:
    """``at`` and ``lasts`` in seconds; ``target`` is a backoffice where the kind has one."""

    kind: str
    at: float
    lasts: float
    target: str = ""


@dataclass(frozen=True)
class Plan:
    """One run."""

    seed: int
    faults: tuple[Fault, ...]
    postgres: bool = False

    @property
    def kinds(self) -> tuple[str, ...]:
        """What is done, each once."""
        return tuple(sorted({fault.kind for fault in self.faults}))


def plan(seed: int) -> Plan:
    """Two kinds in turn, so that six seeds in a row have all of them, and up to two more at random.

    Every 13th run is on PostgreSQL, which is stopped in place of the faults that only SQLite has.
    """
    chance = random.Random(seed)
    postgres = seed % 13 == 12
    known = [k for k in KINDS if not (postgres and k in ("database locked", "disk full"))]
    turn = [POSTGRES] if postgres else [KINDS[seed % 13 % 12], KINDS[(seed % 13 + 6) % 12]]
    kinds = turn + chance.sample([k for k in known if k not in turn], chance.randint(0, 2))
    return Plan(seed, tuple(_fault(kind, chance) for kind in kinds), postgres)


def _fault(kind: str, chance: random.Random) -> Fault:
    at = round(chance.uniform(0.2, SECONDS - 1.0), 3)
    lasts = round(chance.uniform(0.2, 3.0), 3)
    target = chance.choice(BACKOFFICES) if kind.startswith("backoffice") else ""
    return Fault(kind, at, lasts, target)
