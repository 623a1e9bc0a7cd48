"""Asks the process that holds a charger's session to close its socket, or to dial one of its links anew.

How is handed in by ``proxy_site.wiring``. Nothing is promised: what is asked may get lost on its way to
another process, and a charger that is away has nothing to be closed.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from accounts.deeds import did
from routing.models import Route

Nudge = Callable[[int, int | None], bool]
"""Called with primary keys of the charger and of a route (None: its own socket) on any thread; returns at
once, and whether anybody was asked."""

_installed: list[Nudge] = []


def install(nudge: Nudge | None) -> None:
    """Make this the way in which this process asks others; None while there is none."""
    _installed[:] = [] if nudge is None else [nudge]


def disconnect(charger: Any) -> bool:
    """Close the charger's socket; it may connect again. Recorded. Whether anybody could be asked."""
    did(charger, f"Closed the connection of charger {charger}.")
    return _nudge(charger.pk, None)


def reconnect(route: Route) -> bool:
    """Close the route's link to its backoffice and dial it anew. Recorded. Whether anybody could be asked."""
    did(route, f"Dialled {route.backoffice.name} anew.")
    return _nudge(route.charger_id, route.pk)


def _nudge(charger: int, route: int | None) -> bool:
    return any(nudge(charger, route) for nudge in _installed)
