"""The facts about a charger's way to being connected, from the rows: nine queries, whatever there is."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from django.conf import settings
from django.db.models.functions import Lower
from django.utils import timezone

from accounts.models import User
from chargers.causes import Cause
from chargers.following import OBVIOUS, Boot, Facts, Knock, likeness
from chargers.models import Charger, RefusedAttempt
from routing.boot import read_boot
from routing.core.payloads import moment, word
from routing.models import Alarm, ChargerSession, LatestValue, Message, Route
from routing.models.traffic import number_at

BEFORE = timedelta(hours=1)
"""What was refused so long before a charger was made may still be it."""

STRANGERS = 300
"""Newest attempts of unknown identities among which one like the charger's is looked for."""

LOOP = timedelta(minutes=10)
"""What is looked at of boots, and of those who came without a name."""

UP = ("connected", "replaying")
"""States of a link over which the backoffice hears the charger."""

KINDS = ("boot", "boot_refused", "status", "quirk")


def facts_of(charger: Charger, user: User, now: datetime | None = None) -> Facts:
    """What is known of the way of ``charger``, which the user may see."""
    now = now or timezone.now()
    session = ChargerSession.objects.filter(charger=charger).first()
    latest = list(LatestValue.objects.filter(charger=charger, kind__in=KINDS).exclude(payload=""))
    since = charger.created_at - BEFORE
    routes = list(
        Route.objects.filter(charger=charger, enabled=True, backoffice__enabled=True).values_list(
            "state__state"
        )
    )
    conflict = (
        Alarm.objects.filter(charger=charger, kind="identity conflict", cleared=None)
        .values_list("text")
        .first()
    )
    knocks = [_knock(row) for row in _in_its_name(charger)]
    addresses = {knock.address for knock in knocks} | ({session.remote_address} if session else set())
    return Facts(
        identity=charger.identity,
        now=now,
        since=since,
        enabled=charger.enabled,
        has_password=bool(charger.password_hashes),
        require_tls=settings.PROXY_REQUIRE_TLS,
        sends_hex=any(row.kind == "quirk" and row.key == "hex_password" for row in latest),
        online=session is not None and session.online,
        connected_at=session.connected_at if session else None,
        disconnected_at=session.disconnected_at if session else None,
        address=session.remote_address if session else "",
        ocpp_version=session.ocpp_version if session else "",
        knocks=knocks,
        nameless=_nameless(now - LOOP, None if user.is_superuser else addresses),
        alike=_alike(charger, user, since) if session is None or session.connected_at is None else [],
        boot=_boot(latest),
        boots=_boots(charger, now),
        connectors=charger.connectors.exclude(connector_id=0).count(),
        clock_off=_clock_off(latest, session.connected_at if session else None),
        conflict=conflict[0] if conflict else "",
        routes=len(routes),
        routes_up=sum(state in UP for (state,) in routes),
    )


def _in_its_name(charger: Charger) -> Iterable[RefusedAttempt]:
    return RefusedAttempt.objects.filter(identity=charger.identity).order_by("-last_at")[:20]


def _alike(charger: Charger, user: User, since: datetime) -> list[Knock]:
    """Unknown identities that resemble this one: the obvious ones, for a superuser the others too."""
    strangers = RefusedAttempt.objects.filter(
        last_at__gte=since, cause__in=(Cause.UNKNOWN_IDENTITY.value, Cause.WRONG_PATH.value)
    ).order_by("-last_at")[:STRANGERS]
    found = [(likeness(charger.identity, row.identity), row) for row in strangers]
    alike = [row for kind, row in found if kind in OBVIOUS or (kind is not None and user.is_superuser)]
    if not alike:
        return []
    names = {row.identity.lower() for row in alike}
    others = Charger.objects.exclude(pk=charger.pk).annotate(lower_identity=Lower("identity"))
    taken = set(others.filter(lower_identity__in=names).values_list("lower_identity", flat=True))
    return [_knock(row) for row in alike if row.identity.lower() not in taken]


def _nameless(since: datetime, addresses: set[str] | None) -> Knock | None:
    """The newest who began TLS on a port without: from ``addresses`` only, where they are given."""
    found = RefusedAttempt.objects.filter(cause=Cause.TLS_ON_PLAIN_PORT.value, last_at__gte=since)
    if addresses is not None:
        found = found.filter(remote_address__in=addresses - {""})
    row = found.order_by("-last_at").first()
    return _knock(row) if row else None


def _knock(row: RefusedAttempt) -> Knock:
    return Knock(
        identity=row.identity,
        address=row.remote_address,
        cause=row.cause,
        detail=row.detail,
        count=row.count,
        last_at=row.last_at,
    )


def _boot(latest: Iterable[LatestValue]) -> Boot | None:
    row = next((row for row in latest if row.kind == "boot"), None)
    if row is None:
        return None
    told = read_boot(row.payload)
    return Boot(
        vendor=told.vendor,
        model=told.model,
        firmware=told.firmware,
        at=row.at,
        is_refused=any(other.kind == "boot_refused" for other in latest),
    )


def _boots(charger: Charger, now: datetime) -> int:
    """How often it booted lately, ten at most."""
    lately = Message.objects.filter(
        charger=charger, exchange__gte=number_at(now - LOOP), action="BootNotification", direction="up"
    )
    return len(set(lately.order_by("-exchange").values_list("exchange", flat=True)[:30]))


def _clock_off(latest: Iterable[LatestValue], connected_at: datetime | None) -> float | None:
    """Seconds by which the charger's clock is ahead, as the best of its status reports has it.

    A report may be of something that was a while ago; then its time says nothing about the clock.
    """
    found = []
    for row in latest:
        if row.kind == "status" and connected_at is not None and row.at >= connected_at:
            told = moment(word(row.payload, "$.timestamp"))
            if told is not None:
                found.append((told - row.at).total_seconds())
    return min(found, key=abs, default=None)
