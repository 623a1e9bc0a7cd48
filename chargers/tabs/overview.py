"""The first tab: how the charger is, in one look, and why."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any, NamedTuple

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from chargers.charts import Chart, chart, in_unit
from chargers.models import Charger, Connector
from chargers.standing import (
    BAD,
    GOOD,
    OFF,
    OFFLINE,
    WARN,
    Standing,
    link_of,
    place_of,
    since_of,
    standings,
    state_of,
    status_of,
)
from chargers.tabs.tab import Tab, tab_address
from routing import readings
from routing.core.quirks import QUIRKS
from routing.models import ROLES, LatestValue, Reading, Transaction
from routing.readings import RunningSession

SPANS = (2, 6, 24)
"""For how many hours back charts are drawn."""

SHORTEST, USUAL = min(SPANS), 6


class Row(NamedTuple):
    """A connector as the overview tells of it; "" for what is not known."""

    place: str
    level: str
    words: str
    error: str
    at: Any
    power: str
    current: str
    charge: str


class Arrow(NamedTuple):
    """The way to a backoffice. ``words`` stand on it, ``queue`` under it."""

    route: int
    backoffice: str
    role: Any
    level: str
    words: str
    queue: str
    took: str


class Session(NamedTuple):
    """A session that is running."""

    pk: Any
    place: str
    started: Any
    power: str
    energy: str
    charge: str
    card: str


class Quirk(NamedTuple):
    name: str
    meaning: str
    remedy: str
    example: str
    at: Any


def context(request: HttpRequest, charger: Charger) -> dict[str, Any]:
    """Everything that the page shows."""
    return {**now(request, charger), **_charts(request, charger), "quirks": list(_quirks(request, charger))}


def now(request: HttpRequest, charger: Charger) -> dict[str, Any]:
    """What changes by itself."""
    standing = standings([charger])[charger.pk]
    level, words = state_of(charger, standing.health)
    session = getattr(charger, "session", None)
    return {
        "charger": charger,
        "standing": standing,
        "level": level,
        "state": words,
        "since": since_of(standing.health.since) if charger.enabled else "",
        "session_row": session,
        "setup": "" if standing.health.online else tab_address(charger.pk, "setup"),
        "arrow": _to_proxy(charger, standing),
        "arrows": [_arrow(route, online=standing.health.online) for route in standing.health.routes],
        "connectors": _connectors(charger, standing),
        "sessions": [_session(one) for one in _running(request, charger)],
    }


def _to_proxy(charger: Charger, standing: Standing) -> tuple[str, str]:
    """The arrow from the charger to here."""
    health = standing.health
    if health.online:
        return (WARN if health.waits_for else GOOD), f"OCPP {health.ocpp_version}"
    return (
        (OFF, str(_("not connected"))) if health.since is None or not charger.enabled else (BAD, str(OFFLINE))
    )


def _arrow(route: Any, *, online: bool) -> Arrow:
    level, words = link_of(route, online=online)
    told = route.is_like if online or route.state in ("off", "lost") else words
    queue = route.queue if route.waiting or route.dead_letters else ""
    role = gettext(dict(ROLES).get(route.role, route.role))
    return Arrow(route.route, route.backoffice, role, level, told, queue, route.took)


def _connectors(charger: Charger, standing: Standing) -> list[Row]:
    """Connectors with what their meters say; those of which only the meter is known, too."""
    measured = {(one.evse_id, one.connector_id): one for one in readings.latest(charger.pk)}
    rows = []
    for row in standing.connectors:
        found = measured.get((row.evse_id, 0) if row.evse_id else (0, row.connector_id))
        rows.append(_row(row, found))
    return rows


def _row(row: Connector, reading: Reading | None) -> Row:
    level, words = status_of(row)
    error = "" if row.error_code in ("", "NoError") else row.error_code
    figures = ("", "", "")
    if reading is not None and timezone.now() - reading.at < timedelta(minutes=20):
        figures = (_power(reading.power_w), _current(reading.current_a), _charge(reading.soc_percent))
    return Row(place_of(row), level, words, error, row.updated_at, *figures)


def _running(request: HttpRequest, charger: Charger) -> list[RunningSession]:
    """The sessions that run now, without those that began with another organisation."""
    mine = Transaction.objects.visible_to(request.user).filter(charger=charger, closed=None)
    keys = set(mine.values_list("pk", flat=True))
    return [one for one in readings.running(charger.pk) if one.transaction_id in keys]


def _session(one: RunningSession) -> Session:
    connector = Connector(evse_id=one.evse_id, connector_id=one.connector_id)
    energy = "" if one.energy_wh is None else in_unit(one.energy_wh, "Wh")
    return Session(
        *(one.transaction_id, place_of(connector), one.started),
        *(_power(one.power_w), energy, _charge(one.soc_percent), one.card),
    )


def _power(watts: float | None) -> str:
    return "" if watts is None else in_unit(watts, "W")


def _current(amperes: float | None) -> str:
    return "" if amperes is None else f"{amperes:.1f} A"


def _charge(percent: float | None) -> str:
    return "" if percent is None else f"{percent:.0f} %"


def _charts(request: HttpRequest, charger: Charger) -> dict[str, Any]:
    """Power and energy of the last hours."""
    asked = request.GET.get("hours", "")
    hours = int(asked) if asked in map(str, SPANS) else USUAL
    until = timezone.now()
    since = until - timedelta(hours=hours)
    if charger.owned_since is not None:  # what was before is not its new owners' to see
        since = max(since, charger.owned_since)
    found = readings.series(charger.pk, since)
    power: Chart = chart(found.power, since, until, "W")
    energy: Chart = chart(found.energy, since, until, "Wh")
    return {
        "charts": [("power", _("Power"), power), ("energy", _("Energy charged"), energy)],
        "hours": hours,
        "spans": [(one, _span(one)) for one in SPANS],
        "span": _span(hours),
    }


def _span(hours: int) -> str:
    return ngettext("%d hour", "%d hours", hours) % hours


def _quirks(request: HttpRequest, charger: Charger) -> Iterator[Quirk]:
    """How it departs from the standard, with what that means and what helps."""
    mine = LatestValue.objects.visible_to(request.user).filter(charger=charger, kind="quirk")
    for row in mine.exclude(payload="").order_by("key"):
        known = QUIRKS.get(row.key)
        meaning, remedy = (gettext(known.meaning), gettext(known.remedy)) if known else ("", "")
        yield Quirk(row.key.replace("_", " "), meaning, remedy, row.payload, row.at)


def piece(request: HttpRequest, charger: Charger) -> HttpResponse:
    """What has changed, for the page that is open."""
    return render(request, "admin/chargers/charger/overview_now.html", now(request, charger))


TAB = Tab(
    slug="overview",
    title=_("Overview"),
    template="admin/chargers/charger/overview.html",
    context=context,
    pieces={"now": piece},
)
