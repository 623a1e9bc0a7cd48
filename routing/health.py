"""How routes, chargers and backoffices are, for people: numbers, and the sentence that says them.

The admin shows these and programs get them. Callers bring rows that their user may see
(``visible_to``); the number of queries does not depend on that of the rows. Times in sentences are
those of the current time zone.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec
from django.db.models import Count, Exists, F, Min, OuterRef, Q, QuerySet, Sum, Window
from django.db.models.functions import Now, RowNumber
from django.utils import timezone
from django.utils.formats import date_format, number_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop, ngettext

from routing import loading
from routing.core.alarms import ALARMS
from routing.models import Alarm, ChargerSession, Delivery, Route, RuntimeProcess

UP = "connected"


class RouteHealth(msgspec.Struct, frozen=True, kw_only=True):
    """How one route is.

    ``state``: that of the link (routing.core.rows.LinkState), ``off`` where the route, its backoffice or its
    charger is switched off, ``new`` where it was never dialled, ``lost`` where the process that served it has
    ended. ``waiting``: messages that the backoffice has not got yet, the ``oldest`` said by the charger at
    that time; ``dead_letters``: those given up. ``words`` says all of it; ``is_like``, ``took`` and ``queue``
    are its parts.
    """

    route: int
    backoffice: str
    role: str
    state: str
    since: datetime | None
    last_error: str
    waiting: int
    oldest: datetime | None
    round_trip_ms: float | None
    dead_letters: int
    is_like: str
    took: str
    queue: str
    words: str


class AlarmHealth(msgspec.Struct, frozen=True, kw_only=True):
    """What lasts and wants a person: what happened, what that means, and what helps."""

    kind: str
    text: str
    raised: datetime
    meaning: str
    remedy: str


class ChargerHealth(msgspec.Struct, frozen=True, kw_only=True):
    """How one charger is. ``waits_for`` ends a sentence that begins "it waits for"; "" for nothing."""

    charger: int
    identity: str
    online: bool
    since: datetime | None
    ocpp_version: str
    waits_for: str
    routes: Sequence[RouteHealth]
    alarms: Sequence[AlarmHealth]
    words: str


class BackofficeHealth(msgspec.Struct, frozen=True, kw_only=True):
    """How a backoffice is over those routes that somebody may see.

    ``routes``: those in use of chargers that are there, of which ``up`` are connected. What waits is that of
    all.
    ``round_trip_ms``: the median of its routes, None before the first answer.
    """

    routes: int
    up: int
    waiting: int
    oldest: datetime | None
    round_trip_ms: float | None
    dead_letters: int
    took: str
    queue: str
    words: str


# -- routes ---------------------------------------------------------------------------------------------


def route_health(routes: QuerySet[Route]) -> dict[int, RouteHealth]:
    """How these routes are, by primary key. Three queries."""
    return health_of(routes.select_related("charger", "backoffice", "state"))


def health_of(routes: Iterable[Route]) -> dict[int, RouteHealth]:
    """The same of routes fetched with their ``charger``, ``backoffice`` and ``state``. Two queries."""
    found = list(routes)
    dead = _dead_letters(route.pk for route in found)
    lost = _lost_chargers({route.charger_id for route in found})
    now = timezone.now()
    return {
        route.pk: _route(route, dead.get(route.pk, 0), is_lost=route.charger_id in lost, now=now)
        for route in found
    }


def _dead_letters(routes: Iterable[int]) -> Mapping[int, int]:
    dead = Delivery.objects.filter(dead=True, route_id__in=list(routes)).order_by().values("route_id")
    return dict(dead.annotate(number=Count("pk")).values_list("route_id", "number"))


def lost_sessions() -> QuerySet[ChargerSession]:
    """Sessions whose process has not proved its life lately: what they last said of links is not true."""
    alive = RuntimeProcess.objects.filter(pk=OuterRef("runtime"), beat_at__gte=Now() - loading.RUNTIME_ALIVE)
    return ChargerSession.objects.filter(~Exists(alive)).exclude(runtime="")


def in_use() -> Q:
    """Routes that are to be connected now: nothing is switched off, and the charger is there."""
    return Q(enabled=True, backoffice__enabled=True, charger__enabled=True, charger__session__online=True)


def is_up() -> Q:
    """Those of them whose link is up, as a process says that lives."""
    return in_use() & Q(~Exists(lost_sessions().filter(pk=OuterRef("charger_id"))), state__state=UP)


def _lost_chargers(chargers: Iterable[int]) -> set[int]:
    return set(lost_sessions().filter(pk__in=list(chargers)).values_list("pk", flat=True))


def _route(route: Route, dead_letters: int, *, is_lost: bool, now: datetime) -> RouteHealth:
    row = getattr(route, "state", None)
    state, since, error = ("new", None, "") if row is None else (row.state, row.since, row.last_error)
    if row is not None and is_lost and state != "closed":
        state, error = "lost", ""
    if not (route.enabled and route.backoffice.enabled and route.charger.enabled):
        state, error = "off", ""
    waiting, oldest = (0, None) if row is None else (row.waiting, row.oldest)
    round_trip = row.round_trip_ms if row is not None and state == UP else None
    is_like, took = _state_words(route, state, since, error, now), in_ms(round_trip)
    queue = _queue(waiting, oldest, dead_letters, now)
    promise = _("they are delivered when it is back") if waiting and state in _ARRIVES else ""
    return RouteHealth(
        route=route.pk,
        backoffice=route.backoffice.name,
        role=route.role,
        state=state,
        since=since,
        last_error=error,
        waiting=waiting,
        oldest=oldest,
        round_trip_ms=round_trip,
        dead_letters=dead_letters,
        is_like=is_like,
        took=took,
        queue=queue,
        words=_joined(is_like, _answers_in(took), queue, promise),
    )


def _answers_in(took: str) -> str:
    return _("answers in %(time)s") % {"time": took} if took else ""


def _joined(*parts: str) -> str:
    return "; ".join(part for part in parts if part)


def _queue(waiting: int, oldest: datetime | None, dead_letters: int, now: datetime) -> str:
    return _joined(_waiting_words(waiting, oldest, now), _dead_words(dead_letters))


_WORDS: Mapping[str, tuple[str, str]] = {
    "new": (gettext_noop("not dialled yet"), gettext_noop("not dialled yet")),
    "dialling": (gettext_noop("away, being dialled"), gettext_noop("away since %(since)s, being dialled")),
    "waiting": (gettext_noop("away"), gettext_noop("away since %(since)s")),
    "parked": (
        gettext_noop("away, tried again every five minutes"),
        gettext_noop("away since %(since)s, tried again every five minutes"),
    ),
    "registering": (
        gettext_noop("reached, has not accepted the charger yet"),
        gettext_noop("reached since %(since)s, has not accepted the charger yet"),
    ),
    "replaying": (gettext_noop("connected"), gettext_noop("connected since %(since)s")),
    "connected": (gettext_noop("connected"), gettext_noop("connected since %(since)s")),
    "closed": (
        gettext_noop("not connected, the charger is away"),
        gettext_noop("not connected since %(since)s, the charger is away"),
    ),
    "lost": (
        gettext_noop("not connected: the process that served it has ended"),
        gettext_noop("not connected: the process that served it has ended"),
    ),
}
"""How a route is, by the state of its link: without a time, and with it."""

_ARRIVES = ("dialling", "waiting", "parked", "lost", "new")
"""States in which a person asks what becomes of the messages that wait."""


def _state_words(route: Route, state: str, since: datetime | None, error: str, now: datetime) -> str:
    if state == "off":
        if not route.enabled:
            return _("switched off")
        return (
            _("switched off at its charger")
            if route.backoffice.enabled
            else _("switched off at its backoffice")
        )
    known = _WORDS.get(state)
    words = state if known is None else _(known[1]) % {"since": at(since, now)} if since else _(known[0])
    if not error or state == "closed":
        return words
    return (
        _("%(state)s (but: %(error)s)") % {"state": words, "error": error}
        if state == UP
        else f"{words}: {error}"
    )


def _waiting_words(waiting: int, oldest: datetime | None, now: datetime) -> str:
    if not waiting:
        return _("nothing waits")
    if oldest is None:
        words = ngettext("%(number)s message waits", "%(number)s messages wait", waiting)
        return words % {"number": number_format(waiting, force_grouping=True)}
    words = ngettext(
        "%(number)s message waits, from %(time)s",
        "%(number)s messages wait, the oldest from %(time)s",
        waiting,
    )
    return words % {"number": number_format(waiting, force_grouping=True), "time": at(oldest, now)}


def _dead_words(dead_letters: int) -> str:
    if not dead_letters:
        return ""
    words = ngettext("%(number)s dead letter", "%(number)s dead letters", dead_letters)
    return words % {"number": number_format(dead_letters, force_grouping=True)}


def at(when: datetime, now: datetime) -> str:
    """A time as people say it: today's by the clock, others with their day."""
    here, today = timezone.localtime(when), timezone.localtime(now)
    if here.date() == today.date():
        return f"{here:%H:%M}"
    return date_format(here, "j M H:i" if abs(now - when) < timedelta(days=180) else "j M Y")


