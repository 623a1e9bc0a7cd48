"""The configuration that a session is made of, and who owns it: plain ORM, run in a thread.

Whoever holds the charger's socket claims its session; the row ``ChargerSession`` says which runtime
owns it and under which epoch, and every change of it is one conditional UPDATE.
"""

from __future__ import annotations

import hashlib
import hmac
import logging
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any, Literal, TypeVar
from urllib.parse import quote

import msgspec
from django.apps import apps
from django.conf import settings
from django.db import IntegrityError
from django.db.models import Exists, Max, OuterRef, Subquery
from django.db.models.functions import Now
from django.utils import timezone

from accounts.acting import Via, acting
from accounts.models import Organisation
from routing import cards, changes, prepared, rights
from routing.core.options import OptionError, charger_options, route_options
from routing.core.snapshot import ChargerSnapshot, RouteSnapshot
from routing.links import DialTarget
from routing.models import (
    ChargerSession,
    ConfigChange,
    Delivery,
    GuardOverride,
    PermissionPreset,
    Route,
    RuntimeProcess,
)

log = logging.getLogger(__name__)

RUNTIME_ALIVE = timedelta(seconds=10)
"""A runtime whose last proof of life is older is taken for dead."""

CHANGES_KEPT = timedelta(days=1)
"""How long a change of configuration stays for pollers, who look twice a second."""

FIRST_EPOCH = 1

OptionsT = TypeVar("OptionsT", bound=msgspec.Struct)


Spares = Literal["nobody", "connected", "living"]
"""From which other owner a session is not taken: one whose charger is connected, or any that is alive."""


class ServedElsewhere(Exception):
    """Another process has the session and keeps it; the message is a sentence.

    ``online``: whether the charger is connected to it.
    """

    def __init__(self, charger: int, owner: str, epoch: int, *, online: bool) -> None:
        super().__init__(f"charger {charger} is served by {owner}; connect again")
        self.charger = charger
        self.owner = owner
        self.epoch = epoch
        self.online = online

    def is_spared(self, spares: Spares) -> bool:
        """Whether a claim with these ``spares`` leaves it to its owner."""
        return spares == "living" or (spares == "connected" and self.online)


class UnknownCharger(LookupError):
    """There is no charger with this primary key (any more)."""


# Configuration


def load_charger(charger: int) -> tuple[ChargerSnapshot, dict[int, DialTarget]] | None:
    """The configuration of a charger (primary key) and where its routes lead, by route.

    Only enabled routes of enabled backoffices. None when the charger is disabled or does not exist.
    Options and permissions that can't be read are reported in the log and replaced: options by
    their defaults, the verdict of an action by ``deny``.
    """
    found = _CHARGER(charger)
    if not found:
        return None
    row = apps.get_model("chargers", "Charger")(**dict(zip(_OF_CHARGER, found[0], strict=True)))
    routes = [_route(row, values) for values in _ROUTES(charger)]
    snapshots = tuple(_route_snapshot(route, row.identity, until, newest) for route, until, newest in routes)
    snapshot = ChargerSnapshot(
        key=row.pk,
        identity=row.identity,
        options=_readable(row.options, charger_options, f"charger {row.identity}"),
        routes=snapshots,
        cards=cards.cards_of(row.organisation_id),
    )
    _warn_of_unknown_names(snapshot)
    targets = {route.pk: _target(route, known) for (route, *_), known in zip(routes, snapshots, strict=True)}
    return snapshot, targets


_OF_CHARGER = ("id", "identity", "options", "organisation_id")
_OF_ROUTE = (
    *("id", "role", "alias", "permissions", "options"),
    *("username", "password", "password_entered", "previous_password"),
)
_OF_BACKOFFICE = ("id", "name", "url", "username", "password", "catch_up")
_OF_PRESET = ("id", "name", "permissions")
_OF_ORGANISATION = ("id", "name")

_CHARGER = prepared.Query(
    lambda charger: (
        apps.get_model("chargers", "Charger")
        .objects.filter(pk=charger, enabled=True)
        .values_list(*_OF_CHARGER)
    ),
    int,
)

_ROUTES = prepared.Query(
    lambda charger: (
        Route.objects.filter(charger_id=charger, enabled=True, backoffice__enabled=True)
        .order_by("pk")
        .values_list(
            *_OF_ROUTE,
            *(f"backoffice__{name}" for name in _OF_BACKOFFICE),
            *(f"preset__{name}" for name in _OF_PRESET),
            *(f"preset__organisation__{name}" for name in _OF_ORGANISATION),
            Subquery(
                GuardOverride.objects.filter(route=OuterRef("pk")).order_by("-until").values("until")[:1]
            ),
            Subquery(Delivery.objects.filter(route=OuterRef("pk")).order_by("-seq").values("seq")[:1]),
        )
    ),
    int,
)


def _route(charger: Any, row: Iterable[Any]) -> tuple[Route, datetime | None, int]:
    """A route with what a snapshot needs of its backoffice and preset, until when it is overridden, and the
    highest number of its deliveries.
    """
    values = iter(row)
    route = Route(charger=charger, **dict(zip(_OF_ROUTE, values, strict=False)))
    route.backoffice = apps.get_model("backoffices", "Backoffice")(
        **dict(zip(_OF_BACKOFFICE, values, strict=False))
    )
    preset = PermissionPreset(**dict(zip(_OF_PRESET, values, strict=False)))
    organisation = Organisation(**dict(zip(_OF_ORGANISATION, values, strict=False)))
    if preset.pk is not None:
        preset.organisation = organisation
        route.preset = preset
    return route, next(values), next(values) or 0


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


