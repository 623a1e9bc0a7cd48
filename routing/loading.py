"""What a session reads before it begins, and who owns it: plain ORM, run in a thread.

Whoever holds the charger's socket claims its session; the row ``ChargerSession`` says which runtime
owns it and under which epoch, and every change of it is one conditional UPDATE.
"""

from __future__ import annotations

import hashlib
import hmac
import logging
from collections.abc import Callable, Iterable, Mapping
from datetime import timedelta
from typing import Any, TypeVar, cast
from urllib.parse import quote

import msgspec
from django.apps import apps
from django.conf import settings
from django.db import IntegrityError
from django.db.models import Exists, F, Max, OuterRef, Q, Window
from django.db.models.functions import Now, RowNumber
from django.utils import timezone

from routing import cards, changes, rights
from routing.core import identifiers
from routing.core.decisions import DELIVERY_WINDOW, Memory
from routing.core.options import OptionError, charger_options, route_options
from routing.core.payloads import INT32_MAX
from routing.core.rows import (
    AlarmRow,
    DeliveryRow,
    IdentifierRow,
    LatestRow,
    RouteTransactionRow,
    RouteTransactionState,
    TransactionRow,
)
from routing.core.snapshot import ChargerSnapshot, RouteSnapshot
from routing.core.transactions import PROXY_BAND, REMEMBERED
from routing.links import DialTarget
from routing.models import (
    Alarm,
    ChargerSession,
    ConfigChange,
    Delivery,
    Identifier,
    LatestValue,
    Message,
    Route,
    RouteState,
    RouteTransaction,
    RuntimeProcess,
    Transaction,
)
from routing.thinning import count_waiting

log = logging.getLogger(__name__)

RUNTIME_ALIVE = timedelta(seconds=10)
"""A runtime whose last proof of life is older is taken for dead."""

CHANGES_KEPT = timedelta(days=1)
"""How long a change of configuration stays for pollers, who look twice a second."""

RECENT_MESSAGES = 200
"""How many of the newest messages are looked at for the highest seq."""

OptionsT = TypeVar("OptionsT", bound=msgspec.Struct)


class UnknownCharger(LookupError):
    """There is no charger with this primary key (any more)."""


# Configuration


def load_charger(charger: int) -> tuple[ChargerSnapshot, dict[int, DialTarget]] | None:
    """The configuration of a charger (primary key) and where its routes lead, by route.

    Only enabled routes of enabled backoffices. None when the charger is disabled or does not exist.
    Options and permissions that can't be read are reported in the log and replaced: options by
    their defaults, the verdict of an action by ``deny``.
    """
    row = apps.get_model("chargers", "Charger").objects.filter(pk=charger, enabled=True).first()
    if row is None:
        return None
    routes = list(
        Route.objects.filter(charger_id=charger, enabled=True, backoffice__enabled=True)
        .select_related("backoffice", "charger", "preset__organisation")
        .prefetch_related("overrides")
        .order_by("pk")
    )
    snapshots = tuple(_route_snapshot(route, row.identity) for route in routes)
    snapshot = ChargerSnapshot(
        key=row.pk,
        identity=row.identity,
        options=_readable(row.options, charger_options, f"charger {row.identity}"),
        routes=snapshots,
        cards=cards.cards_of(row.organisation_id),
    )
    _warn_of_unknown_names(snapshot)
    targets = {route.pk: _target(route, known) for route, known in zip(routes, snapshots, strict=True)}
    return snapshot, targets


def _warn_of_unknown_names(snapshot: ChargerSnapshot) -> None:
    """Rules about cards may name backoffices that the charger has no route to: they do nothing."""
    known = {route.backoffice for route in snapshot.routes}
    options = snapshot.options
    for name in dict.fromkeys([*(rule.backoffice for rule in options.auth_rules), *options.authorizers]):
        if name not in known:
            log.warning(
                "charger %s: auth_rules or authorizers name %.60r, to which there is no enabled route; "
                "that is ignored, and Billing decides where nothing else does",
                snapshot.identity, name,
            )  # fmt: skip


def _route_snapshot(route: Route, identity: str) -> RouteSnapshot:
    backoffice: Any = route.backoffice
    whose = f"route {backoffice.name} of {identity}"
    return RouteSnapshot(
        key=route.pk,
        backoffice=backoffice.name,
        alias=route.alias or identity,
        **rights.of_route(route, identity),
        override_until=max((override.until for override in route.overrides.all()), default=None),
        options=_readable(route.options, route_options, whose),
        alias_key=_alias_key(backoffice.pk),
    )


