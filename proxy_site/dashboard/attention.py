"""What needs a person now: a sentence each, what helps, and the way to the reason. The worst comes first."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Literal
from urllib.parse import urlencode

from django.db.models import Q
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from backoffices.models import Backoffice
from chargers.causes import Cause
from chargers.models import Charger, RefusedAttempt
from chargers.standing import GONE_LONG
from proxy_site.dashboard import installation
from proxy_site.dashboard.scope import Scope
from routing.core.alarms import ALARMS
from routing.core.rows import DEAD_LETTERS
from routing.health import at
from routing.models import Alarm, ChargerSession, RuntimeProcess
from routing.snapshots import Office

MOST = 10
"""Of each kind; the lists behind the links have all."""

LATELY = timedelta(hours=24)
MOST_ATTEMPTS = 100
WAITS_LONG = timedelta(minutes=5)

FLAPS = 6
"""Connections within an hour."""


@dataclass(frozen=True)
class Need:
    """``what`` is wrong, what helps, and where the reason is. ``action``: what its link is called."""

    severity: Literal["bad", "warn"]
    what: str
    remedy: str
    address: str
    action: str


@dataclass(frozen=True)
class Group:
    """Needs of one severity that the same helps against."""

    remedy: str
    needs: Sequence[Need]


def needs(scope: Scope) -> list[Group]:
    """All of it, the worst first; a number of queries that does not depend on what there is."""
    grouped: dict[tuple[bool, str], list[Need]] = {}
    for source in SOURCES:
        for need in source(scope):
            grouped.setdefault((need.severity != "bad", need.remedy), []).append(need)
    ordered = sorted(grouped.items(), key=lambda item: item[0][0])  # else in the order of the sources
    return [Group(remedy, found) for (_is_mild, remedy), found in ordered]


def _processes(scope: Scope) -> Iterator[Need]:
    """What is wrong with the installation itself, for those who can mend it."""
    if scope.user.is_superuser and scope.organisation is None:
        for is_bad, what, remedy, page in installation.troubles():
            address = reverse(f"admin:routing_{page}_changelist")
            yield Need("bad" if is_bad else "warn", what, remedy, address, _("Operation"))


# -- backoffices ------------------------------------------------------------------------------------------


def _backoffices(scope: Scope) -> Iterator[Need]:
    offices = scope.standing.offices
    names = dict(Backoffice.objects.filter(pk__in=offices).order_by("name").values_list("pk", "name"))
    for pk, name in names.items():
        office = offices[pk]
        if office.links and not office.up:
            what = _('"%(name)s" is down: none of %(links)d links is up%(error)s%(queue)s')
            yield _of_routes("bad", what, name, office, scope)
        elif office.failing and office.links > office.up:
            what = _('"%(name)s" does not take all: %(up)d of %(links)d links are up%(error)s%(queue)s')
            yield _of_routes("warn", what, name, office, scope)
        elif office.waiting and office.oldest and scope.now - office.oldest > WAITS_LONG:
            what = _('"%(name)s" is slow: %(up)d of %(links)d links are up%(queue)s')
            yield _of_routes("warn", what, name, office, scope)
        if office.dead:
            what = ngettext(
                '%(number)d message was given up, "%(name)s" has not taken it.',
                '%(number)d messages were given up, "%(name)s" has not taken them.',
                office.dead,
            ) % {"number": office.dead, "name": name}
            address = _list("routing_delivery", letters="dead", backoffice=pk)
            yield Need("bad", what, _(ALARMS[DEAD_LETTERS].remedy), address, _("Dead letters"))


def _of_routes(severity: Literal["bad", "warn"], what: str, name: str, office: Office, scope: Scope) -> Need:
    queue = ""
    if office.waiting:
        queue = "; " + ngettext("%(number)d message waits", "%(number)d messages wait", office.waiting) % {
            "number": office.waiting
        }
        if office.oldest:
            queue += _(", the oldest from %(time)s") % {"time": at(office.oldest, scope.now)}
    told = {
        "name": name,
        "up": office.up,
        "links": office.links,
        "error": f": {office.error}" if office.error else "",
        "queue": queue,
    }
    remedy = _(
        "What waits is delivered when it is back. Have the backoffice mended, or check address and password."
    )
    return Need(
        severity, what % told + ".", remedy, _list("routing_route", q=name, state="down"), _("Its routes")
    )


# -- chargers ---------------------------------------------------------------------------------------------


def _not_there(scope: Scope) -> Iterator[Need]:
    """Chargers that went last, and why they are not let in again if that is known; then who else is not."""
    gone = scope.of_rows(ChargerSession.objects.filter(online=False, charger__enabled=True))
    gone = gone.filter(disconnected_at__lt=scope.now - GONE_LONG).order_by("-disconnected_at")
    rows = list(
        gone.select_related("charger").only("disconnected_at", "charger__identity", "charger__label")[:MOST]
    )
    refused: dict[str, RefusedAttempt] = {}
    told = [row.charger.identity for row in rows]
    for attempt in RefusedAttempt.objects.filter(identity__in=told).order_by("-last_at")[:MOST_ATTEMPTS]:
        refused.setdefault(attempt.identity, attempt)
    for row in rows:
        since = row.disconnected_at
        what = _("%(charger)s is offline since %(time)s") % {
            "charger": _name(row.charger),
            "time": at(since, scope.now),
        }
        refusal = refused.get(row.charger.identity)
        if refusal is not None and refusal.last_at > since:
            tries = _("it tries and is refused: %(cause)s (%(count)d times)") % {
                "cause": refusal.get_cause_display(),
                "count": refusal.count,
            }
            yield Need("bad", f"{what}; {tries}.", _(refusal.remedy), _messages(row.charger), _("Why"))
        else:
            remedy = _("Nothing is heard of it: check its power and its network (SIM card, cable).")
            yield Need("warn", f"{what}.", remedy, _charger(row.charger), _("Open"))
    yield from _refused(scope, told)


def _flapping(scope: Scope) -> Iterator[Need]:
    """Chargers that come and go, as the processes that live tell."""
    comings: dict[int, int] = {}
    for report in RuntimeProcess.objects.filter(installation.LIVES).values_list("report", flat=True):
        for charger, count in report.get("comings", {}).items():
            comings[int(charger)] = comings.get(int(charger), 0) + count
    often = sorted((pk for pk in comings if comings[pk] >= FLAPS), key=lambda pk: -comings[pk])
    seen = {charger.pk: charger for charger in scope.chargers().filter(pk__in=often)}
    for charger in [seen[pk] for pk in often if pk in seen][:MOST]:
        what = _("%(charger)s comes and goes: %(count)d connections in the last hour.") % {
            "charger": _name(charger),
            "count": comings[charger.pk],
        }
        remedy = _("Look at its mobile signal and its router; a charger with two proxies set does this, too.")
        yield Need("warn", what, remedy, _messages(charger), _("Messages"))


def _refused(scope: Scope, told: Sequence[str]) -> Iterator[Need]:
    """Who is not let in, without those that are told of or online: unknown ones for superusers alone."""
    attempts = RefusedAttempt.objects.filter(last_at__gte=scope.now - LATELY).order_by("-last_at")
    sees_all = scope.user.is_superuser and scope.organisation is None
    if not sees_all:
        attempts = attempts.filter(identity__in=scope.chargers().order_by().values("identity"))
    is_back = Q(identity__in=ChargerSession.objects.filter(online=True).values("charger__identity"))
    rows = list(attempts.exclude(is_back | Q(identity__in=told))[:MOST])
    known = {row.identity: row for row in Charger.objects.filter(identity__in=[row.identity for row in rows])}
    for row in rows:
        yield _attempt(row, known.get(row.identity), scope)


def _attempt(row: RefusedAttempt, charger: Charger | None, scope: Scope) -> Need:
    told = {
        "identity": row.identity,
        "address": _(" from %(address)s") % {"address": row.remote_address} if row.remote_address else "",
        "count": row.count,
        "cause": row.get_cause_display(),
        "time": at(row.last_at, scope.now),
    }
    if row.cause == Cause.UNKNOWN_IDENTITY and charger is None:
        what = _('A charger that nobody knows tries to connect: "%(identity)s"%(address)s, %(count)d times.')
        add = f"{reverse('admin:chargers_charger_new')}?{urlencode({'identity': row.identity})}"
        return Need("warn", what % told, _(row.remedy), add, _("Add"))
    what = _('"%(identity)s" is refused: %(cause)s, %(count)d times, last at %(time)s.')
    address = _list("chargers_refusedattempt", q=row.identity) if charger is None else _messages(charger)
    return Need("warn", what % told, _(row.remedy), address, _("Why"))


def _alarms(scope: Scope) -> Iterator[Need]:
    """Alarms that last, the newest; dead letters are told by backoffice."""
    lasting = scope.of_rows(Alarm.objects.filter(cleared=None)).exclude(kind=DEAD_LETTERS)
    for alarm in lasting.select_related("charger").order_by("-raised")[:MOST]:
        known = ALARMS.get(alarm.kind)
        what = f"{_name(alarm.charger)}: {alarm.text}"
        remedy = _(known.remedy) if known else ""
        yield Need("warn", what, remedy, _charger(alarm.charger), _("Open"))


SOURCES: Iterable[Callable[[Scope], Iterator[Need]]] = (
    *(_processes, _backoffices, _not_there, _flapping, _alarms),
)


def _name(charger: Any) -> str:
    return f"{charger.label} ({charger.identity})" if charger.label else str(charger.identity)


def _charger(charger: Any) -> str:
    return reverse("admin:chargers_charger_tab", args=[charger.pk, "overview"])


def _messages(charger: Any) -> str:
    """They say above the list why its identity was refused."""
    return _list("routing_message", charger=charger.identity)


def _list(page: str, **query: Any) -> str:
    return f"{reverse(f'admin:{page}_changelist')}?{urlencode(query)}"
