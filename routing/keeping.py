"""What is kept for how long: rules by kind and organisation, and how what is over goes in small transactions.

A row belongs to the organisation of its charger; rows of chargers that are gone follow the settings. Days are
those of UTC, and go whole: what is kept for 90 days is kept for 90 to 91. On PostgreSQL the audit log goes by
tables instead (``routing.partitions``), by the same rules.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from django.apps import apps
from django.conf import settings
from django.db import connection
from django.db.models import Exists, OuterRef, Q, QuerySet

from accounts.deeds import Deed, DeedQuerySet
from accounts.models import Organisation
from routing.models import Alarm, Command, Delivery, Message, Transaction
from routing.models.traffic import WELL, number_at

AT_ONCE = 500
"""Rows per transaction."""

MOST_ATTEMPTS = 10_000
"""Refused attempts: whoever tries random identities would fill the disk."""

DAY = 86_400_000_000
"""Of numbers of exchanges."""

GoOn = Callable[[], bool]
"""Whether there is time left, and nobody waits for the process to end."""


# The audit log


class Limits(NamedTuple):
    """Numbers of exchanges (microseconds): what is below goes. ``exchanges`` is for those with an error."""

    frames: int
    exchanges: int


class Span(NamedTuple):
    """Numbers of exchanges from ``start`` to before ``end``."""

    start: int
    end: int


class Keeping(NamedTuple):
    """What is kept of the audit log; ``organisations`` are those (primary keys) with limits of their own."""

    default: Limits
    organisations: Mapping[int, Limits]

    @property
    def all_limits(self) -> tuple[Limits, ...]:
        return self.default, *self.organisations.values()

    @property
    def oldest(self) -> int:
        """Nothing below is kept."""
        return min(limits.exchanges for limits in self.all_limits)

    @property
    def newest(self) -> int:
        """All from here on is kept."""
        return max(limits.frames for limits in self.all_limits)

    @property
    def settled(self) -> int:
        """Of what is below, nobody's frames are kept for their own sake."""
        return min(limits.frames for limits in self.all_limits)

    def within(self, span: Span) -> Keeping:
        """The same as far as it concerns a span."""

        def cut(number: int) -> int:
            return max(span.start, min(number, span.end))

        def of(limits: Limits) -> Limits:
            return Limits(cut(limits.frames), cut(limits.exchanges))

        default = of(self.default)
        others = {key: of(limits) for key, limits in sorted(self.organisations.items())}
        return Keeping(default, {key: limits for key, limits in others.items() if limits != default})

    def kept(self, rows: str, span: Span) -> str:
        """SQL: whether a row ``m`` of the table ``rows``, within the span, is kept.

        It needs ``self.joined()`` in the FROM clause. An exchange is kept whole: its rows have one number,
        and that number only with its charger.
        """
        not_well = (
            f"SELECT charger_id, exchange FROM {rows} WHERE outcome NOT IN {WELL} "
            f"AND exchange >= {span.start} AND exchange < {span.end}"
        )
        frames = self._limit(lambda limits: limits.frames)
        exchanges = self._limit(lambda limits: limits.exchanges)
        return (
            f"(m.exchange >= {frames} OR "
            f"(m.exchange >= {exchanges} AND (m.charger_id, m.exchange) IN ({not_well})))"
        )

    def joined(self) -> str:
        """SQL: the organisations of rows ``m``, where they matter."""
        if not self.organisations:
            return ""
        charger = apps.get_model("chargers", "Charger")._meta.db_table
        return f" LEFT JOIN {charger} AS c ON c.id = m.charger_id"

    def _limit(self, of: Callable[[Limits], int]) -> str:
        if not self.organisations:
            return str(of(self.default))
        cases = " ".join(f"WHEN {key} THEN {of(limits)}" for key, limits in self.organisations.items())
        return f"CASE c.organisation_id {cases} ELSE {of(self.default)} END"


def keeping_at(now: datetime) -> Keeping:
    """The rules for the audit log at this moment."""
    today = number_at(now) // DAY
    frames, exchanges = days_kept("frames"), days_kept("exchanges")

    def limits(key: int | None) -> Limits:
        of_frames = frames.get(key, frames[None])
        of_exchanges = max(of_frames, exchanges.get(key, exchanges[None]))
        return Limits(*((today - days) * DAY for days in (of_frames, of_exchanges)))

    default = limits(None)
    others = {key: limits(key) for key in {*frames, *exchanges} if key is not None}
    return Keeping(default, {key: its for key, its in others.items() if its != default})


def days_kept(kind: str) -> dict[int | None, int]:
    """For how many days a kind is kept, by organisation (primary key) that has its own; None: the others."""
    name = f"keep_{kind}_days"
    own = Organisation.objects.exclude(**{name: None}).order_by().values_list("pk", name)
    return {None: getattr(settings, f"PROXY_KEEP_{kind.upper()}_DAYS"), **dict(own)}


