"""What a route may do, from its row and those of its preset; and the same as a table for people."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping
from itertools import groupby
from operator import itemgetter
from typing import Any, NamedTuple

from msgspec.structs import replace

from routing.core import actions, policy
from routing.core.actions import Access
from routing.core.snapshot import Role, RouteSnapshot, Verdict
from routing.models import Route

log = logging.getLogger(__name__)


def of_route(route: Route, identity: str) -> dict[str, Any]:
    """The members of a RouteSnapshot that say what this route may do.

    A verdict that can't be read denies, since it was meant to change something. A preset of another
    organisation than the charger's is left out: its owners have no say over this charger (any more).
    """
    backoffice: Any = route.backoffice
    whose = f"route {backoffice.name} of {identity}"
    rights = {"role": Role(route.role), "permissions": _verdicts(route.permissions, whose)}
    preset = route.preset
    if preset is None:
        return rights
    if preset.organisation_id != route.charger.organisation_id:
        log.error("%s: preset %s belongs to another organisation; it is not used", whose, preset)
        return rights
    of_preset = _verdicts(preset.permissions, f"preset of {whose}")
    return rights | {"preset": of_preset, "preset_name": f"{preset.name} ({preset.organisation})"}


def _verdicts(values: object, whose: str) -> dict[str, Verdict]:
    if not isinstance(values, Mapping):
        log.error(
            "%s: permissions are %.40r, expected actions and verdicts; the role's are used", whose, values
        )
        return {}
    known = [verdict.value for verdict in Verdict]
    for action, verdict in values.items():
        if verdict not in known:
            log.error(
                "%s: permission %s: %.40r is not a verdict (%s); it is denied until that is corrected",
                whose, action, verdict, ", ".join(known),
            )  # fmt: skip
    return {action: Verdict(v) if v in known else Verdict.DENY for action, v in values.items()}


class Right(NamedTuple):
    """What becomes of an action, or of a part of it (``Reset:Hard``), and the rule in words."""

    category: str
    action: str
    verdict: Verdict
    rule: str


def matrix(route: Route, versions: Iterable[str]) -> list[Right]:
    """Every action that a backoffice may send in any of these versions, by category and name.

    Parts of actions that the permissions tell apart follow their action.
    """
    snapshot = RouteSnapshot(
        key=route.pk or 0,
        backoffice=route.backoffice.name,
        alias="",
        **of_route(route, route.charger.identity),
    )
    rights = (right for row in commands(versions).values() for right in _rights(row, snapshot))
    return sorted(rights, key=lambda right: (right.category, right.action))


def commands(versions: Iterable[str]) -> dict[str, actions.Down]:
    """What backoffices send in these versions, by name; the last version that has it counts."""
    return {
        action: row
        for version in versions
        for action in actions.names(version)
        if (row := actions.down(version, action))
    }


def _rights(row: actions.Down, snapshot: RouteSnapshot) -> Iterator[Right]:
    yield Right(row.category, row.action, *policy.decide_item(row, snapshot))
    if row.qualifier is None:
        return
    keys = dict.fromkeys((*snapshot.permissions, *snapshot.preset))
    for part in (key.partition(":")[2] for key in keys if key.startswith(f"{row.action}:")):
        yield Right(row.category, f"{row.action}:{part}", *policy.decide_item(row, snapshot, part))


# -- the same to choose from ----------------------------------------------------------------------------


class Choice(NamedTuple):
    """What may be chosen for an action or a part of it, and what holds where nothing is.

    ``key``: as permissions write it. ``chosen``: a verdict, "" for none. ``offers``: the verdicts that mean
    something for it. ``inherited`` and ``rule``: what holds without a choice, and why.
    """

    key: str
    label: str
    chosen: str
    offers: tuple[Verdict, ...]
    inherited: Verdict
    rule: str


class Line(NamedTuple):
    """An action with its parts. ``what`` its parts are, "" for none; ``takes_any``: others can be added."""

    action: str
    choice: Choice
    parts: list[Choice]
    what: str
    takes_any: bool

    @property
    def chosen(self) -> int:
        """How many choices are made."""
        return sum(bool(one.chosen) for one in (self.choice, *self.parts))


class Section(NamedTuple):
    """The actions of one category; ``chosen``: how many choices are made in it."""

    category: str
    lines: list[Line]

    @property
    def chosen(self) -> int:
        """How many choices are made."""
        return sum(line.chosen for line in self.lines)


class Sheet(NamedTuple):
    """All that may be chosen. ``strays``: what is stored beside it: other versions' actions, or mistakes."""

    sections: list[Section]
    strays: list[tuple[str, str]]

    @property
    def keys(self) -> set[str]:
        """Every key that can be chosen for."""
        lines = [line for section in self.sections for line in section.lines]
        return {one.key for line in lines for one in (line.choice, *line.parts)}


