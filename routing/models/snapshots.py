"""Figures for people, minute by minute, so that no page counts what is large."""

from __future__ import annotations

from django.db import models
from django.db.models.functions import Coalesce

from accounts.models import Organisation
from accounts.querysets import OwnedQuerySet
from routing.models.querysets import ChargerRowQuerySet


def _number(what: str) -> models.IntegerField[int, int]:
    return models.IntegerField(what, default=0, db_default=0)


class SnapshotQuerySet(OwnedQuerySet["Snapshot"]):
    pass


class Snapshot(models.Model):
    """How an organisation's chargers were in one minute; ``organisation`` None: those that belong to none.

    ``taken_at``: when the figures of the state were last taken, None where only traffic was counted.
    ``chargers``: switched on, of which ``online`` and ``never`` (connected). ``links``: routes in use of
    chargers that are online, of which ``links_up``. ``waiting`` messages, the ``oldest`` from then;
    ``dead`` letters; ``alarms`` that last. ``messages_up`` and ``messages_down``: CALLs of chargers and to
    them in that minute; ``blocked``: those of backoffices that a rule refused.
    Rows outlive their organisation by two days, hence no constraint in the database.
    ``backoffices``: by primary key, as ``routing.snapshots.Office``; the newest minutes have it.
    """

    organisation = models.ForeignKey(
        Organisation,
        on_delete=models.DO_NOTHING,
        related_name="snapshots",
        null=True,
        blank=True,
        db_constraint=False,
    )
    minute = models.DateTimeField(db_index=True)
    taken_at = models.DateTimeField(null=True, blank=True)
    chargers = _number("chargers")
    online = _number("online")
    never = _number("never connected")
    links = _number("links")
    links_up = _number("links up")
    waiting = _number("messages waiting")
    oldest = models.DateTimeField(null=True, blank=True)
    dead = _number("dead letters")
    alarms = _number("alarms")
    messages_up = _number("messages of chargers")
    messages_down = _number("messages to chargers")
    blocked = _number("blocked calls")
    backoffices = models.JSONField(null=True, blank=True)

    objects = SnapshotQuerySet.as_manager()

    class Meta:
        ordering = ["-minute"]
        constraints = [models.UniqueConstraint(Coalesce("organisation", 0), "minute", name="one_snapshot")]

    def __str__(self) -> str:
        return f"{self.organisation or 'no organisation'} at {self.minute:%Y-%m-%d %H:%M}"


class RefusedCharge(models.Model):
    """An exchange of the audit log in which a charger was told that somebody may not charge.

    It names the exchange and nothing else: what was said, of which card, is in the log alone.
    """

    charger = models.ForeignKey(
        "chargers.Charger",
        on_delete=models.DO_NOTHING,
        related_name="refused_charges",
        db_constraint=False,
        db_index=False,
    )
    exchange = models.BigIntegerField(db_index=True)

    objects = ChargerRowQuerySet["RefusedCharge"].as_manager()

    class Meta:
        ordering = ["-exchange"]
        constraints = [
            models.UniqueConstraint(fields=["charger", "exchange"], name="one_row_per_refused_charge")
        ]

    def __str__(self) -> str:
        return f"{self.charger}: {self.exchange}"