def _readable(values: object, read: Callable[[Mapping[str, Any]], OptionsT], whose: str) -> OptionsT:
    """Options from a row; what can't be read is reported and left at its default."""
    if not isinstance(values, Mapping):
        log.error("%s: options are %.40r, expected names and values; defaults are used", whose, values)
        return read({})
    good = {}
    for name, value in values.items():
        try:
            read({name: value})
        except OptionError as error:
            log.error("%s: option %s: %s; its default is used", whose, name, error)
        else:
            good[name] = value
    return read(good)


def _alias_key(backoffice: int) -> bytes:
    """The secret with which card tags are replaced toward a backoffice: stable, and another for each."""
    return hmac.digest(
        settings.SECRET_KEY.encode(), b"card alias of backoffice %d" % backoffice, hashlib.sha256
    )


def _target(route: Route, snapshot: RouteSnapshot) -> DialTarget:
    backoffice: Any = route.backoffice
    return DialTarget(
        route=route.pk,
        charger=route.charger_id,
        backoffice=backoffice.name,
        url=dial_url(backoffice.url, snapshot.alias),
        username=snapshot.alias if backoffice.username is None else backoffice.username,
        password=_password(route) if route.has_password else _password(backoffice),
        fallback_password=_password(route, "previous_password") if route.has_password else None,
        has_fallback=route.has_password,
        ping=snapshot.options.ping,
        allow_private=settings.PROXY_ALLOW_PRIVATE_UPSTREAMS,
    )


def dial_url(url: str, alias: str) -> str:
    """The URL of a backoffice for one charger: ``{identity}`` replaced, or the alias appended to the path."""
    encoded = quote(alias, safe="")
    if "{identity}" in url:
        return url.replace("{identity}", encoded)
    path, mark, query = url.partition("?")
    return f"{path.rstrip('/')}/{encoded}{mark}{query}"


def _password(row: Any, field: str = "password") -> bytes | None:
    """The password of a backoffice, or the one that it has set for the charger of a route."""
    try:
        password: bytes | None = getattr(row, field)
    except ValueError as error:  # encrypted with a key that is gone; the backoffice will refuse, others go on
        log.error("%s %s: its password can't be read, none is sent: %s", row._meta.model_name, row, error)
        return None
    return password


def set_password(route: int, password: bytes) -> None:
    """A backoffice has set another password for the charger: links of this route are dialled with it.

    The one before it is kept: it is what counts where the backoffice refuses its own.
    """
    with changes.recorded():  # its lock comes before that of any row, for all writers of configuration
        row = (
            Route.objects.select_related("backoffice")
            .select_for_update(of=("self",))
            .filter(pk=route)
            .first()
        )
        if row is None or (row.has_password and _password(row) == password):
            return
        row.previous_password = _password(row) if row.has_password else _password(row.backoffice)
        row.password = password
        row.save(update_fields=["password", "previous_password"])


def config_changes(after: int) -> tuple[int, list[int | None]]:
    """The newest change of configuration and whom the changes after ``after`` concern.

    Primary keys of chargers, each once; None among them stands for all chargers. Changes are
    committed in the order of their numbers (routing.changes).
    """
    rows = list(ConfigChange.objects.filter(pk__gt=after).order_by("pk").values_list("pk", "charger_id"))
    return (rows[-1][0] if rows else after), list(dict.fromkeys(charger for _, charger in rows))


def last_config_change() -> int:
    """The number of the newest change of configuration, 0 before the first: where polling begins."""
    return ConfigChange.objects.aggregate(last=Max("pk"))["last"] or 0


def forget_old_changes() -> int:
    """Drop changes of configuration that everybody has followed long ago; how many there were."""
    old = ConfigChange.objects.filter(at__lt=timezone.now() - CHANGES_KEPT)
    return old.delete()[0]


# Memory


def load_memory(charger: int) -> Memory:
    """What the database knows of a charger, in a fixed number of queries."""
    transactions = _transactions(charger)
    deliveries, more = _waiting(charger)
    return Memory(
        latest=_latest(charger),
        transactions=transactions,
        route_transactions=_route_transactions(charger, [row.id for row in transactions]),
        deliveries=deliveries,
        more=more,
        waiting=count_waiting(more) if more else {},
        last_seq=_last_seq(charger),
        last_proxy_transaction_id=_last_proxy_transaction_id(charger),
        identifiers=_identifiers(charger),
        alarms=_alarms(charger),
        registrations=dict(
            RouteState.objects.filter(route__charger_id=charger).values_list("route_id", "registration")
        ),
    )