def in_ms(milliseconds: float | None) -> str:
    """A time to an answer as people say it, "" where it is not known."""
    if milliseconds is None:
        return ""
    if milliseconds >= 1000:
        return f"{milliseconds / 1000:.1f} s"
    return f"{milliseconds:.0f} ms" if milliseconds >= 1 else _("less than 1 ms")


# -- chargers -------------------------------------------------------------------------------------------


def charger_health(chargers: QuerySet[Any]) -> dict[int, ChargerHealth]:
    """How these chargers are, by primary key. Five queries."""
    found = list(chargers.select_related("session"))
    routes = Route.objects.filter(charger__in=[charger.pk for charger in found])
    rows = list(routes.select_related("charger", "backoffice", "state").order_by("pk"))
    return charger_health_of(found, rows)


def charger_health_of(chargers: Sequence[Any], routes: Iterable[Route]) -> dict[int, ChargerHealth]:
    """The same of chargers that were fetched with their ``session``, and all their routes. Three queries."""
    rows = list(routes)
    known = health_of(rows)
    of_charger: dict[int, list[RouteHealth]] = {}
    for route in rows:
        of_charger.setdefault(route.charger_id, []).append(known[route.pk])
    alarms: dict[int, list[AlarmHealth]] = {}
    for alarm in Alarm.objects.filter(charger__in=[charger.pk for charger in chargers], cleared=None):
        alarms.setdefault(alarm.charger_id, []).append(_alarm(alarm))
    return {
        charger.pk: _charger(charger, of_charger.get(charger.pk, []), alarms.get(charger.pk, []))
        for charger in chargers
    }


