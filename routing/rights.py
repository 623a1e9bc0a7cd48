"""What a route may do, from its row and those of its preset; and the same as a table for people."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from routing.core import actions, policy
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
    rows = {
        action: row
        for version in versions
        for action in actions.names(version)
        if (row := actions.down(version, action))
    }
    rights = (right for row in rows.values() for right in _rights(row, snapshot))
    return sorted(rights, key=lambda right: (right.category, right.action))


def _rights(row: actions.Down, snapshot: RouteSnapshot) -> Iterator[Right]:
    yield Right(row.category, row.action, *policy.decide_item(row, snapshot))
    if row.qualifier is None:
        return
    keys = dict.fromkeys((*snapshot.permissions, *snapshot.preset))
    for part in (key.partition(":")[2] for key in keys if key.startswith(f"{row.action}:")):
        yield Right(row.category, f"{row.action}:{part}", *policy.decide_item(row, snapshot, part))
