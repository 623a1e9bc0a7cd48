"""A rehearsal: what other rights would have done with what a backoffice has asked for lately.

Nothing is stored. The log is the witness of what happened, the core decides what would have.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

import msgspec
from django.db.models import Case, TextField, Value, When
from django.utils.translation import gettext as _

from routing import rights
from routing.core import frames, policy
from routing.core.actions import Down
from routing.core.snapshot import OCPP_VERSIONS, RouteSnapshot, Verdict
from routing.models import Message
from routing.models.traffic import number_at

PERIOD = timedelta(days=7)
MOST = 20_000
"""CALLs of the backoffice that are looked at, the newest."""

MOST_ROWS = 100_000
"""Rows of the charger's log that are gone through for them: its index knows chargers, not routes."""

BY_RIGHTS = ("permission of route ", "preset ")
"""How the rule of a denial begins that rights have decided, and not a limit that all have."""


class Asked(msgspec.Struct, frozen=True, gc=False):
    """A CALL as the log has it. ``text``: its frame, "" where nobody needs it."""

    action: str
    text: str
    outcome: str
    rule: str

    @property
    def was_denied(self) -> bool:
        return self.outcome == "denied"

    @property
    def was_denied_by_rights(self) -> bool:
        return self.was_denied and self.rule.startswith(BY_RIGHTS)


class Rehearsal(msgspec.Struct, kw_only=True):
    """``blocked``, ``allowed`` and ``limited``: by action, how many CALLs would have ended differently.

    ``limited``: those that passed as they were, and would have to be its own or within limits.
    ``looked_at``: CALLs in all; ``was_cut``: older ones of the period were not looked at.
    """

    blocked: Counter[str] = msgspec.field(default_factory=Counter)
    allowed: Counter[str] = msgspec.field(default_factory=Counter)
    limited: Counter[str] = msgspec.field(default_factory=Counter)
    looked_at: int = 0
    was_cut: bool = False

    @property
    def words(self) -> list[str]:
        """What there is to tell, one sentence each; the first is the answer."""
        told = [*self._told()] or [_("This would have changed nothing.")]
        told.append(
            _("Looked at: {number} messages of this backoffice in the last 7 days.").format(
                number=self.looked_at
            )
        )
        if self.was_cut:
            told.append(_("There are more, older ones, that were not looked at."))
        return told

    def _told(self) -> Iterable[str]:
        sentences = (
            (self.blocked, _("This would have blocked {number} messages: {which}.")),
            (self.allowed, _("It would have allowed {number} messages that were blocked: {which}.")),
            (
                self.limited,
                _(
                    "It would have let {number} messages through only within limits, "
                    "or if they were about its own: {which}."
                ),
            ),
        )
        for counter, sentence in sentences:
            if counter:
                yield sentence.format(number=counter.total(), which=_listed(counter))


def _listed(counter: Counter[str]) -> str:
    return ", ".join(f"{number} {action}" for action, number in counter.most_common())


def rehearse(
    asked: Iterable[Asked], now: RouteSnapshot, then: RouteSnapshot, versions: Iterable[str] = OCPP_VERSIONS
) -> Rehearsal:
    """What the rights of ``then`` would have done with these CALLs; ``now`` has those that hold."""
    found, rows = Rehearsal(), rights.commands(versions)
    for one in asked:
        found.looked_at += 1
        row = rows.get(one.action)
        if row is not None:
            _count(found, one, row, now, then)
    return found


def _count(found: Rehearsal, one: Asked, row: Down, now: RouteSnapshot, then: RouteSnapshot) -> None:
    payload = _payload(one.text)
    would, _rule = policy.decide(row, then, payload)
    if would is Verdict.DENY:
        found.blocked[one.action] += not one.was_denied
    elif one.was_denied:
        found.allowed[one.action] += one.was_denied_by_rights
    elif would is not Verdict.ALLOW and policy.decide(row, now, payload)[0] is Verdict.ALLOW:
        found.limited[one.action] += 1
    for counter in (found.blocked, found.allowed):
        if not counter[one.action]:
            del counter[one.action]


def _payload(text: str) -> str:
    frame = frames.parse(text) if text else None
    return frame.payload if isinstance(frame, frames.Call) else "{}"


def of_log(route: Any, *, until: datetime, texts_of: Iterable[str]) -> tuple[list[Asked], bool]:
    """What the backoffice of a route has asked for in the week before ``until``, and whether that is cut.

    The newest ``MOST``. ``texts_of``: the actions of which the frames are needed. Two queries.
    """
    since = number_at(until - PERIOD)
    rows = Message.objects.filter(charger=route.charger_id, exchange__gte=since).order_by("-exchange")
    oldest = rows.values_list("exchange", flat=True)[MOST_ROWS : MOST_ROWS + 1].first()
    if oldest is not None:
        rows = rows.filter(exchange__gt=oldest)
    mine = rows.filter(route=route.pk, direction=Message.Direction.DOWN)
    text = Case(When(action__in=list(texts_of), then="text"), default=Value(""), output_field=TextField())
    found = [Asked(*row) for row in mine.values_list("action", text, "outcome", "rule")[: MOST + 1]]
    return found[:MOST], oldest is not None or len(found) > MOST


def told_apart(*snapshots: RouteSnapshot) -> set[str]:
    """Actions of which these rights tell parts apart: only of those the payload counts."""
    keys = (key for snapshot in snapshots for key in (*snapshot.permissions, *snapshot.preset))
    return {action for action, colon, _part in (key.partition(":") for key in keys) if colon}
