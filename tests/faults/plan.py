"""What is done to whom and when: the same for the same seed."""

from __future__ import annotations

import random
from collections.abc import Collection
from dataclasses import dataclass

PROXY = ("proxy killed", "proxy stopped", "proxy frozen")
OUTSIDE = (
    "backoffice killed",
    "backoffice frozen",
    "backoffice refuses",
    "backoffice closes",
    "backoffice hangs",
    "backoffice late",
    "backoffice nonsense",
    "backoffice half open",
    "charger cut off",
    "charger half open",
    "charger dials anew",
    "network slow",
    "clock jumps",
)
CLOCK = "clock jumps"
SQLITE = ("database locked", "disk full")
POSTGRES = "PostgreSQL stopped"
REDIS = "Redis emptied"
FLEET = ("one of two killed", "one of two stopped", "one of two frozen", REDIS)

ALONE, ON_POSTGRES, OF_TWO = "alone", "on PostgreSQL", "of two"
FORMS = {
    ALONE: (*PROXY, *OUTSIDE, *SQLITE),
    ON_POSTGRES: (POSTGRES, *PROXY, *OUTSIDE),
    OF_TWO: (*FLEET, POSTGRES, *OUTSIDE),
}
"""What can be done to a proxy on SQLite, to one on PostgreSQL, and to two on PostgreSQL and Redis."""

OWN = {ALONE: FORMS[ALONE], ON_POSTGRES: (POSTGRES,), OF_TWO: FLEET}
"""What the runs of a form have in turn; the rest of what they have is chance."""

KINDS = (*PROXY, *OUTSIDE, *SQLITE, POSTGRES, *FLEET)
ROUND = {4: OF_TWO, 8: OF_TWO, 12: ON_POSTGRES}
ROUND_LENGTH = 13
"""Of 13 seeds two are of two processes, and one is on PostgreSQL."""

BACKOFFICES = ("billing", "energy", "service")
PROXIES = {ALONE: ("first",), ON_POSTGRES: ("first",), OF_TWO: ("first", "second")}
SECONDS = 4.0
"""How long chargers have sessions in a run; what waits is delivered afterwards."""

JUMPS_S = (-26 * 3600, -7200, -3600, -600, -45, 45, 600, 3600, 7200, 26 * 3600)
WAYS = ("up", "down", "up down")


@dataclass(frozen=True)
class Fault:
    """``at`` and ``lasts`` in seconds; ``target`` is a backoffice or a process where the kind has one.

    ``ways`` are those of a network that stops, and ``resets`` whether it ends its connections then. ``jumps``
    are what is between the process's clock and the right one, in seconds: first and in the end.
    """

    kind: str
    at: float
    lasts: float
    target: str = ""
    ways: str = ""
    resets: bool = False
    jumps: tuple[int, int] = (0, 0)


@dataclass(frozen=True)
class Plan:
    """One run, of one of ``FORMS``."""

    seed: int
    form: str
    faults: tuple[Fault, ...]

    @property
    def kinds(self) -> tuple[str, ...]:
        """What is done, each once."""
        return tuple(sorted({fault.kind for fault in self.faults}))

    def without(self, kinds: Collection[str]) -> Plan:
        """The same run where some things can't be done."""
        return Plan(self.seed, self.form, tuple(f for f in self.faults if f.kind not in kinds))


def plan(seed: int, kinds: Collection[str] = KINDS) -> Plan:
    """Two kinds in turn, so that nine runs alone have all of them, and up to two more at random.

    With fewer ``kinds`` the same of those; a seed whose form knows none of them is of another form.
    """
    chance = random.Random(seed)
    form = ROUND.get(seed % ROUND_LENGTH, ALONE)
    if not set(FORMS[form]) & set(kinds):
        form = next(one for one in FORMS if set(FORMS[one]) & set(kinds))
    known = [kind for kind in FORMS[form] if kind in kinds]
    own = [kind for kind in OWN[form] if kind in kinds] or known
    before = _of_form_before(seed, form)
    turn = [own[before % len(own)]]
    if form == ALONE:
        turn.append(own[(before + len(own) // 2) % len(own)])
    others = [kind for kind in known if kind not in turn]
    more = chance.randint(0, 2) if form == ALONE else chance.randint(1, 2)
    chosen = list(dict.fromkeys(turn)) + chance.sample(others, min(more, len(others)))
    return Plan(seed, form, tuple(_fault(kind, form, chance) for kind in chosen))


def with_all(seed: int, form: str, kinds: Collection[str]) -> Plan:
    """A run in which just these things are done."""
    chance = random.Random(seed)
    return Plan(seed, form, tuple(_fault(kind, form, chance) for kind in kinds))


def _of_form_before(seed: int, form: str) -> int:
    """How many smaller seeds have this form."""
    rounds, rest = divmod(seed, ROUND_LENGTH)
    forms = [ROUND.get(place, ALONE) for place in range(ROUND_LENGTH)]
    return rounds * forms.count(form) + forms[:rest].count(form)


def _fault(kind: str, form: str, chance: random.Random) -> Fault:
    at = round(chance.uniform(0.2, SECONDS - 1.0), 3)
    lasts = round(chance.uniform(0.2, 3.0), 3)
    target = ""
    if kind.startswith("backoffice"):
        target = chance.choice(BACKOFFICES)
    elif kind.startswith(("proxy", "one of two")) or kind == CLOCK:
        target = chance.choice(PROXIES[form])
    if kind == "one of two frozen":
        lasts += 3.5  # its chargers give up and go to the other one
    if kind.endswith("half open"):
        return Fault(kind, at, lasts, target, ways=chance.choice(WAYS), resets=chance.random() < 0.5)
    if kind == CLOCK:
        end = chance.choice((0, *JUMPS_S))
        return Fault(kind, at, lasts, target, jumps=(chance.choice(JUMPS_S), end))
    return Fault(kind, at, lasts, target)
