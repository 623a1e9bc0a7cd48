"""How chargers stand, for people: what the list, the overview and the live badges all say.

One place, so that a page and what comes later over a socket never differ. Callers bring chargers that their
user may see; the number of queries does not depend on that of the chargers.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext, pgettext_lazy

from chargers.models import Charger, Connector, RefusedAttempt
from routing.boot import Boot, read_boot
from routing.core.snapshot import Role
from routing.health import UP, ChargerHealth, RouteHealth, at, charger_health_of
from routing.models import LatestValue, Route

GOOD, BAD, WARN, OFF = "good", "bad", "warn", ""
"""How something is, as ``p-badge`` and ``p-dot`` draw it (is-good, is-bad, is-warn, or neither)."""

GONE_LONG = timedelta(minutes=5)
"""A charger that is away for longer wants somebody; before that it may just be restarting."""

REFUSALS_COUNT_FOR = timedelta(days=7)
MOST_REFUSALS = 500

NOT_UP = ("waiting", "parked", "dialling", "lost", "new")
"""States of a link that are wrong while the charger is there; ``registering`` and ``replaying`` pass."""


class Problem(NamedTuple):
    """What is wrong, in a sentence, what that means, and what helps; "" where the sentence says it."""

    level: str
    words: str
    remedy: str = ""
    meaning: str = ""


class Standing(NamedTuple):
    """All that is known of how one charger is. ``problems``: the most urgent first."""

    health: ChargerHealth
    connectors: Sequence[Connector]
    boot: Boot
    refused: Sequence[RefusedAttempt]
    problems: Sequence[Problem]


def standings(chargers: Sequence[Charger]) -> dict[int, Standing]:
    """How these chargers are, which were fetched with their ``session``. Seven queries."""
    keys = [charger.pk for charger in chargers]
    routes = Route.objects.filter(charger__in=keys).select_related("charger", "backoffice", "state")
    health = charger_health_of(chargers, in_order(routes.order_by("pk")))
    connectors = grouped(Connector.objects.filter(charger__in=keys).order_by("evse_id", "connector_id"))
    boots = LatestValue.objects.filter(charger__in=keys, kind="boot", key="")
    booted = {row.charger_id: read_boot(row.payload) for row in boots}
    refused = refusals(charger.identity for charger in chargers)
    return {
        charger.pk: _standing(
            charger,
            health[charger.pk],
            connectors.get(charger.pk, []),
            booted.get(charger.pk, Boot()),
            refused.get(charger.identity, []),
        )
        for charger in chargers
    }


def in_order(routes: Iterable[Route]) -> list[Route]:
    """Routes as people look at them: who bills first, who only watches last."""
    order = list(LETTERS)
    return sorted(routes, key=lambda route: order.index(route.role) if route.role in order else len(order))


def grouped(rows: Iterable[Any]) -> Mapping[int, list[Any]]:
    """Rows by their charger."""
    found: dict[int, list[Any]] = defaultdict(list)
    for row in rows:
        found[row.charger_id].append(row)
    return found


def refusals(identities: Iterable[str]) -> Mapping[str, list[RefusedAttempt]]:
    """Who was refused lately under these identities, the newest first. Callers may see their chargers."""
    since = timezone.now() - REFUSALS_COUNT_FOR
    rows = RefusedAttempt.objects.filter(identity__in=list(identities), last_at__gte=since)
    found: dict[str, list[RefusedAttempt]] = defaultdict(list)
    for row in rows.order_by("-last_at")[:MOST_REFUSALS]:
        found[row.identity].append(row)
    return found


def _standing(
    charger: Charger,
    health: ChargerHealth,
    connectors: Sequence[Connector],
    boot: Boot,
    refused: Sequence[RefusedAttempt],
) -> Standing:
    session = getattr(charger, "session", None)
    since = session.connected_at if health.online and session is not None else None
    news = [attempt for attempt in refused if since is None or attempt.last_at > since]
    problems = [*_of_connection(charger, health, news), *_of_connectors(connectors), *_of_alarms(health)]
    if charger.enabled and health.online:
        problems += _of_routes(health)
        if health.waits_for:
            problems.append(Problem(WARN, _("waits for %(what)s") % {"what": health.waits_for}))
    problems += _of_queues(health)
    order = [BAD, WARN, OFF]
    return Standing(health, connectors, boot, news, sorted(problems, key=lambda one: order.index(one.level)))


# -- what is wrong --------------------------------------------------------------------------------------


def _of_connection(
    charger: Charger, health: ChargerHealth, refused: Sequence[RefusedAttempt]
) -> list[Problem]:
    found = [Problem(OFF, _("Switched off here: it may not connect."))] if not charger.enabled else []
    level = WARN if health.online else BAD
    found += [Problem(level, refusal_words(attempt), attempt.remedy) for attempt in refused[:2]]
    if charger.enabled and not health.online and not refused:
        found.append(_away(health))
    return found


def _away(health: ChargerHealth) -> Problem:
    if health.since is None:
        return Problem(
            WARN,
            _("Never connected, and nobody has tried with this identity."),
            _("Enter the address and the password in the charger, and look whether it reaches the network."),
        )
    now = timezone.now()
    words = _("Offline since %(since)s; nothing has tried to connect since.") % {
        "since": at(health.since, now)
    }
    remedy = _(
        "Look whether it has power and network, and whether its address of the backoffice was changed."
    )
    return Problem(BAD if now - health.since > GONE_LONG else WARN, words, remedy)


def refusal_words(attempt: RefusedAttempt) -> str:
    """``Wrong password 9 times, last at 12:04 from 10.0.0.7``."""
    words = ngettext(
        "%(cause)s, at %(when)s from %(address)s",
        "%(cause)s %(count)d times, last at %(when)s from %(address)s",
        attempt.count,
    )
    return words % {
        "cause": attempt.get_cause_display(),
        "count": attempt.count,
        "when": at(attempt.last_at, timezone.now()),
        "address": attempt.remote_address or _("an unknown address"),
    }


def _of_connectors(connectors: Sequence[Connector]) -> list[Problem]:
    return [
        Problem(BAD, _("%(place)s is faulted: %(error)s") % {"place": place_of(row), "error": error_of(row)})
        for row in connectors
        if row.status == "Faulted"
    ]


def _of_alarms(health: ChargerHealth) -> list[Problem]:
    return [
        Problem(BAD, f"{_(alarm.kind)}: {alarm.text}", alarm.remedy, alarm.meaning) for alarm in health.alarms
    ]


def _of_routes(health: ChargerHealth) -> list[Problem]:
    return [
        Problem(BAD, f"{route.backoffice}: {route.words}")
        for route in health.routes
        if route.state in NOT_UP or (route.state == UP and route.last_error)
    ]


def _of_queues(health: ChargerHealth) -> list[Problem]:
    """What waits where nothing above has said so."""
    return [
        Problem(WARN, f"{route.backoffice}: {route.queue}")
        for route in health.routes
        if (route.waiting or route.dead_letters) and not (health.online and route.state in NOT_UP)
    ]


# -- the charger and its connectors ---------------------------------------------------------------------


STATUSES: Mapping[str, tuple[str, Any]] = {
    "Available": (OFF, pgettext_lazy("connector", "free")),
    "Preparing": (GOOD, pgettext_lazy("connector", "getting ready")),
    "Charging": (GOOD, pgettext_lazy("connector", "charging")),
    "SuspendedEV": (WARN, pgettext_lazy("connector", "paused by the car")),
    "SuspendedEVSE": (WARN, pgettext_lazy("connector", "paused by the charger")),
    "Finishing": (GOOD, pgettext_lazy("connector", "done, still plugged in")),
    "Reserved": (OFF, pgettext_lazy("connector", "reserved")),
    "Unavailable": (WARN, pgettext_lazy("connector", "out of service")),
    "Occupied": (GOOD, pgettext_lazy("connector", "occupied")),
    "Faulted": (BAD, pgettext_lazy("connector", "faulted")),
}
"""How each status of StatusNotification is, and its words."""


def status_of(connector: Connector) -> tuple[str, str]:
    """How a connector is: level and words; a status that nobody knows is said as it came."""
    level, words = STATUSES.get(connector.status, (OFF, connector.status))
    return level, str(words)


def place_of(connector: Connector) -> str:
    """``Connector 1``, ``EVSE 1, connector 2``, ``The charger`` for the whole."""
    if connector.evse_id:
        return _("EVSE %(evse)d, connector %(connector)d") % {
            "evse": connector.evse_id,
            "connector": connector.connector_id,
        }
    if not connector.connector_id:
        return _("The charger")
    return _("Connector %(connector)d") % {"connector": connector.connector_id}


def error_of(connector: Connector) -> str:
    """The charger's own word for what is wrong."""
    if connector.error_code in ("", "NoError"):
        return _("the charger does not say why")
    return connector.error_code