def sheet(chosen: Mapping[str, str], base: RouteSnapshot, versions: Iterable[str]) -> Sheet:
    """What may be chosen for a route, or for a preset, that builds on ``base``.

    ``chosen``: permissions as a form has them, which may be wrong. ``base`` has none of its own but those
    that it builds on: a route has its preset's, a preset the role's.
    """
    known = [verdict.value for verdict in Verdict]
    valid = {key: Verdict(verdict) for key, verdict in chosen.items() if verdict in known}
    spoken = tuple(versions)
    rows = sorted(commands(spoken).values(), key=lambda row: (row.category, row.action))
    lines = [(row.category, _line(row, _known(row.action, spoken), chosen, valid, base)) for row in rows]
    sections = [Section(name, [line for _, line in of]) for name, of in groupby(lines, key=itemgetter(0))]
    made = Sheet(sections, [])
    strays = [(key, str(verdict)) for key, verdict in chosen.items() if key not in made.keys]
    return made._replace(strays=strays)


def _known(action: str, versions: Iterable[str]) -> list[str]:
    """The parts that an action has in any of these versions: Reset has others in 1.6 than in 2.x."""
    rows = [actions.down(version, action) for version in versions]
    return [part for row in rows if row is not None and row.qualifier for part in row.qualifier.known]


def _line(
    row: actions.Down,
    known: Iterable[str],
    chosen: Mapping[str, str],
    valid: Mapping[str, Verdict],
    base: RouteSnapshot,
) -> Line:
    qualifier = row.qualifier
    written = [key.partition(":")[2] for key in (*chosen, *base.preset) if key.startswith(f"{row.action}:")]
    parts = [] if qualifier is None else _unlike([*written, *known])
    return Line(
        row.action,
        _choice(row, "", chosen, valid, base),
        [_choice(row, part, chosen, valid, base) for part in parts],
        "" if qualifier is None else qualifier.what,
        qualifier is not None and not qualifier.known,
    )


def _unlike(parts: Iterable[str]) -> list[str]:
    """Parts, each once, as it is written first; in their order."""
    seen: dict[str, str] = {}
    for part in parts:
        seen.setdefault(part.strip().casefold(), part)
    return sorted(seen.values(), key=str.casefold)


def _choice(
    row: actions.Down,
    part: str,
    chosen: Mapping[str, str],
    valid: Mapping[str, Verdict],
    base: RouteSnapshot,
) -> Choice:
    key = f"{row.action}:{part}" if part else row.action
    without = replace(base, permissions={one: verdict for one, verdict in valid.items() if one != key})
    verdict, rule = policy.decide_item(row, without, part)
    return Choice(key, part or row.action, str(chosen.get(key, "")), _offers(row), verdict, rule)


def _offers(row: actions.Down) -> tuple[Verdict, ...]:
    """Verdicts that mean something for an action: limits and ownership where a role has them."""
    has = set(row.access.values())
    own = (Verdict.OWN,) if Access.OWN in has else ()
    guard = (Verdict.GUARD,) if Access.GUARD in has else ()
    return (Verdict.ALLOW, *guard, *own, Verdict.DENY)
