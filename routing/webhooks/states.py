"""Events out of stored state: rows that have changed of late. Each function is one query, or two."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

from django.apps import apps
from django.db.models import Q

from routing.health import UP
from routing.models import ChargerSession, Command, FirmwareEvent, Route, RouteState, Transaction
from routing.webhooks import marks
from routing.webhooks.kinds import SELDOM_S
from routing.webhooks.marks import Now

REFUSED = ("no_credentials", "wrong_user", "wrong_password", "too_many_attempts")
"""Causes of refused attempts by which somebody is not who they say (``chargers.causes``)."""

DOWN = ("waiting", "closed", "parked")
"""States of a link that is not up and not just about to be."""

LATE = timedelta(minutes=5)
"""News of firmware are dated by when they came, and stored after that, when the log is read."""

MINUTES = 2
"""A backoffice is unhealthy when so many samples in a row say so."""


class Draft(NamedTuple):
    """An event that may have been made already; ``key`` says so. The rest as of ``Event``.

    ``data``: without the charger, which is filled in. ``session``: the Transaction that is filled in.
    """

    type: str
    key: str
    at: datetime
    charger: int | None
    data: Mapping[str, Any]
    session: UUID | None = None
    organisation: int | None = None


class Watched(NamedTuple):
    """Something whose state is compared with the one before; ``subject`` names it.

    ``draft``: what is told if it differs; ``at_first``: also if there was none before.
    """

    subject: str
    now: Now
    draft: Draft
    at_first: bool


class Found(NamedTuple):
    """What there may be to tell, and what has to be remembered with it."""

    drafts: list[Draft]
    states: dict[str, Now]


def look(since: datetime) -> Found:
    """What has changed since then, some of it told already."""
    drafts = [draft for source in SOURCES for draft in source(since)]
    watched = [one for source in WATCHED for one in source(since)]
    old = marks.before(one.subject for one in watched)
    changed = [one for one in watched if old.get(one.subject) != one.now.value]
    drafts += [one.draft for one in changed if one.at_first or one.subject in old]
    return Found(drafts, {one.subject: one.now for one in changed})


def seldom(type_: str, at: datetime, *what: object) -> str:
    """The key of an event that is told once in a while."""
    return ":".join(map(str, (type_, *what, int(at.timestamp()) // SELDOM_S)))


def _key(type_: str, what: object, at: datetime) -> str:
    return f"{type_}:{what}:{at.timestamp():.6f}"


# -- what happens once ----------------------------------------------------------------------------------


def _sessions(since: datetime) -> Iterator[Draft]:
    columns = ("charger_id", "connected_at", "disconnected_at", "ocpp_version", "remote_address")
    rows = ChargerSession.objects.filter(Q(connected_at__gte=since) | Q(disconnected_at__gte=since))
    for charger, came, left, version, address in rows.values_list(*columns):
        if came is not None and came >= since:
            said = {"connected_at": came, "ocpp_version": version, "remote_address": address}
            yield Draft("charger.connected", _key("charger.connected", charger, came), came, charger, said)
        if left is not None and left >= since:
            key = _key("charger.disconnected", charger, left)
            yield Draft("charger.disconnected", key, left, charger, {"disconnected_at": left})


def _transactions(since: datetime) -> Iterator[Draft]:
    rows = Transaction.objects.filter(created__gte=since) | Transaction.objects.filter(closed__gte=since)
    for key, charger, created, closed in rows.order_by("created").values_list(
        "pk", "charger_id", "created", "closed"
    ):
        if created >= since:
            yield Draft("transaction.started", f"transaction.started:{key}", created, charger, {}, key)
        if closed is not None and closed >= since:
            yield Draft("transaction.ended", f"transaction.ended:{key}", closed, charger, {}, key)


def _commands(since: datetime) -> Iterator[Draft]:
    for row in Command.objects.filter(finished_at__gte=since).defer("sealed", "payload"):
        said = {
            **{name: getattr(row, name) for name in ("uuid", "verb", "action", "state", "words")},
            **{name: getattr(row, name) for name in ("error_code", "created_at", "sent_at", "finished_at")},
        }
        assert row.finished_at is not None
        key = f"command.finished:{row.uuid}"
        yield Draft("command.finished", key, row.finished_at, row.charger_id, {"command": said})


def _firmware(since: datetime) -> Iterator[Draft]:
    kinds = (FirmwareEvent.Kind.FIRMWARE, FirmwareEvent.Kind.VERSION)
    for row in FirmwareEvent.objects.filter(at__gte=since - LATE, kind__in=kinds):
        said = {name: getattr(row, name) for name in ("kind", "status", "detail", "at")}
        key = f"firmware.status_changed:{row.pk}"
        yield Draft("firmware.status_changed", key, row.at, row.charger_id, {"firmware": said})


def _refused(since: datetime) -> Iterator[Draft]:
    attempts = apps.get_model("chargers", "RefusedAttempt")._default_manager
    rows: list[Any] = list(attempts.filter(last_at__gte=since, cause__in=REFUSED))
    chargers = apps.get_model("chargers", "Charger")._default_manager
    known = dict(chargers.filter(identity__in={row.identity for row in rows}).values_list("identity", "pk"))
    for row in rows:
        if (charger := known.get(row.identity)) is not None:
            said = {
                **{name: getattr(row, name) for name in ("cause", "remote_address", "count", "last_at")},
                "words": row.get_cause_display(),
                "remedy": row.remedy,
            }
            key = seldom("charger.auth_failed", row.last_at, charger, row.cause)
            yield Draft("charger.auth_failed", key, row.last_at, charger, {"attempt": said})


SOURCES: tuple[Callable[[datetime], Iterator[Draft]], ...] = (
    _sessions,
    _transactions,
    _commands,
    _firmware,
    _refused,
)
"""What happens once, and says when."""


# -- what changes -----------------------------------------------------------------------------------------


def _connectors(since: datetime) -> Iterator[Watched]:
    connectors = apps.get_model("chargers", "Connector")._default_manager
    for row in connectors.filter(updated_at__gte=since):
        names = ("evse_id", "connector_id", "status", "error_code", "updated_at")
        said = {"connector": {name: getattr(row, name) for name in names}}
        subject, now = _connector(row)
        key = _key("connector.status_changed", subject, row.updated_at)
        draft = Draft("connector.status_changed", key, row.updated_at, row.charger_id, said)
        yield Watched(subject, now, draft, at_first=True)


def _connector(row: Any) -> tuple[str, Now]:
    subject = f"connector {row.charger_id} {row.evse_id}/{row.connector_id}"
    return subject, Now(f"{row.status}/{row.error_code}", charger=row.charger_id)


def _routes(since: datetime) -> Iterator[Watched]:
    rows = RouteState.objects.filter(since__gte=since, state__in=(UP, *DOWN))
    for row in rows.select_related("route__backoffice"):
        type_ = "route.connected" if row.state == UP else "route.disconnected"
        said = told_route(row.route) | {"state": row.state, "since": row.since, "last_error": row.last_error}
        subject, now = _route(row)
        key = _key(type_, subject, row.since)
        draft = Draft(type_, key, row.since, row.route.charger_id, {"route": said})
        yield Watched(subject, now, draft, at_first=row.state == UP)


def _route(row: RouteState) -> tuple[str, Now]:
    value = "up" if row.state == UP else "down"
    return f"route {row.route_id}", Now(value, charger=row.route.charger_id)


def told_route(route: Route) -> dict[str, Any]:
    """A route in short; ``backoffice`` is fetched with it."""
    office = {"uuid": route.backoffice.uuid, "name": route.backoffice.name}
    return {"uuid": route.uuid, "role": route.role, "alias": route.alias, "backoffice": office}


def _backoffices(since: datetime) -> Iterator[Watched]:
    samples = apps.get_model("backoffices", "BackofficeSample")._default_manager
    found: dict[tuple[int, int | None], list[Any]] = defaultdict(list)
    for row in samples.filter(at__gte=since - timedelta(minutes=MINUTES + 1)).order_by("-at"):
        found[row.backoffice_id, row.organisation_id].append(row)
    there = apps.get_model("backoffices", "Backoffice")._default_manager.in_bulk({key for key, _ in found})
    for (key, organisation), rows in found.items():
        if (value := _healthy(rows)) and (office := there.get(key)) is not None:
            yield _backoffice(office, organisation, rows[0], value)


def _healthy(rows: list[Any]) -> str:
    """By its samples, the newest first; "" where those don't say."""
    if rows[0].up:
        return "healthy"
    last = rows[:MINUTES]
    return "unhealthy" if len(last) == MINUTES and all(row.routes and not row.up for row in last) else ""


def _backoffice(office: Any, organisation: int | None, sample: Any, value: str) -> Watched:
    type_ = "backoffice.recovered" if value == "healthy" else "backoffice.unhealthy"
    said = {
        "backoffice": {"uuid": office.uuid, "name": office.name},
        **{name: getattr(sample, name) for name in ("at", "routes", "up", "waiting")},
    }
    subject = f"backoffice {office.pk} of {organisation}"
    key = _key(type_, subject, sample.at)
    draft = Draft(type_, key, sample.at, None, said, organisation=organisation)
    return Watched(subject, Now(value, backoffice=office.pk), draft, at_first=value == "unhealthy")


WATCHED: tuple[Callable[[datetime], Iterator[Watched]], ...] = (_connectors, _routes, _backoffices)
"""What is compared with the state before."""


def all_states() -> Iterator[tuple[str, Now]]:
    """How everything is that is compared: what there is before the first look is no news."""
    for row in apps.get_model("chargers", "Connector")._default_manager.iterator():
        yield _connector(row)
    rows = RouteState.objects.filter(state__in=(UP, *DOWN)).select_related("route")
    for state in rows.iterator():
        yield _route(state)
