"""Celery tasks about what is kept: short commands, safe to repeat."""

from __future__ import annotations

import logging

from celery import shared_task

from accounts.models import User
from routing import erasing
from routing.models import Card

log = logging.getLogger(__name__)


@shared_task(ignore_result=True)  # type: ignore[untyped-decorator]  # Celery has no types
def erase_card(card: int, who: str, *, everywhere: bool) -> str:
    """Take a card (primary key) out of everything, of its organisation's chargers only or ``everywhere``.

    The number stays out of the broker. The row of the card goes last: while it is there, there is work left.
    What was done, in words; "" where the card is gone already.
    """
    row = Card.objects.select_related("organisation").filter(pk=card).first()
    if row is None:
        return ""
    try:
        done = erasing.erase(row.id_tag, None if everywhere else [row.organisation_id])
    except erasing.StillSpooled as problem:
        log.warning("a card that %s wants erased is not yet: %s", who, problem)
        return str(problem)
    user = User.objects.filter(username=who).first()
    erasing.note(done, None if everywhere else row.organisation, user)
    return str(done)
