"""What a person decides about dead letters, and what a backoffice is told once more: plain ORM.

A session of the charger may be live in any process meanwhile. It hears of all this as of a change of
configuration (``routing.changes``), and takes numbers above its own for what they are
(``routing.core.letters``). So what is put into a queue gets a number that no session reaches before it has
heard, and everything goes in small transactions, beside the writer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Any

from django.db.models import Max
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from accounts.deeds import did
from accounts.models import User
from routing import changes
from routing.core.rows import DEAD_LETTERS
from routing.models import Alarm, ChargerRowQuerySet, Delivery, Message, Route

AT_ONCE = 500
"""Deliveries per transaction."""

AHEAD = 3_600_000_000
"""Numbers of deliveries are microseconds: an hour, in which every live session hears of a change."""

APART = 1_000_000
"""More numbers than a session gives before it hears of a change, where its own are ahead of the clock."""


def retry(letters: ChargerRowQuerySet[Delivery], user: User) -> int:
    """Put dead letters that ``user`` may decide about back into their queues; how many there were.

    Each goes behind everything that waits for its backoffice, several in the order they had. They wait as
    long, and are tried as often, as new ones. Safe to repeat: what is no dead letter (any more) is left
    alone.
    """
    return _in_parts(letters, user, _put_back, "Sent {} dead letters again.")


def discard(letters: ChargerRowQuerySet[Delivery], user: User) -> int:
    """Do away with dead letters that ``user`` may decide about, for good; how many there were.

    The audit log says of each that it was discarded, and by whom.
    """

    def drop(charger: int, part: Sequence[Delivery]) -> None:
        rule = f"dead letter discarded by {user.get_username()}"
        Message.objects.bulk_create(_said(letter, "dropped", rule) for letter in part)
        Delivery.objects.filter(pk__in=[letter.pk for letter in part]).delete()

    return _in_parts(letters, user, drop, "Discarded {} dead letters.")


def _in_parts(
    letters: ChargerRowQuerySet[Delivery],
    user: User,
    work: Callable[[int, Sequence[Delivery]], None],
    words: str,
) -> int:
    """Do something with dead letters of one charger after the other, in transactions of their own."""
    mine = letters.changeable_by(user).filter(dead=True)
    keys = list(mine.order_by("charger_id", "seq").values_list("charger_id", "pk"))
    done: dict[int, int] = {}
    for charger, part in _parts(keys):
        with changes.recorded() as changed:
            # Read again under the lock that such changes take turns by: somebody else may have been faster.
            rows = list(Delivery.objects.filter(pk__in=part, dead=True).order_by("seq"))
            work(charger, rows)
            routes = {row.route_id for row in rows}
            end_alarms(charger, routes)
            if rows:
                changed.add(charger)
            for row in rows:
                done[row.route_id] = done.get(row.route_id, 0) + 1
    for route in Route.objects.filter(pk__in=done).select_related("charger", "backoffice"):
        log(user, route, words.format(done[route.pk]))
    return sum(done.values())


def _parts(keys: Iterable[tuple[int, int]]) -> Iterable[tuple[int, list[int]]]:
    """The rows of each charger, in pieces of ``AT_ONCE``."""
    by_charger: dict[int, list[int]] = {}
    for charger, key in keys:
        by_charger.setdefault(charger, []).append(key)
    for charger, rows in by_charger.items():
        for start in range(0, len(rows), AT_ONCE):
            yield charger, rows[start : start + AT_ONCE]


def _put_back(charger: int, part: Sequence[Delivery]) -> None:
    first, now = next_number(charger), timezone.now()
    for at, letter in enumerate(part):
        letter.seq, letter.at = first + at, now
        letter.dead, letter.died_at, letter.attempts, letter.error = False, None, 0, ""
    Delivery.objects.bulk_update(part, ["seq", "at", "dead", "died_at", "attempts", "error"])


def next_number(charger: int) -> int:
    """The first number behind everything of a charger, and above what a live session may have given.

    Call it in ``changes.recorded``, and record the charger: numbers from here on are the caller's alone.
    """
    highest = Delivery.objects.filter(charger_id=charger).aggregate(last=Max("seq"))["last"] or 0
    # A clock may have been ahead for a while: the session's numbers have stayed where that brought them.
    said = Message.objects.filter(charger_id=charger).aggregate(last=Max("exchange"))["last"] or 0
    highest = max(highest, said)
    return max(int(timezone.now().timestamp() * 1_000_000) + AHEAD, highest + APART)


def end_alarms(charger: int, routes: Iterable[int], now: datetime | None = None) -> None:
    """End the alarms of routes that have no dead letters left."""
    left = set(Delivery.objects.filter(route_id__in=routes, dead=True).values_list("route_id", flat=True))
    over = [str(route) for route in routes if route not in left]
    lasting = Alarm.objects.filter(charger_id=charger, kind=DEAD_LETTERS, key__in=over, cleared=None)
    lasting.update(cleared=now or timezone.now())


def log(user: User, route: Route, words: str) -> None:
    """Note in the history of a route what somebody has done with its messages."""
    did(route, words, actor=user)


def _said(letter: Delivery, outcome: str, rule: str) -> Message:
    """What the audit log says of a delivery that comes to an end without its backoffice."""
    return Message(
        charger_id=letter.charger_id,
        route_id=letter.route_id,
        at=timezone.now(),
        exchange=letter.exchange,
        direction=Message.Direction.UP,
        action=letter.action,
        outcome=outcome,
        rule=(f"{rule}: {letter.error}" if letter.error else rule)[:255],
        transaction_id=letter.transaction_id,
    )


def given_up(letter: Delivery, rule: str) -> Message:
    """The same of one that becomes a dead letter."""
    return _said(letter, "dropped", rule)


def words_of(letter: Any) -> str:
    """Why a delivery waits, or was given up, in words."""
    if letter.dead:
        return letter.error or _("given up")
    if not letter.attempts:
        return _("waits for its turn")
    words = ngettext("after %(number)s try: %(error)s", "after %(number)s tries: %(error)s", letter.attempts)
    return words % {"number": letter.attempts, "error": letter.error}