def snapshot_of(route: Route) -> RouteSnapshot:
    """What a session would know of a route as it stands here, saved or not, and whether it is in use or not.

    Without its override and deliveries.
    """
    return _route_snapshot(route, route.charger.identity, None, 0)


def _route_snapshot(
    route: Route, identity: str, override_until: datetime | None, newest: int
) -> RouteSnapshot:
    backoffice: Any = route.backoffice
    whose = f"route {backoffice.name} of {identity}"
    return RouteSnapshot(
        key=route.pk,
        backoffice=backoffice.name,
        alias=route.alias or identity,
        **rights.of_route(route, identity),
        catch_up=backoffice.catch_up,
        override_until=override_until,
        options=_readable(route.options, route_options, whose),
        alias_key=_alias_key(backoffice.pk),
        newest=newest,
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
        username=_username(route, snapshot),
        password=_password(route) if route.has_password else _password(backoffice),
        fallback_password=_password(route, "previous_password") if route.has_password else None,
        has_fallback=route.has_password and not route.password_entered,
        ping=snapshot.options.ping,
        allow_private=settings.PROXY_ALLOW_PRIVATE_UPSTREAMS,
    )


def _username(route: Route, snapshot: RouteSnapshot) -> str:
    """The route's own, else the backoffice's, else the identity."""
    backoffice: Any = route.backoffice
    known = (name for name in (route.username, backoffice.username) if name is not None)
    return next(known, snapshot.alias)


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
        row.password, row.password_entered = password, False
        words = "The backoffice has set another password for the charger."
        with acting(via=Via.BACKOFFICE, actor_name=str(row.backoffice), words=words):
            row.save(update_fields=["password", "password_entered", "previous_password"])


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


# Ownership


def claim(charger: int, runtime: str, spares: Spares = "nobody") -> int:
    """Make ``runtime`` the owner of a charger's session; returns the epoch under which it writes.

    The epoch grows when somebody else, or nobody, owned it; whoever did can't write any more.
    Raises UnknownCharger, and ServedElsewhere where the owner is one that is spared.
    """
    while True:
        found = _OWNER(charger)
        if not found:
            if _create_session(charger, runtime):
                return FIRST_EPOCH
            continue
        owner, epoch, online, lives = found[0]
        if owner == runtime:
            return epoch
        if lives:
            held = ServedElsewhere(charger, owner, epoch, online=online)
            if held.is_spared(spares):
                raise held
        if _TAKE(charger, owner, epoch, runtime, epoch + 1):
            return epoch + 1


def _create_session(charger: int, runtime: str) -> bool:
    """The first session of a charger, with its owner. False when another one has made it meanwhile."""
    try:
        ChargerSession.objects.create(charger_id=charger, runtime=runtime, epoch=FIRST_EPOCH)
    except IntegrityError as error:
        if _OWNER(charger):
            return False
        raise UnknownCharger(
            f"charger {charger} does not exist (any more); its session can't be claimed"
        ) from error
    return True


def epochs(chargers: Iterable[int]) -> dict[int, tuple[str, int]]:
    """Who owns the sessions of these chargers, "" for nobody, and under which epoch."""
    rows = ChargerSession.objects.filter(pk__in=list(chargers))
    return {charger: (owner, epoch) for charger, owner, epoch in rows.values_list("pk", "runtime", "epoch")}


def release(charger: int, runtime: str, epoch: int) -> bool:
    """Give a session up. False when another runtime has it already."""
    return bool(_RELEASE(charger, runtime, epoch))


def mark_online(charger: int, runtime: str, epoch: int, *, ocpp_version: str, remote_address: str) -> bool:
    """Record that the charger is connected, since now. False when another runtime has its session."""
    now = timezone.now()
    return bool(_MARK_ONLINE(charger, runtime, epoch, ocpp_version, remote_address, now))


def mark_offline(charger: int, runtime: str, epoch: int) -> bool:
    """Record that the charger has gone, now. False when another runtime has its session."""
    return bool(_MARK_OFFLINE(charger, runtime, epoch, timezone.now()))


def _mine(charger: int, runtime: str, epoch: int) -> Any:
    return ChargerSession.objects.filter(pk=charger, runtime=runtime, epoch=epoch)


_OWNER: prepared.Query[tuple[str, int, bool, bool]] = prepared.Query(
    lambda charger: ChargerSession.objects.filter(pk=charger).values_list(
        "runtime",
        "epoch",
        "online",
        Exists(RuntimeProcess.objects.filter(pk=OuterRef("runtime"), beat_at__gte=Now() - RUNTIME_ALIVE)),
    ),
    int,
)

_TAKE = prepared.Update(
    lambda charger, owner, epoch, runtime, next_epoch: (
        _mine(charger, owner, epoch),
        {"runtime": runtime, "epoch": next_epoch, "waits_for": ""},
    ),
    *(int, str, int, str, int),
)

_RELEASE = prepared.Update(
    lambda charger, runtime, epoch: (_mine(charger, runtime, epoch), {"runtime": ""}),
    *(int, str, int),
)

_MARK_ONLINE = prepared.Update(
    lambda charger, runtime, epoch, ocpp_version, remote_address, now: (
        _mine(charger, runtime, epoch),
        {
            "online": True,
            "ocpp_version": ocpp_version,
            "remote_address": remote_address,
            "connected_at": now,
            "disconnected_at": None,
        },
    ),
    *(int, str, int, str, str, datetime),
)

_MARK_OFFLINE = prepared.Update(
    lambda charger, runtime, epoch, now: (
        _mine(charger, runtime, epoch),
        {"online": False, "disconnected_at": now},
    ),
    *(int, str, int, datetime),
)


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
