"""What people have done: who, what, when, from where, before and after. Kept when both are gone."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, NoReturn, Self

from django.conf import settings
from django.core.exceptions import ObjectDoesNotExist
from django.db import models
from django.db.models import Q
from django.utils import timezone, translation

from accounts.acting import Via, current, new_correlation_id
from accounts.querysets import OwnedQuerySet

if TYPE_CHECKING:
    from accounts.models import Organisation, User

AT_ONCE = 500
"""Rows per statement."""


class Unalterable(TypeError):
    """Somebody wants to change or remove what is only ever added."""


@dataclass(frozen=True)
class Subject:
    """What a deed is about, in words and numbers that outlive it.

    ``kind``: the label of its model. ``charger``: primary key and identity of the charger that it
    belongs to. ``organisation``: whose members see the deed; None: superusers only.
    """

    kind: str = ""
    key: str = ""
    name: str = ""
    called: str = ""
    organisation: Organisation | None = None
    charger: tuple[int, str] | None = None

    @classmethod
    def of(cls, row: models.Model, **values: Any) -> Self:
        """A row, by its own name."""
        meta = row._meta
        known = {
            "kind": meta.label_lower,
            "key": "" if row.pk is None else str(row.pk),
            "name": str(row),
            "called": str(meta.verbose_name),
        }
        return cls(**known | values)

    @property
    def sentence(self) -> str:
        return f"{self.called} {self.name}".strip()


def in_english() -> AbstractContextManager[Any]:
    """What is recorded is read by many: it does not depend on the language of who acts."""
    return translation.override(settings.LANGUAGE_CODE)


def subject_of(row: models.Model | None) -> Subject:
    """What a row says of itself with ``subject()``; else it belongs to whom its charger or route does."""
    if row is None:
        return Subject()
    says = getattr(row, "subject", None)
    if callable(says):
        found: Subject = says()
        return found
    for name in ("charger", "route"):
        if (owner := _related(row, name)) is not None:
            whose = subject_of(owner)
            return Subject.of(row, organisation=whose.organisation, charger=whose.charger)
    return Subject.of(row, organisation=_related(row, "organisation"))


def _related(row: models.Model, name: str) -> Any:
    try:
        found = getattr(row, name, None)
    except ObjectDoesNotExist:  # a record that outlives what it belongs to
        return None
    return found if isinstance(found, models.Model) else None


class DeedQuerySet(OwnedQuerySet["Deed"]):
    """Deeds are added, and dropped when they are old; nothing else."""

    def about(self, row: models.Model) -> Self:
        """Deeds about one row, and about what belongs to it where its model says so (``deeds_by``)."""
        found = Q(subject_type=row._meta.label_lower, subject_id=str(row.pk))
        if column := getattr(row, "deeds_by", ""):
            found |= Q(**{column: row.pk})
        return self.filter(found)

    def drop(self, most: int = AT_ONCE) -> int:
        """Remove up to ``most`` of these rows for good; how many there were. For retention alone."""
        keys = list(self.order_by().values_list("pk", flat=True)[:most])
        return self.model._base_manager.filter(pk__in=keys).delete()[0]

    def update(self, **kwargs: Any) -> NoReturn:
        raise Unalterable("what was done can't be changed; add another deed")

    def delete(self) -> NoReturn:
        raise Unalterable("what was done is not removed before its time; retention calls drop")

    def bulk_create(self, objs: Any, *args: Any, **kwargs: Any) -> list[Deed]:
        if kwargs.get("update_conflicts"):
            raise Unalterable("what was done can't be changed; add another deed")
        return super().bulk_create(objs, *args, **kwargs)


class Deed(models.Model):
    """One thing that somebody has done. Written once, never changed; retention removes it.

    ``actor_name``, ``subject_name`` and the rest of the texts say what the row meant then; the keys beside
    them may lead nowhere. ``before`` and ``after``: the fields that differ, as accounts.telling tells them.
    ``correlation_id``: joins what one request or run has done, also in the log.
    """

    class Verb(models.TextChoices):
        ADDED = "added", "Added"
        CHANGED = "changed", "Changed"
        DELETED = "deleted", "Deleted"
        DID = "did", "Did"
        LOGGED_IN = "logged_in", "Logged in"
        LOGIN_FAILED = "login_failed", "Failed to log in"
        LOGGED_OUT = "logged_out", "Logged out"

    at = models.DateTimeField("when", default=timezone.now, db_index=True)
    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, related_name="+", null=True, blank=True
    )
    actor_name = models.CharField("who", max_length=255, blank=True)
    via = models.CharField(max_length=16, choices=Via.choices)
    address = models.CharField(max_length=64, blank=True)
    correlation_id = models.CharField(max_length=64, db_index=True)
    verb = models.CharField(max_length=16, choices=Verb.choices)
    subject_type = models.CharField(max_length=64, blank=True)
    subject_id = models.CharField(max_length=64, blank=True)
    subject_name = models.CharField("what", max_length=512, blank=True, db_index=True)
    charger_id = models.BigIntegerField(null=True, blank=True)
    charger_name = models.CharField("charger", max_length=255, blank=True)
    organisation = models.ForeignKey(
        "accounts.Organisation", on_delete=models.SET_NULL, related_name="+", null=True, blank=True
    )
    organisation_name = models.CharField(max_length=100, blank=True)
    before = models.JSONField(default=dict, blank=True)
    after = models.JSONField(default=dict, blank=True)
    words = models.TextField()

    objects = DeedQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        verbose_name_plural = "what people did"
        indexes = [
            models.Index(fields=["subject_type", "subject_id", "id"], name="deed_by_subject"),
            models.Index(fields=["charger_id", "id"], name="deed_by_charger"),
            models.Index(fields=["organisation", "id"], name="deed_by_organisation"),
            models.Index(fields=["actor_name", "id"], name="deed_by_actor"),
            models.Index(fields=["charger_name", "id"], name="deed_by_charger_name"),
        ]

    def __str__(self) -> str:
        return f"{self.at:%Y-%m-%d %H:%M:%S} UTC {self.actor_name}: {self.words}"

    def changes(self) -> list[tuple[str, str, str]]:
        """Field, before and after of all that differs, as texts."""
        names = dict.fromkeys([*self.before, *self.after])
        return [
            (name.replace("_", " "), _text(self.before.get(name)), _text(self.after.get(name)))
            for name in names
        ]

    def save(self, *args: Any, **kwargs: Any) -> None:
        if not self._state.adding:
            raise Unalterable("what was done can't be changed; add another deed")
        super().save(*args, **kwargs | {"force_insert": True})

    def delete(self, *args: Any, **kwargs: Any) -> NoReturn:
        raise Unalterable("what was done is not removed before its time; retention calls drop")


def _text(value: Any) -> str:
    if value is None or value == "":
        return "none"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def deed(
    verb: str,
    subject: Subject,
    *,
    words: str,
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
    actor: User | None = None,
) -> Deed:
    """A deed of whoever acts now (or of ``actor``), which the caller stores."""
    context = current()
    person = actor or context.user()
    organisation, charger = subject.organisation, subject.charger
    return Deed(
        actor_id=None if person is None else person.pk,
        actor_name=(context.actor_name if person is None else person.get_username())[:255],
        via=context.via,
        address=context.address[:64],
        correlation_id=context.correlation_id or new_correlation_id(),
        verb=verb,
        subject_type=subject.kind,
        subject_id=subject.key,
        subject_name=subject.name[:512],
        charger_id=charger[0] if charger else None,
        charger_name=charger[1] if charger else "",
        organisation=organisation,
        organisation_name=organisation.name if organisation else "",
        before=dict(before or {}),
        after=dict(after or {}),
        words=words,
    )


def did(
    subject: models.Model | None,
    words: str,
    *,
    actor: User | None = None,
    organisation: Organisation | None = None,
    details: Mapping[str, Any] | None = None,
    verb: str = Deed.Verb.DID,
) -> None:
    """Note that somebody has done something that changes no field: sent again, exported, looked at.

    ``subject``: the row that it is about, None for the whole installation, or for what ``organisation``
    has. ``words``: one sentence, for people. ``details``: more of it, stored as it is, so without secrets
    and whole numbers of cards. ``actor``: where not the one who acts now (``accounts.acting``).
    """
    with in_english():
        about = subject_of(subject)
    if organisation is not None:
        about = replace(about, organisation=organisation)
    deed(verb, about, words=words, after=details, actor=actor).save()