def _alarm(alarm: Alarm) -> AlarmHealth:
    known = ALARMS.get(alarm.kind)
    return AlarmHealth(
        kind=alarm.kind,
        text=alarm.text,
        raised=alarm.raised,
        meaning=_(known.meaning) if known else "",
        remedy=_(known.remedy) if known else "",
    )


def _charger(charger: Any, routes: Sequence[RouteHealth], alarms: Sequence[AlarmHealth]) -> ChargerHealth:
    session = getattr(charger, "session", None)
    online = session is not None and session.online
    since = None if session is None else session.connected_at if online else session.disconnected_at
    waits_for = session.waits_for if session is not None and online else ""
    return ChargerHealth(
        charger=charger.pk,
        identity=charger.identity,
        online=online,
        since=since,
        ocpp_version="" if session is None else session.ocpp_version,
        waits_for=waits_for,
        routes=tuple(routes),
        alarms=tuple(alarms),
        words=_charger_words(session, since, waits_for, online=online)
        if charger.enabled
        else _("switched off"),
    )


def _charger_words(session: Any, since: datetime | None, waits_for: str, *, online: bool) -> str:
    if session is None or (session.connected_at is None and not online):
        return _("never connected")
    when = at(since, timezone.now()) if since else ""
    if not online:
        return _("away since %(since)s") % {"since": when} if when else _("away")
    told = {"since": when, "version": session.ocpp_version, "what": waits_for or _("nothing")}
    if when:
        return _("online since %(since)s with OCPP %(version)s; waits for %(what)s") % told
    return _("online with OCPP %(version)s; waits for %(what)s") % told


# -- backoffices ----------------------------------------------------------------------------------------


def backoffice_health(routes: QuerySet[Route]) -> dict[int, BackofficeHealth]:
    """How the backoffices of these routes are, over these routes alone. Three queries."""
    sums = routes.order_by().values("backoffice_id").annotate(
        number=Count("pk", filter=in_use()),
        up=Count("pk", filter=is_up()),
        queued=Sum("state__waiting", default=0),
        first=Min("state__oldest"),
    )  # fmt: skip
    medians = _medians(routes.filter(is_up()))
    dead = Delivery.objects.filter(dead=True, route__in=routes).order_by().values("route__backoffice_id")
    letters = dict(dead.annotate(number=Count("pk")).values_list("route__backoffice_id", "number"))
    now = timezone.now()
    return {
        row["backoffice_id"]: _backoffice(
            row, medians.get(row["backoffice_id"]), letters.get(row["backoffice_id"], 0), now
        )
        for row in sums
    }


def _medians(routes: QuerySet[Route]) -> Mapping[int, float]:
    """The median time to an answer by backoffice, the lower of two."""
    one = [F("backoffice_id")]
    ranked = routes.exclude(state__round_trip_ms=None).order_by().annotate(
        rank=Window(RowNumber(), partition_by=one, order_by="state__round_trip_ms"),
        number=Window(Count("pk"), partition_by=one),
    )  # fmt: skip
    middle = ranked.filter(rank__gte=F("number") / 2.0, rank__lt=F("number") / 2.0 + 1).order_by("rank")
    found: dict[int, float] = {}
    for backoffice, round_trip in middle.values_list("backoffice_id", "state__round_trip_ms"):
        if round_trip is not None:
            found.setdefault(backoffice, round_trip)
    return found


def _backoffice(
    row: Mapping[str, Any], round_trip: float | None, dead_letters: int, now: datetime
) -> BackofficeHealth:
    number, up, waiting, oldest = row["number"], row["up"], row["queued"], row["first"]
    figures = {
        "up": number_format(up, force_grouping=True),
        "all": number_format(number, force_grouping=True),
    }
    links = _("%(up)s of %(all)s links up") % figures if number else _("no charger of it is there")
    took, queue = in_ms(round_trip), _queue(waiting, oldest, dead_letters, now)
    return BackofficeHealth(
        routes=number,
        up=up,
        waiting=waiting,
        oldest=oldest,
        round_trip_ms=round_trip,
        dead_letters=dead_letters,
        took=took,
        queue=queue,
        words=_joined(links, _answers_in(took), queue),
    )