def _latest(charger: int) -> list[LatestRow]:
    """The newest values, oldest first. Rows of what was forgotten long ago go: cards come and go."""
    values = list(LatestValue.objects.filter(charger_id=charger).order_by("at", "pk"))
    long_ago = timezone.now() - CHANGES_KEPT
    if gone := [value.pk for value in values if not value.payload and value.at < long_ago]:
        LatestValue.objects.filter(pk__in=gone, payload="").delete()
    return [
        LatestRow(charger=charger, kind=v.kind, key=v.key, payload=v.payload, at=v.at)
        for v in values
        if v.payload
    ]


def _identifiers(charger: int) -> list[IdentifierRow]:
    """What is open, and what was closed not long ago, oldest first; what was closed before goes."""
    now = timezone.now()
    rows = Identifier.objects.filter(charger_id=charger)
    in_sessions = Q(kind__in=[k.value for k in identifiers.IN_SESSIONS])
    old = Q(closed__lt=now - identifiers.REMEMBERED) & ~in_sessions
    gone = rows.filter(old | Q(closed__lt=now - identifiers.REMEMBERED_FOR_DELIVERY))
    if gone.exists():
        gone.delete()
    return [
        IdentifierRow(
            charger=charger,
            kind=row.kind,
            charger_identifier=row.charger_identifier,
            route=row.route_id,
            route_identifier=row.route_identifier,
            created=row.created,
            closed=row.closed,
        )
        for row in rows.order_by("created", "pk")
    ]


def _alarms(charger: int) -> list[AlarmRow]:
    return [
        AlarmRow(charger=charger, kind=row.kind, key=row.key, text=row.text, raised=row.raised)
        for row in Alarm.objects.filter(charger_id=charger, cleared=None).order_by("raised", "pk")
    ]


def load_deliveries(route: int, after: int, limit: int) -> tuple[list[DeliveryRow], bool]:
    """Up to ``limit`` waiting deliveries of a route with a seq above ``after``; whether there are more."""
    rows = list(
        Delivery.objects.filter(route_id=route, seq__gt=after, dead=False).order_by("seq")[: limit + 1]
    )
    return [_delivery_row(row) for row in rows[:limit]], len(rows) > limit


def _transactions(charger: int) -> list[TransactionRow]:
    remembered = Q(closed=None) | Q(closed__gte=timezone.now() - REMEMBERED)
    rows = Transaction.objects.filter(remembered, charger_id=charger).order_by("created", "pk")
    return [
        TransactionRow(
            **{
                name: getattr(row, name)
                for name in TransactionRow.__struct_fields__
                if name not in ("charger", "owner")
            },
            charger=charger,
            owner=row.owner_id,
        )
        for row in rows
    ]


def _route_transactions(charger: int, transactions: Iterable[Any]) -> list[RouteTransactionRow]:
    rows = RouteTransaction.objects.filter(transaction_id__in=list(transactions)).order_by("pk")
    return [
        RouteTransactionRow(
            charger=charger,
            transaction=row.transaction_id,
            route=row.route_id,
            route_transaction_id=row.route_transaction_id,
            state=cast(RouteTransactionState, row.state),
        )
        for row in rows
    ]


def _waiting(charger: int) -> tuple[dict[int, list[DeliveryRow]], set[int]]:
    """The first waiting deliveries of each route, and the routes that have more."""
    place = Window(RowNumber(), partition_by=[F("route_id")], order_by=F("seq").asc())
    rows = (
        Delivery.objects.filter(charger_id=charger, dead=False)
        .annotate(place=place)
        .filter(place__lte=DELIVERY_WINDOW + 1)
        .order_by("route_id", "seq")
    )
    deliveries: dict[int, list[DeliveryRow]] = {}
    for row in rows:
        deliveries.setdefault(row.route_id, []).append(_delivery_row(row))
    more = {route for route, found in deliveries.items() if len(found) > DELIVERY_WINDOW}
    return {route: found[:DELIVERY_WINDOW] for route, found in deliveries.items()}, more


