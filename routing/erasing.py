"""Taking one person's card out of everything that is kept: of the log, sessions, lists, letters, cards.

What still waits for a backoffice keeps it until it is delivered, and so does a session that is running: both
are counted, and gone at a next run, until which the card stays among the cards. Rows are read and written few
at a time, days of the log one by one, so that the writer is not kept waiting; what was done stays done when
it is broken off.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import msgspec
from django.conf import settings
from django.db import connection, models, transaction
from django.db.models import Q, QuerySet, TextField
from django.db.models.functions import Cast, Now

from accounts.deeds import did
from accounts.models import Organisation, User
from routing.core import masking
from routing.core.erasure import ERASED, Eraser
from routing.core.lists import KIND as LOCAL_LIST
from routing.loading import RUNTIME_ALIVE
from routing.models import (
    Card,
    ChargerSession,
    Command,
    ConfigurationKey,
    Delivery,
    LatestValue,
    Message,
    RuntimeProcess,
    Transaction,
)

log = logging.getLogger(__name__)

AT_ONCE = 100
DAY = 86_400_000_000
"""Of the log, in numbers of exchanges."""

EMPTY_SPOOL = 8
"""Bytes of a file in which nothing waits."""


class StillSpooled(Exception):
    """Rows of the log wait on a disk; the message says where and what to do."""


@dataclass(slots=True)
class Erased:
    """How many rows the card was taken out of, or would be.

    ``waiting``: deliveries that keep it until they are delivered. ``running``: sessions that keep it until
    they end. ``connected``: chargers whose session may remember it until that, and lists, are renewed.
    """

    messages: int = 0
    transactions: int = 0
    remembered: int = 0
    letters: int = 0
    cards: int = 0
    waiting: int = 0
    running: int = 0
    connected: int = 0

    def __str__(self) -> str:
        done = ", ".join(f"{getattr(self, one.name)} {one.name}" for one in fields(self)[:5])
        return (
            f"{done}; kept for now by {self.waiting} deliveries that wait for a backoffice, "
            f"{self.running} running sessions, and perhaps in memory for {self.connected} connected chargers"
        )

    @property
    def is_all(self) -> bool:
        """Whether nothing holds the card any more."""
        return not (self.waiting or self.running or self.connected)


def erase(number: str, organisations: Collection[int] | None = None, *, dry_run: bool = False) -> Erased:
    """Take the card with this number out of all rows of chargers of these organisations (primary keys).

    None: out of everything. ``dry_run`` only counts. May be repeated, and must be where ``is_all`` is not
    true. Raises ValueError for no number, StillSpooled while rows of the log wait on a disk.
    """
    job = _Job(Eraser(number), organisations, dry_run=dry_run)
    if not dry_run:
        _refuse_while_spooled()
        _overwrite_what_is_deleted()
    return job.run()


class _Job:
    def __init__(self, eraser: Eraser, organisations: Collection[int] | None, *, dry_run: bool) -> None:
        self.eraser = eraser
        self.organisations = organisations
        self.dry_run = dry_run
        self.done = Erased()
        self.concerned: set[int] = set()

    def run(self) -> Erased:
        self._running()
        self._waiting()
        for rows in self._days():
            self.done.messages += self._each(rows, _message, _find_message)
        texts = {"asked": Cast("payload", TextField()), "answered": Cast("answer", TextField())}
        given = self._of_chargers(Command.objects.finished().annotate(**texts))
        self.done.messages += self._each(given.filter(self._holds(*texts, "words")), _command)
        sessions = self._of_chargers(Transaction.objects.exclude(closed=None))
        written = Q(id_tag__iexact=self.eraser.card) | self._holds("start_payload", "last_payload")
        self.done.transactions = self._each(sessions.filter(written), _transaction)
        letters = self._of_chargers(Delivery.objects.filter(dead=True))
        self.done.letters = self._each(letters.filter(self._holds("payload", "error")), _delivery)
        remembered = self._of_chargers(LatestValue.objects.all())
        held = Q(key__icontains=self.eraser.card) | self._holds("payload")
        self.done.remembered = self._each(remembered.filter(held), _latest)
        settings_of = self._of_chargers(ConfigurationKey.objects.all())
        self.done.remembered += self._each(settings_of.filter(self._holds("value")), _setting)
        self.done.cards = self._cards()
        self.done.connected = ChargerSession.objects.filter(online=True, pk__in=self.concerned).count()
        return self.done

    # -- whose, and which --------------------------------------------------------------------------------

    def _of_chargers(self, rows: QuerySet[Any]) -> QuerySet[Any]:
        if self.organisations is None:
            return rows
        chargers = ChargerSession._meta.get_field("charger").related_model
        assert chargers is not None
        owned = chargers._default_manager.filter(organisation__in=self.organisations)
        return rows.filter(charger__in=owned.values("pk"))

    def _holds(self, *columns: str) -> Q:
        """Rows in which the card may stand; written with escapes it can only be told by reading."""
        found = Q()
        escapes = ["\\u", "\\/"] if "/" in self.eraser.card else ["\\u"]
        for column in columns:
            found |= Q(**{f"{column}__icontains": self.eraser.card})
            for escape in escapes:
                found |= Q(**{f"{column}__contains": escape})
        return found

    def _days(self) -> Iterator[QuerySet[Message]]:
        """The log day by day, where there is anything: on PostgreSQL each is a table of its own."""
        held = Q(id_tag__iexact=self.eraser.card) | self._holds("text", "answer", "rule")
        at = 0
        while (first := _first_exchange(at)) is not None:
            day = first // DAY * DAY
            at = day + DAY
            yield self._of_chargers(
                Message.objects.filter(held, exchange__gte=day, exchange__lt=at).order_by("exchange", "pk")
            )

    # -- what is done ------------------------------------------------------------------------------------

    def _each(
        self,
        rows: QuerySet[Any],
        change: Callable[[Eraser, Any], dict[str, Any] | None],
        find: Callable[[Any], QuerySet[Any]] | None = None,
    ) -> int:
        """Change rows, few at a time; how many have held the card. A change of None deletes the row."""
        count, after = 0, None
        ordered = rows if find else rows.order_by("pk")
        while found := list((_behind(ordered, after) if after else ordered)[:AT_ONCE]):
            after = found[-1]
            changes = [(row, change(self.eraser, row)) for row in found]
            held = [(row, new) for row, new in changes if new != {}]
            count += len(held)
            self.concerned |= {row.charger_id for row, _ in held}
            if held and not self.dry_run:
                _write(held, find or _by_key)
        return count

    def _running(self) -> None:
        rows = self._of_chargers(Transaction.objects.filter(closed=None, id_tag__iexact=self.eraser.card))
        found = list(rows.values_list("charger_id", flat=True))
        self.done.running = len(found)
        self.concerned |= set(found)

    def _waiting(self) -> None:
        rows = self._of_chargers(Delivery.objects.filter(self._holds("payload"), dead=False))
        for row in rows.order_by("pk").iterator(AT_ONCE):
            self.done.waiting += self.eraser.text(row.action, row.payload) != row.payload

    def _cards(self) -> int:
        cards = Card.objects.all()
        if self.organisations is not None:
            cards = cards.filter(organisation__in=self.organisations)
        same, group = cards.filter(id_tag__iexact=self.eraser.card), Q(group__iexact=self.eraser.card)
        count = cards.filter(Q(pk__in=same.values("pk")) | group).count()
        if self.done.waiting or self.done.running:
            return 0  # who looks at the list of cards sees that there is work left
        if not self.dry_run and count:
            cards.filter(group).update(group="")
            same.delete()
        return count


# -- the columns of each kind of row ---------------------------------------------------------------------


def _message(eraser: Eraser, row: Message) -> dict[str, Any]:
    new = {
        "text": eraser.text(row.action, row.text),
        "answer": eraser.text(row.action, row.answer),
        "rule": eraser.words(row.rule)[:255],
        "id_tag": ERASED if eraser.is_same(row.id_tag) else row.id_tag,
    }
    return _differing(row, new)


def _transaction(eraser: Eraser, row: Transaction) -> dict[str, Any]:
    new = {
        "start_payload": eraser.text("StartTransaction", row.start_payload),
        "last_payload": eraser.text("TransactionEvent", row.last_payload),
        "id_tag": ERASED if eraser.is_same(row.id_tag) else row.id_tag,
    }
    return _differing(row, new)


def _command(eraser: Eraser, row: Command) -> dict[str, Any]:
    """One that has not ended needs it still; it goes from that one later."""
    new: dict[str, Any] = {"words": eraser.words(row.words)[:255]}
    for name in ("payload", "answer"):
        before = msgspec.json.encode(getattr(row, name)).decode()
        new[name] = msgspec.json.decode(eraser.text(row.action, before))
    short = masking.masked(eraser.card)  # as it stands where the charger has quoted it
    if new["payload"] != row.payload and short != masking.MASK:
        new["words"] = new["words"].replace(short, ERASED)[:255]
    return _differing(row, new)


def _delivery(eraser: Eraser, row: Delivery) -> dict[str, Any]:
    new = {"payload": eraser.text(row.action, row.payload), "error": eraser.words(row.error)[:255]}
    return _differing(row, new)


def _latest(eraser: Eraser, row: LatestValue) -> dict[str, Any] | None:
    if eraser.is_same(row.key):
        return None  # a verdict about the card
    if row.kind == LOCAL_LIST:
        return _differing(row, {"payload": eraser.local_list(row.key, row.payload)})
    return _differing(row, {"payload": eraser.remembered(row.payload)})


def _setting(eraser: Eraser, row: ConfigurationKey) -> dict[str, Any]:
    """Some chargers are set to a card for whoever plugs in."""
    value = ERASED if eraser.is_same(row.value) else eraser.words(row.value)
    return _differing(row, {"value": value})


def _differing(row: models.Model, new: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in new.items() if getattr(row, name) != value}


# -- the database ----------------------------------------------------------------------------------------


def _first_exchange(at: int) -> int | None:
    rows = Message.objects.filter(exchange__gte=at).order_by("exchange")
    return rows.values_list("exchange", flat=True).first()


def _behind(rows: QuerySet[Any], last: Any) -> QuerySet[Any]:
    if isinstance(last, Message):
        here = Q(exchange=last.exchange, pk__gt=last.pk)
        return rows.filter(Q(exchange__gt=last.exchange) | here)
    return rows.filter(pk__gt=last.pk)


def _find_message(row: Message) -> QuerySet[Message]:
    """A row of the log by what has an index: its ``id`` has none on PostgreSQL."""
    return Message.objects.filter(charger_id=row.charger_id, exchange=row.exchange, pk=row.pk)


def _by_key(row: models.Model) -> QuerySet[Any]:
    return type(row)._default_manager.filter(pk=row.pk)


@transaction.atomic
def _write(held: list[tuple[Any, dict[str, Any] | None]], find: Callable[[Any], QuerySet[Any]]) -> None:
    for row, new in held:
        if new is None:
            find(row).delete()
        else:
            find(row).update(**new)


def _overwrite_what_is_deleted() -> None:
    """SQLite leaves what was written in pages that it does not use any more, unless it is told not to."""
    if connection.vendor == "sqlite":
        with connection.cursor() as cursor:
            cursor.execute("PRAGMA secure_delete = ON")


def _refuse_while_spooled() -> None:
    """Raises StillSpooled: what waits on a disk would come into the database after us, with the card."""
    living = RuntimeProcess.objects.filter(beat_at__gte=Now() - RUNTIME_ALIVE)
    for name, report in living.values_list("pk", "report"):
        figures = report.get("writer") if isinstance(report, dict) else None
        if isinstance(figures, dict) and figures.get("in_spool"):
            raise StillSpooled(
                f"{figures['in_spool']} rows of the audit log wait on the disk of {name}; "
                "repeat this when they are stored (Processes: rows waiting)"
            )
    for path in sorted(Path(settings.PROXY_DATA_DIR, "spool").glob("*.spool")):
        if path.stat().st_size > EMPTY_SPOOL:
            raise StillSpooled(
                f"rows of the audit log wait in {path.name}; repeat this when the proxy that runs, "
                "or the next one that starts, has stored them"
            )


def note(erased: Erased, organisation: Organisation | None, user: User | None = None) -> None:
    """Leave it said that a card was erased, by whom and where; not which one.

    ``organisation``: at whose chargers, None for everywhere. ``user``: where not who acts now.
    """
    words = f"Erased a card {'everywhere' if organisation is None else f'at {organisation}'}: {erased}."
    log.warning("%s", words)
    did(None, words, actor=user, organisation=organisation)
