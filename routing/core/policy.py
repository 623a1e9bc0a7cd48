"""Who may send what toward a charger: the preset of the role, changed by the route's own permissions."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from routing.core.actions.types import Access, Down
from routing.core.snapshot import RouteSnapshot, Verdict

_VERDICTS: Mapping[Access, Verdict] = MappingProxyType(
    {
        Access.ALLOW: Verdict.ALLOW,
        Access.VIRTUAL: Verdict.ALLOW,
        Access.GUARD: Verdict.GUARD,
        Access.OWN: Verdict.OWN,
        Access.DENY: Verdict.DENY,
    }
)


def decide(row: Down, route: RouteSnapshot) -> tuple[Verdict, str]:
    """The verdict on a CALL of ``route`` toward the charger, and the rule in words.

    A permission of the route wins over the preset of its role; what neither lists is denied.
    The rule names the backoffice or the role: ``permission of route energy: Reset is deny``,
    ``preset control: Reset is deny``.
    """
    permission = route.permissions.get(row.action)
    if permission is not None:
        return permission, f"permission of route {route.backoffice}: {row.action} is {permission}"
    verdict = _VERDICTS[row.access.get(route.role, Access.DENY)]
    return verdict, f"preset {route.role}: {row.action} is {verdict}"