def _delivery_row(row: Delivery) -> DeliveryRow:
    return DeliveryRow(
        charger=row.charger_id,
        route=row.route_id,
        seq=row.seq,
        exchange=row.exchange,
        at=row.at,
        action=row.action,
        payload=row.payload,
        edited=row.edited,
        transaction=row.transaction_id,
        attempts=row.attempts,
    )


def _last_seq(charger: int) -> int:
    """The highest seq of a delivery or of a recent message: numbers go on from here if a clock went back."""
    recent = Message.objects.filter(charger_id=charger).order_by("-pk").values_list("exchange", flat=True)
    waiting = Delivery.objects.filter(charger_id=charger).aggregate(last=Max("seq"))["last"]
    return max([waiting or 0, *recent[:RECENT_MESSAGES]])


def _last_proxy_transaction_id(charger: int) -> int:
    """The highest transaction number that the proxy itself gave to this charger (1.6), or 0.

    One in the proxy's band that the owner gave is known by the owner under the same number.
    """
    given_by_owner = RouteTransaction.objects.filter(
        transaction=OuterRef("pk"),
        route=OuterRef("owner"),
        route_transaction_id=OuterRef("charger_transaction_id"),
    )
    numbers = (
        Transaction.objects.filter(
            ~Exists(given_by_owner),
            charger_id=charger,
            ocpp_version="1.6",
            charger_transaction_id__regex=r"^[0-9]{10}$",  # as long as the bounds: text sorts as numbers do
            charger_transaction_id__range=(str(PROXY_BAND), str(INT32_MAX)),
        )
        .order_by("-charger_transaction_id")
        .values_list("charger_transaction_id", flat=True)
    )
    return int(numbers.first() or 0)


# Ownership


def claim(charger: int, runtime: str) -> int:
    """Make ``runtime`` the owner of a charger's session; returns the epoch under which it writes.

    The epoch grows when somebody else, or nobody, owned it; whoever did can't write any more.
    Raises UnknownCharger.
    """
    while True:
        row = ChargerSession.objects.filter(pk=charger).values_list("runtime", "epoch").first()
        if row is None:
            _create_session(charger)
            continue
        owner, epoch = row
        if owner == runtime:
            return epoch
        unchanged = ChargerSession.objects.filter(pk=charger, runtime=owner, epoch=epoch)
        if unchanged.update(runtime=runtime, epoch=epoch + 1):
            return epoch + 1


def _create_session(charger: int) -> None:
    try:
        ChargerSession.objects.bulk_create([ChargerSession(charger_id=charger)], ignore_conflicts=True)
    except IntegrityError as error:
        raise UnknownCharger(
            f"charger {charger} does not exist (any more); its session can't be claimed"
        ) from error


def release(charger: int, runtime: str, epoch: int) -> bool:
    """Give a session up. False when another runtime has it already."""
    return bool(_mine(charger, runtime, epoch).update(runtime=""))


def mark_online(charger: int, runtime: str, epoch: int, *, ocpp_version: str, remote_address: str) -> bool:
    """Record that the charger is connected, since now. False when another runtime has its session."""
    return bool(
        _mine(charger, runtime, epoch).update(
            online=True,
            ocpp_version=ocpp_version,
            remote_address=remote_address,
            connected_at=timezone.now(),
            disconnected_at=None,
        )
    )


def mark_offline(charger: int, runtime: str, epoch: int) -> bool:
    """Record that the charger has gone, now. False when another runtime has its session."""
    return bool(_mine(charger, runtime, epoch).update(online=False, disconnected_at=timezone.now()))


def _mine(charger: int, runtime: str, epoch: int) -> Any:
    return ChargerSession.objects.filter(pk=charger, runtime=runtime, epoch=epoch)


def backlog_chargers(limit: int) -> list[int]:
    """Up to ``limit`` chargers that are not online and still owe a backoffice something, at random.

    At random, so that those whose backoffice is down don't keep the others waiting. A charger counts
    as online only while the runtime that says so is alive.
    """
    alive = RuntimeProcess.objects.filter(pk=OuterRef("runtime"), beat_at__gte=Now() - RUNTIME_ALIVE)
    online = ChargerSession.objects.filter(Exists(alive), pk=OuterRef("pk"), online=True)
    waiting = Delivery.objects.filter(
        charger=OuterRef("pk"), dead=False, route__enabled=True, route__backoffice__enabled=True
    )
    chargers = apps.get_model("chargers", "Charger").objects.filter(
        ~Exists(online), Exists(waiting), enabled=True
    )
    return list(chargers.order_by("?").values_list("pk", flat=True)[:limit])
