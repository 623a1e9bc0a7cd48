"""What the page of a backoffice says, over the routes that somebody may see."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from django.db.models import Case, Count, IntegerField, QuerySet, Value, When
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop, ngettext

from backoffices.models import Backoffice
from backoffices.samples import SHOWN, Moment
from routing.explorer.filters import blocked
from routing.health import UP, RouteHealth, health_of, in_ms, in_use, is_up
from routing.models import Message, Route

MOST_ERRORS = 8
MOST_BLOCKED = 50
PER_PAGE = 50

DAY = timedelta(days=1)


class Failure(NamedTuple):
    """An error that several links have in common, and what helps. ``words``: "12 chargers: ..."."""

    words: str
    remedy: str


_REMEDIES: Sequence[tuple[str, str]] = (
    (
        "certificate",
        gettext_noop("The backoffice has to mend its certificate; a test says which one it shows."),
    ),
    ("does not resolve", gettext_noop("Check the host in the address.")),
    (
        "connection refused",
        gettext_noop("Nothing listens there: check host and port, or ask the backoffice."),
    ),
    (
        "not a public address",
        gettext_noop("Private addresses are not permitted here; ask who runs the proxy."),
    ),
    ("version_mismatch", gettext_noop("Let the backoffice accept the OCPP version of these chargers.")),
    (
        "HTTP 401",
        gettext_noop(
            "Check user name and password, also those that the backoffice has set for single chargers."
        ),
    ),
    ("HTTP 403", gettext_noop("The backoffice does not admit these chargers; ask it to.")),
    (
        "HTTP 404",
        gettext_noop("The backoffice does not know these chargers, or the path is wrong; check both."),
    ),
    ("HTTP 429", gettext_noop("The backoffice asks to slow down; the proxy does, by itself.")),
    (
        "no answer",
        gettext_noop("A firewall or an overloaded backoffice: run a test, and ask the backoffice."),
    ),
    ("redirects", gettext_noop("Enter the final address.")),
)


def remedy_of(error: str) -> str:
    """What helps against the last error of a link, "" where nothing is known."""
    words = error.lower()
    return next((_(remedy) for sign, remedy in _REMEDIES if sign.lower() in words), "")


def routes_of(user: Any, backoffice: Backoffice) -> QuerySet[Route]:
    """Routes of a backoffice that ``user`` may see."""
    return Route.objects.visible_to(user).filter(backoffice=backoffice)


def failures(routes: QuerySet[Route]) -> list[Failure]:
    """What keeps links from being up, the most frequent first."""
    down = routes.filter(in_use()).exclude(state__state=UP).exclude(state__last_error="")
    counted = down.exclude(state=None).order_by().values("state__last_error").annotate(number=Count("pk"))
    found = []
    for row in counted.order_by("-number", "state__last_error")[:MOST_ERRORS]:
        error, number = row["state__last_error"], row["number"]
        who = ngettext("%(number)s charger", "%(number)s chargers", number) % {"number": f"{number:,}"}
        found.append(Failure(f"{who}: {error}", remedy_of(error)))
    return found


def round_trips(routes: QuerySet[Route]) -> tuple[str, str]:
    """Median and 95th percentile of the times to an answer, in words; "" where none is known."""
    known = routes.filter(is_up()).exclude(state__round_trip_ms=None)
    times = sorted(took for took in known.values_list("state__round_trip_ms", flat=True) if took is not None)
    if not times:
        return "", ""
    return in_ms(times[(len(times) - 1) // 2]), in_ms(times[min(len(times) - 1, int(len(times) * 0.95))])


def advice(backoffice: Backoffice, found: Sequence[Failure]) -> list[str]:
    """What to do now, in sentences; none where all is well."""
    health = getattr(backoffice, "health", None)
    told = list(dict.fromkeys(failure.remedy for failure in found if failure.remedy))
    if not backoffice.enabled:
        told.insert(0, _("It is switched off. Switch it on in its settings; what waits is delivered then."))
    elif health is not None and health.waiting and health.up == health.routes and health.routes:
        told.append(_("Messages wait although all links are up: they go out in order, or chargers are away."))
    if health is not None and health.dead_letters:
        told.append(_("There are dead letters: send them again or discard them, on the page of the route."))
    return told


class Line(NamedTuple):
    """A route in the list of links."""

    route: Route
    health: RouteHealth
    look: str


def lines(routes: QuerySet[Route], page: int, *, only_down: bool) -> tuple[list[Line], bool]:
    """A page (from 1) of links, those that are not up first; and whether there are more."""
    is_down = in_use() & ~is_up()
    rows = routes.select_related("charger", "backoffice", "state")
    if only_down:
        rows = rows.filter(is_down)
    else:
        first = Case(When(is_down, then=Value(0)), default=Value(1), output_field=IntegerField())
        rows = rows.annotate(rank=first).order_by("rank", "charger__identity")
    start = (page - 1) * PER_PAGE
    found = list(rows[start : start + PER_PAGE + 1])
    known = health_of(found[:PER_PAGE])
    return [Line(route, known[route.pk], _look(known[route.pk])) for route in found[:PER_PAGE]], len(
        found
    ) > PER_PAGE


def _look(health: RouteHealth) -> str:
    if health.state == UP:
        return "is-good"
    return "" if health.state in ("off", "closed", "new") else "is-bad"


def blocked_calls(user: Any, backoffice: Backoffice, now: datetime | None = None) -> list[Message]:
    """The newest calls of the last day that were refused it."""
    since = (now or timezone.now()) - DAY
    routes = routes_of(user, backoffice).order_by().values("pk")
    rows = blocked(Message.objects.visible_to(user), since).filter(route_id__in=routes)
    return list(rows.select_related("charger", "route").order_by("-exchange", "-id")[:MOST_BLOCKED])


# -- the chart ------------------------------------------------------------------------------------------

WIDTH, HEIGHT = 600, 120


class Chart(NamedTuple):
    """A line of the last hour, ready to be drawn in ``WIDTH`` by ``HEIGHT``."""

    line: str
    area: str
    most: int
    now: int
    words: str


def chart(moments: Sequence[Moment], now: datetime) -> Chart | None:
    """What waited, minute by minute; None where nothing is known."""
    if not moments:
        return None
    most = max(moment.waiting for moment in moments)
    begin = now - SHOWN
    points = []
    for moment in moments:
        x = max(0.0, (moment.at - begin) / SHOWN) * WIDTH
        y = HEIGHT - (moment.waiting / most if most else 0) * (HEIGHT - 10) - 2
        points.append((round(x, 1), round(y, 1)))
    line = " ".join(f"{x},{y}" for x, y in points)
    area = f"{points[0][0]},{HEIGHT} {line} {points[-1][0]},{HEIGHT}"
    last = moments[-1].waiting
    words = _("Waiting messages in the last 60 minutes: %(now)s at last, %(most)s at most.")
    return Chart(line, area, most, last, words % {"now": f"{last:,}", "most": f"{most:,}"})
