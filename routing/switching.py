"""A route is switched on or off: the one rule for the switch, the lists' actions and programs.

The link follows within a second, by itself: saving a route tells the sessions (``routing.changes``).
"""

from __future__ import annotations

from typing import Any, NamedTuple

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from accounts.acting import acting
from routing.core.snapshot import Role
from routing.models import Route, Transaction


class Switched(NamedTuple):
    """What came of it. ``words``: what was done, or why not. ``warning``: what follows, "" for nothing."""

    done: bool
    words: str
    warning: str = ""


def switch(route: Route, *, enabled: bool) -> Switched:
    """Switch a route, which the caller may change, on or off; recorded under the name of who acts.

    At most one enabled route of a charger is the billing route; a second one is refused in words.
    """
    if route.enabled == enabled:
        return Switched(done=True, words=_said(route, enabled=enabled))
    route.enabled = enabled
    try:
        route.validate_constraints()
    except ValidationError as error:
        route.enabled = not enabled
        return Switched(done=False, words=" ".join(error.messages))
    with acting(words=f"Switched {'on' if enabled else 'off'}."):
        route.save(update_fields=["enabled"])  # the backoffice may be setting its password just now
    return Switched(done=True, words=_said(route, enabled=enabled), warning="" if enabled else warning(route))


def warning(route: Route) -> str:
    """What who switches this route off should know: a session that it bills goes on. "" for nothing."""
    if route.role != Role.BILLING.value:
        return ""
    running: Any = Transaction.objects.filter(charger=route.charger_id, owner=route.pk, closed=None)
    if not running.exists():
        return ""
    return _(
        "A session is running that %(backoffice)s bills. It goes on at the charger, and %(backoffice)s hears "
        "nothing of it while the route is off."
    ) % {"backoffice": route.backoffice.name}


def _said(route: Route, *, enabled: bool) -> str:
    words = _("%(backoffice)s is switched on.") if enabled else _("%(backoffice)s is switched off.")
    return words % {"backoffice": route.backoffice.name}