def drop_messages(keeping: Keeping, go_on: GoOn) -> int:
    """Delete what is over from the audit log where it is one table; how many rows.

    Oldest first, in pieces of about ``AT_ONCE`` rows: whoever writes gets on in between.
    """
    done = 0
    for span in _pieces(keeping.newest):
        if not go_on():
            break
        done += _drop_piece(keeping.within(span), span)
    return done


def _pieces(end: int) -> Iterator[Span]:
    rows = Message.objects.order_by("exchange").values_list("exchange", flat=True)
    start = rows.first()
    while start is not None and start < end:
        later = rows.filter(exchange__gte=start)[AT_ONCE : AT_ONCE + 1].first()
        stop = end if later is None else min(end, max(later, start + 1))
        yield Span(start, stop)
        start = stop


def _drop_piece(keeping: Keeping, span: Span) -> int:
    table = Message._meta.db_table
    over = (
        f"SELECT m.id FROM {table} AS m{keeping.joined()} WHERE m.exchange >= {span.start} "
        f"AND m.exchange < {span.end} AND NOT {keeping.kept(table, span)}"
    )
    with connection.cursor() as cursor:
        began = time.monotonic()
        # Asked first, without the lock that only one can hold: old errors are all that many pieces have.
        keys = [key for (key,) in cursor.execute(over).fetchall()]
        if keys:
            cursor.execute(f"DELETE FROM {table} WHERE id IN ({', '.join(map(str, keys))})")
    if keys:
        time.sleep(time.monotonic() - began)  # SQLite has no queue: whoever has the lock would have it again
    return len(keys)


# Everything else


def _delete_some(rows: QuerySet[Any]) -> int:
    """Delete AT_ONCE of these rows, and what hangs on them; how many of them."""
    keys = list(rows.order_by().values_list("pk", flat=True)[:AT_ONCE])
    rows.model._default_manager.filter(pk__in=keys).delete()
    return len(keys)


class Kind(NamedTuple):
    """Rows that go when all their moments ``at`` are longer ago than a kind of thing is kept (``days``).

    ``organisation`` is the path from a row to it. ``drop_some`` removes a few and says how many.
    """

    days: str
    rows: Callable[[], QuerySet[Any]]
    at: tuple[str, ...]
    organisation: str
    drop_some: Callable[[Any], int] = _delete_some


def _ended_transactions() -> QuerySet[Any]:
    """Without those of which a backoffice may still have to hear: whose ids do it then?"""
    named = Delivery.objects.filter(charger=OuterRef("charger"), transaction_id=OuterRef("pk"))
    return Transaction.objects.exclude(closed=None).filter(~Exists(named))


KINDS: Mapping[str, Kind] = {
    # created is before closed, and has an index
    "transactions": Kind("transactions", _ended_transactions, ("created", "closed"), "charger__organisation"),
    "alarms": Kind("exchanges", Alarm.objects.all, ("cleared",), "charger__organisation"),
    "commands": Kind("actions", Command.objects.finished, ("created_at",), "charger__organisation"),
    "deeds": Kind("actions", Deed.objects.all, ("at",), "organisation", DeedQuerySet.drop),
}
"""By the name of the step of the upkeep."""


def over(kind: Kind, now: datetime) -> QuerySet[Any]:
    """The rows of a kind that go."""
    days = days_kept(kind.days)
    own = [key for key in days if key is not None]
    condition = Q(**_before(kind, now, days[None])) & ~Q(**{f"{kind.organisation}__in": own})
    for key in own:
        condition |= Q(**{kind.organisation: key}, **_before(kind, now, days[key]))
    return kind.rows().filter(condition)


def _before(kind: Kind, now: datetime, days: int) -> dict[str, datetime]:
    return {f"{name}__lt": now - timedelta(days=days) for name in kind.at}


def drop(rows: QuerySet[Any], go_on: GoOn, drop_some: Callable[[Any], int] = _delete_some) -> int:
    """Delete rows, a few per transaction; how many of them."""
    done = 0
    while go_on() and (some := drop_some(rows)):
        done += some
    return done


def drop_attempts(now: datetime, go_on: GoOn) -> int:
    """Delete refused attempts that are long over, or too many: the oldest; how many."""
    attempts = apps.get_model("chargers", "RefusedAttempt")._default_manager.order_by("-last_at", "-pk")
    done = drop(attempts.filter(last_at__lt=now - timedelta(days=days_kept("frames")[None])), go_on)
    while go_on() and (keys := list(attempts.values_list("pk", flat=True)[MOST_ATTEMPTS:][:AT_ONCE])):
        done += attempts.filter(pk__in=keys).order_by().delete()[0]
    return done
