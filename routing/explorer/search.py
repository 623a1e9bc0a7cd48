"""Exchanges found in the audit log: by index, never counted, never sorted as a whole.

First the keys of what matches, newest first, by an index that fits; then all rows of these exchanges in one
query. Whose rows somebody sees follows from the chargers that are ``visible_to`` them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.contrib.postgres.expressions import ArraySubquery
from django.db import connection
from django.db.models import BooleanField, Exists, F, Func, OuterRef, Q, QuerySet, Value
from django.db.models.functions import Left
from django.utils import timezone

from accounts.admin_base import owned
from accounts.querysets import sees_all
from routing.core.rows import MessageRow
from routing.explorer.filters import Filter, narrowed
from routing.explorer.folding import Exchange, Key, fold
from routing.models import Message, Route, Transaction

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser

    from accounts.models import User

FEW = 200
"""So many chargers are asked one by one; with more, the log is read by time."""

ROWS_EACH = 12
FEW_ROWS_EACH = 4
"""So many rows are read for each exchange that is wanted, at once; most have as many as routes, and one."""

BRIEF = 2000
"""Characters of a frame that a list reads."""

AROUND_SESSION = timedelta(minutes=5)

_FIELDS = (
    *("charger_id", "route_id", "at", "exchange", "direction", "action", "message_id", "text", "answer"),
    *("outcome", "error_code", "rule", "latency_ms", "transaction_id", "connector_id", "size", "id_tag"),
)
_NAMES = tuple(name.removesuffix("_id") if name in ("charger_id", "route_id", "transaction_id") else name
               for name in _FIELDS)  # fmt: skip


@dataclass(frozen=True, slots=True)
class SeenCharger:
    """A charger as somebody sees it; ``sees_cards``: with the cards in its messages in full.

    ``since``: the number of the first exchange that they may see.
    """

    pk: int
    identity: str
    sees_cards: bool
    since: int = 0


@dataclass(frozen=True, slots=True)
class Names:
    """How people know the chargers and backoffices of some exchanges; ``sees_all``: for a superuser."""

    chargers: Mapping[int, SeenCharger] = field(default_factory=dict)
    routes: Mapping[int, str] = field(default_factory=dict)
    sees_all: bool = False

    def charger(self, key: int) -> str:
        known = self.chargers.get(key)
        return known.identity if known else f"removed ({key})"

    def route(self, key: int | None) -> str:
        """The backoffice of a route; the charger itself for None."""
        if key is None:
            return "charger"
        return self.routes.get(key) or f"removed ({key})"

    def sees_cards(self, key: int) -> bool:
        """Whether cards in the messages of this charger are shown in full."""
        known = self.chargers.get(key)
        return self.sees_all or (known is not None and known.sees_cards)


@dataclass(frozen=True, slots=True)
class Page:
    """Exchanges, the newest first.

    ``older`` and ``newer`` are the keys with which ``find`` goes on, None where there is nothing more.
    """

    exchanges: list[Exchange]
    names: Names
    older: Key | None = None
    newer: Key | None = None


NOTHING = Page([], Names())


def find(
    user: User | AnonymousUser,
    wanted: Filter,
    before: Key | None = None,
    after: Key | None = None,
    limit: int = 50,
    *,
    whole: bool = False,
) -> Page:
    """At most ``limit`` exchanges that the user may see: older than ``before``, or next newer than ``after``.

    Frames longer than BRIEF are cut, unless ``whole``. At most five queries. What can't be looked for
    (``Filter.problem``) finds nothing.
    """
    now = timezone.now()
    if wanted.problem(now):
        return NOTHING
    if wanted.transaction is not None:
        of_session = _of_session(user, wanted, wanted.transaction)
        if of_session is None:
            return NOTHING
        wanted = of_session
    scope = _scope(user, wanted)
    if scope is not None and not scope:
        return NOTHING
    keys = _Keys(user, wanted, scope, now, before, after, limit + 1).found()
    more, keys = len(keys) > limit, keys[:limit]
    exchanges = fold(_rows(keys, whole=whole))
    came_from = after if after is not None else before
    return Page(
        exchanges,
        _names(user, exchanges, scope),
        older=min(keys) if keys and (more if after is None else True) else None,
        newer=max(keys) if keys and (more if after is not None else came_from is not None) else None,
    )


def exchange_of(user: User | AnonymousUser, charger: int, exchange: int) -> tuple[Exchange, Names] | None:
    """One exchange, whole, with its names; None where there is none that the user may see. Three queries."""
    scope = _scope(user, Filter(charger=charger))
    seen = scope is None or any(one.since <= exchange for one in scope)
    found = fold(_rows([(exchange, charger)], whole=True)) if seen else []
    return (found[0], _names(user, found, scope)) if found else None


def exchanges_of(user: User | AnonymousUser, keys: Iterable[Key]) -> Page:
    """These exchanges, whole, those of chargers that the user may not see left out. At most three queries."""
    wanted = list(keys)
    if not wanted:
        return NOTHING
    scope = _chargers(user, Q(pk__in={charger for _, charger in wanted}), len(wanted))
    since = {charger.pk: charger.since for charger in scope}
    seen = [key for key in wanted if key[1] in since and key[0] >= since[key[1]]]
    found = fold(_rows(seen, whole=True))
    return Page(found, _names(user, found, scope))


def seen_charger(user: User | AnonymousUser, condition: Q) -> SeenCharger | None:
    """The charger that the user may see and that fulfils a condition, None for none."""
    return next(iter(_chargers(user, condition, 1)), None)


def seen_chargers(user: User | AnonymousUser) -> list[SeenCharger] | None:
    """The chargers that the user may see, by identity; None for more than FEW."""
    found = _chargers(user, Q(), FEW + 1)
    return found if len(found) <= FEW else None


# -- whose --------------------------------------------------------------------------------------------


def _charger_model() -> Any:
    return Message._meta.get_field("charger").related_model


def _chargers(user: User | AnonymousUser, condition: Q, most: int) -> list[SeenCharger]:
    model = _charger_model()
    changeable: Any = Value(True, BooleanField())
    if not sees_all(user):
        changeable = Exists(owned(model).with_cards_for(user).filter(pk=OuterRef("pk")))
    rows = owned(model).visible_to(user).filter(condition).order_by("identity")
    since: Any = Value(0) if sees_all(user) else F("owned_from")
    found = rows.annotate(is_mine=changeable, since=since)
    return [SeenCharger(*row) for row in found.values_list("pk", "identity", "is_mine", "since")[:most]]


def _scope(user: User | AnonymousUser, wanted: Filter) -> list[SeenCharger] | None:
    """The chargers to look at; None for all that the user may see.

    A card is looked for only where the user may see cards, and so is a text: cards would be found with it.
    """
    if wanted.charger is not None:
        found = _chargers(user, Q(pk=wanted.charger), 1)
        if not found and sees_all(user):
            found = [SeenCharger(wanted.charger, f"removed ({wanted.charger})", sees_cards=True)]
    elif sees_all(user):
        return None
    else:
        found = _chargers(user, Q(), FEW + 1)
    if len(found) > FEW:
        return None
    return [charger for charger in found if charger.sees_cards or not (wanted.card or wanted.text)]


def _of_session(user: User | AnonymousUser, wanted: Filter, session: UUID) -> Filter | None:
    """A filter by a session is one of its charger while it lasted; None where there is no such session."""
    visible = Transaction.objects.visible_to(user).filter(pk=session)
    row = visible.values_list("charger_id", "created", "closed").first()
    if row is None or wanted.charger not in (None, row[0]):
        return None
    since = wanted.since or row[1] - AROUND_SESSION
    until = wanted.until or (row[2] + AROUND_SESSION if row[2] else None)
    return replace(wanted, charger=row[0], since=since, until=until)


def _names(user: User | AnonymousUser, exchanges: list[Exchange], scope: list[SeenCharger] | None) -> Names:
    """Chargers and routes may be gone: their names are looked up, never joined."""
    if not exchanges:
        return Names({charger.pk: charger for charger in scope or []}, sees_all=sees_all(user))
    if scope is None:
        scope = _chargers(user, Q(pk__in={x.charger for x in exchanges}), len(exchanges))
    routes = {leg.route for x in exchanges for leg in x.legs if leg.route is not None}
    named = Route.objects.filter(pk__in=routes).values_list("pk", "backoffice__name") if routes else ()
    return Names({charger.pk: charger for charger in scope}, dict(named), sees_all(user))


# -- what ---------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Keys:
    """The search for keys: nearest to where it goes on first.

    Rows are read in pieces along an index, and told apart here: DISTINCT would have a database that
    misjudges its indexes sort millions of rows.
    """

    user: User | AnonymousUser
    wanted: Filter
    scope: list[SeenCharger] | None
    now: datetime
    before: Key | None
    after: Key | None
    most: int

    def found(self) -> list[Key]:
        rows, keys = self._visible(), set[Key]()
        while len(keys) < self.most:
            piece, horizon = self._piece(rows)
            if horizon is None:
                keys.update(piece)
                break
            # Of the last exchange there may be rows of other chargers that are not read yet.
            nearer = {key for key in piece if self._is_nearer(key[0], horizon)}
            keys.update(nearer or piece)
            rows = self._from(rows, horizon, again=bool(nearer))
        return sorted(keys, reverse=self.after is None)[: self.most]

    def _visible(self) -> QuerySet[Message]:
        rows = self._beyond(narrowed(Message.objects.all(), self.wanted, self.now))
        if self.scope is None and not sees_all(self.user):
            chargers = owned(_charger_model())
            mine = chargers.with_cards_for(self.user) if self.wanted.card else chargers.visible_to(self.user)
            came = chargers.filter(pk=OuterRef("charger_id"), owned_from__gt=OuterRef("exchange"))
            return _of_many(rows, mine.order_by().values("pk")).exclude(Exists(came))
        for charger in self.scope or ():
            if charger.since and len(self.scope or ()) == 1:
                rows = rows.filter(exchange__gte=charger.since)
            elif charger.since:
                rows = rows.exclude(charger_id=charger.pk, exchange__lt=charger.since)
        return rows

    def _beyond(self, rows: QuerySet[Message]) -> QuerySet[Message]:
        """Rows on the other side of where it goes on; the bound of ``exchange`` is for the index."""
        if self.after is not None:
            number, charger = self.after
            rows = rows.filter(exchange__gte=number)
            return rows.filter(Q(exchange__gt=number) | Q(charger_id__gt=charger))
        if self.before is not None:
            number, charger = self.before
            rows = rows.filter(exchange__lte=number)
            return rows.filter(Q(exchange__lt=number) | Q(charger_id__lt=charger))
        return rows

    def _is_nearer(self, number: int, horizon: int) -> bool:
        return number > horizon if self.after is None else number < horizon

    def _from(self, rows: QuerySet[Message], horizon: int, *, again: bool) -> QuerySet[Message]:
        """Rows from the horizon on; ``again``: with those at it."""
        side = ("lt" if self.after is None else "gt") + ("e" if again else "")
        return rows.filter(**{f"exchange__{side}": horizon})

    def _piece(self, rows: QuerySet[Message]) -> tuple[list[Key], int | None]:
        """The nearest keys, and up to where they are complete; None where there are no more."""
        if self.scope is None:
            return self._along_time(rows)
        keys = [charger.pk for charger in self.scope]
        if len(keys) == 1:
            return self._along_time(rows.filter(charger_id=keys[0]))
        if self.wanted.is_rare:
            return self._along_time(_elsewhere(rows, keys))
        if connection.vendor == "postgresql":
            return self._one_by_one(rows, keys)
        return self._along_time(rows.filter(charger_id__in=keys))

    def _along_time(self, rows: QuerySet[Message]) -> tuple[list[Key], int | None]:
        most = self.most * ROWS_EACH
        found = list(self._in_order(rows).values_list("exchange", "charger_id")[:most])
        return found, found[-1][0] if len(found) == most else None

    def _one_by_one(self, rows: QuerySet[Message], chargers: list[int]) -> tuple[list[Key], int | None]:
        """Of each charger the nearest, by its own index: rows of others are never touched."""
        most = self.most * FEW_ROWS_EACH
        of_one = rows.filter(charger_id=OuterRef("pk"))
        nearest = ArraySubquery(self._in_order(of_one).values("exchange")[:most])
        asked = _charger_model()._base_manager.filter(pk__in=chargers).order_by()
        numbers = dict(asked.values_list("pk", nearest))
        ends = [found[-1] for found in numbers.values() if len(found) == most]
        horizon = (max(ends) if self.after is None else min(ends)) if ends else None
        return [(number, pk) for pk, found in numbers.items() for number in found], horizon

    def _in_order(self, rows: QuerySet[Message]) -> QuerySet[Message]:
        return rows.order_by("-exchange" if self.after is None else "exchange")


class _AnyOf(Func):
    """Whether a value is in an array: PostgreSQL makes the array once, and never a join of it."""

    template = "%(expressions)s)"
    arg_joiner = " = ANY("
    output_field = BooleanField()


def _of_many(rows: QuerySet[Message], chargers: QuerySet[Any]) -> QuerySet[Message]:
    """Rows of chargers, along another index than theirs; joined, all of a window might be sorted."""
    if connection.vendor == "postgresql":
        return rows.filter(_AnyOf(F("charger_id"), ArraySubquery(chargers)))
    return _elsewhere(rows, chargers)


def _elsewhere(rows: QuerySet[Message], chargers: Any) -> QuerySet[Message]:
    """Rows of chargers, not by the index of the chargers: what is rare has one that leads to fewer rows."""
    return rows.annotate(owner=F("charger_id") + 0).filter(owner__in=chargers)


def _rows(keys: Iterable[Key], *, whole: bool) -> list[MessageRow]:
    """All rows of these exchanges."""
    wanted = set(keys)
    if not wanted:
        return []
    rows = Message.objects.filter(
        exchange__in={number for number, _ in wanted}, charger_id__in={charger for _, charger in wanted}
    )
    cut = {} if whole else {"text": Left("text", BRIEF), "answer": Left("answer", BRIEF)}
    columns = [cut.get(name, name) for name in _FIELDS]
    found = (
        MessageRow(**dict(zip(_NAMES, row, strict=True)))
        for row in rows.order_by("exchange", "id").values_list(*columns)
    )
    return [row for row in found if (row.exchange, row.charger) in wanted]