# -- routes ---------------------------------------------------------------------------------------------

LETTERS: Mapping[str, str] = {
    Role.BILLING.value: "B",
    Role.CONTROL.value: "D",
    Role.ENERGY.value: "E",
    Role.SERVICE.value: "S",
    Role.OBSERVE.value: "O",
}
"""The sign of each role where there is little room."""

_STATES: Mapping[str, tuple[str, Any]] = {
    "connected": (GOOD, pgettext_lazy("link", "connected")),
    "replaying": (GOOD, pgettext_lazy("link", "catching up")),
    "registering": (WARN, pgettext_lazy("link", "not accepted yet")),
    "dialling": (BAD, pgettext_lazy("link", "being dialled")),
    "waiting": (BAD, pgettext_lazy("link", "away")),
    "parked": (BAD, pgettext_lazy("link", "away for long")),
    "lost": (BAD, pgettext_lazy("link", "lost")),
    "new": (WARN, pgettext_lazy("link", "not dialled yet")),
    "closed": (OFF, pgettext_lazy("link", "closed, the charger is away")),
    "off": (OFF, pgettext_lazy("link", "switched off")),
}

MARKS = {GOOD: "●", WARN: "◐", BAD: "✕", OFF: "○"}
"""A sign besides the colour, for who does not see it."""


def link_of(route: RouteHealth, *, online: bool) -> tuple[str, str]:
    """How a link is: level and words. While the charger is away no link that is not there is wrong."""
    level, words = _STATES.get(route.state, (OFF, route.state))
    return (OFF if level == BAD and not online else level), str(words)


ONLINE = gettext_lazy("online")
OFFLINE = gettext_lazy("offline")
NEVER = gettext_lazy("never connected")
SWITCHED_OFF = gettext_lazy("switched off")


def state_of(charger: Charger, health: ChargerHealth) -> tuple[str, str]:
    """How the charger itself is: level and word."""
    if not charger.enabled:
        return OFF, str(SWITCHED_OFF)
    if health.online:
        return GOOD, str(ONLINE)
    return (OFF, str(NEVER)) if health.since is None else (BAD, str(OFFLINE))


def since_of(moment: datetime | None) -> str:
    """``since 12:04``, "" where nobody knows."""
    return _("since %(when)s") % {"when": at(moment, timezone.now())} if moment else ""
