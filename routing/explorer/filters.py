"""What somebody looks for in the audit log."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal
from uuid import UUID

from django.db.models import BooleanField, Exists, OuterRef, Q, QuerySet
from django.db.models.expressions import RawSQL
from django.utils.translation import gettext as _

from routing.core.rows import Outcome
from routing.models import Message, Route
from routing.models.traffic import NOT_WELL, WELL, number_at

Group = Literal["", "well", "errors", "blocked", "unanswered"]

DAY = timedelta(days=1)
DEFAULT_WINDOW = DAY
FAR_WINDOW = timedelta(days=92)
"""How far back one looks for what has an index of its own: a message id, a card."""

LATE = timedelta(days=31)
"""How long after its exchange began a delivery may fail (the option ``keep_for`` is 30 days by default)."""

TEXT_WINDOW = timedelta(days=2)
"""Within what a text is looked for: no index helps there."""

ROUTINE = ("Heartbeat", "MeterValues")
"""Actions that hide what else happens."""

ERRORS: tuple[Outcome, ...] = ("error", "malformed", "unsolicited", "timeout", "lost")

_REFUSED = Q(outcome="error", error_code="", rule__startswith="proxy: ")

_GROUPS: dict[str, Q] = {
    "errors": Q(outcome__in=ERRORS),
    "blocked": Q(outcome="denied") | _REFUSED,
    "unanswered": Q(outcome__in=("timeout", "lost", "dropped")),
}

# Written out, since SQLite takes a partial index only for a condition that it can read without parameters.
_NOT_WELL_BY_INDEX = RawSQL(
    "NOT outcome IN ({})".format(", ".join(f"'{outcome}'" for outcome in WELL)), (), BooleanField()
)
_CARD_BY_INDEX = RawSQL("NOT (id_tag = '')", (), BooleanField())


@dataclass(frozen=True, kw_only=True)
class Filter:
    """Which exchanges somebody wants to see; those that fulfil all of it.

    ``charger``, ``route`` and ``backoffice`` are primary keys, ``backoffice`` standing for all routes to it.
    ``since`` and ``until``: when the exchange began, or for errors, blocks and what was not answered,
    when that was; by default the last day, or what the other conditions allow (``window``).
    ``card`` is a whole number. ``text`` (in a frame or its answer) wants a charger and a window of at most
    TEXT_WINDOW. ``routine``: also heartbeats and meter values that went well.
    """

    charger: int | None = None
    route: int | None = None
    backoffice: int | None = None
    since: datetime | None = None
    until: datetime | None = None
    actions: tuple[str, ...] = ()
    direction: Literal["", "up", "down"] = ""
    group: Group = ""
    error_code: str = ""
    message_id: str = ""
    card: str = ""
    transaction: UUID | None = None
    connector_id: int | None = None
    text: str = ""
    routine: bool = True

    def window(self, now: datetime) -> tuple[datetime, datetime | None]:
        """From when on it is looked for, and up to when (None: no end)."""
        if self.since is not None:
            return self.since, self.until
        usual = FAR_WINDOW if self.message_id or self.card else DEFAULT_WINDOW
        return (self.until or now) - usual, self.until

    def problem(self, now: datetime) -> str:
        """Why this can't be looked for, in words; "" when it can."""
        since, until = self.window(now)
        if until is not None and until < since:
            return _("The time ends (%(until)s) before it begins (%(since)s).") % {
                "until": f"{until:%Y-%m-%d %H:%M}",
                "since": f"{since:%Y-%m-%d %H:%M}",
            }
        if self.text and self.charger is None:
            return _("A text is looked for in the messages of one charger: say which.")
        if self.text and (until or now) - since > TEXT_WINDOW:
            return _("A text is looked for in %(days)s days at most: narrow the time.") % {
                "days": TEXT_WINDOW.days
            }
        return ""

    @property
    def is_of_trouble(self) -> bool:
        """Whether only rows are wanted that did not go well; they have an index of their own."""
        return self.group in _GROUPS

    @property
    def hides_routine(self) -> bool:
        """Whether ROUTINE is left out: not where somebody looks for it, nor where it did not go well."""
        return not (self.routine or self.actions or self.message_id or self.is_of_trouble)

    @property
    def is_rare(self) -> bool:
        """Whether an index leads to few rows, whoever's they are."""
        return bool(self.message_id or self.card or self.is_of_trouble)


def blocked(rows: QuerySet[Message], since: datetime) -> QuerySet[Message]:
    """Rows of CALLs since then that were refused, found by the index of what did not go well."""
    return rows.order_by().filter(_NOT_WELL_BY_INDEX, _GROUPS["blocked"], exchange__gte=number_at(since))


def narrowed(rows: QuerySet[Message], wanted: Filter, now: datetime) -> QuerySet[Message]:
    """Rows of the exchanges that are wanted, but for their charger: at least one of each, in no order.

    Conditions about the first row of an exchange, about any one of its rows and about a text may be met
    by different rows.
    """
    since, until = wanted.window(now)
    first_exchange = number_at(since - LATE if wanted.is_of_trouble else since)
    bounds = Q(exchange__gte=first_exchange)
    if until is not None:
        bounds &= Q(exchange__lte=number_at(until))
    rows = rows.order_by().filter(bounds, _of_all(wanted))
    if wanted.is_of_trouble:
        rows = rows.filter(_NOT_WELL_BY_INDEX, at__gte=since)
        rows = rows if until is None else rows.filter(at__lte=until)
    first, *others = [group for group in _groups(wanted) if group] or [Q()]
    rows = rows.filter(first)
    if wanted.card and not wanted.is_of_trouble:
        rows = rows.filter(_CARD_BY_INDEX)
    same = Message.objects.order_by().filter(
        bounds, charger_id=OuterRef("charger_id"), exchange=OuterRef("exchange")
    )
    for other in others:
        rows = rows.filter(Exists(same.filter(other)))
    if wanted.group == "well":
        rows = rows.filter(~Exists(same.filter(NOT_WELL)))
    return rows


def _of_all(wanted: Filter) -> Q:
    """What is the same for all rows of an exchange."""
    found = Q()
    if wanted.actions:
        found &= Q(action__in=wanted.actions)
    elif wanted.hides_routine:
        found &= ~Q(action__in=ROUTINE)
    if wanted.direction:
        found &= Q(direction=wanted.direction)
    if wanted.transaction is not None:
        found &= Q(transaction_id=wanted.transaction)
    return found


def _groups(wanted: Filter) -> list[Q]:
    """Of any row, of the first row, of a text; that with an index before the others."""
    any_row, first_row, text = Q(), Q(), Q()
    if wanted.route is not None:
        any_row &= Q(route_id=wanted.route)
    if wanted.backoffice is not None:
        any_row &= Q(route_id__in=Route.objects.filter(backoffice=wanted.backoffice).values("pk"))
    if wanted.is_of_trouble:
        any_row &= _GROUPS[wanted.group]
    if wanted.error_code:
        any_row &= Q(error_code=wanted.error_code)
    if wanted.message_id:
        any_row &= Q(message_id=wanted.message_id)
    if wanted.card:
        first_row &= Q(id_tag__in={wanted.card, wanted.card.upper(), wanted.card.lower()})
    if wanted.connector_id is not None:
        first_row &= Q(connector_id=wanted.connector_id)
    if wanted.text:
        text = Q(text__icontains=wanted.text) | Q(answer__icontains=wanted.text)
    by_card = bool(wanted.card) and not wanted.is_of_trouble
    return [first_row, any_row, text] if by_card else [any_row, first_row, text]
