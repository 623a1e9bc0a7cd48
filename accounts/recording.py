"""Every change of what people decide leaves a deed, in the same transaction, whoever makes it.

Models build on ``RecordedModel``, their querysets on ``RecordedQuerySet``: whoever saves, deletes, updates
or bulk-creates such rows records it without knowing. What the traffic of chargers writes (sessions, states,
messages) does not build on them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, ClassVar, TypeVar

from django.db import models, transaction

from accounts.acting import current
from accounts.deeds import AT_ONCE, Deed, Subject, deed, in_english, subject_of
from accounts.querysets import OwnedQuerySet
from accounts.telling import PLAIN, Manners, difference

ModelT = TypeVar("ModelT", bound=models.Model)

Rows = dict[Any, models.Model]
"""Stored rows by primary key."""


class RecordedQuerySet(OwnedQuerySet[ModelT]):
    """Rows whose changes are recorded."""

    def update(self, **kwargs: Any) -> int:
        if _is_untold(self.model, kwargs):
            return super().update(**kwargs)
        with transaction.atomic():
            keys = list(self.order_by().values_list("pk", flat=True))
            before = stored(self.model, keys, lock=True)
            count = super().update(**kwargs)
            record(before, stored(self.model, keys))
        return count

    def delete(self) -> tuple[int, dict[str, int]]:
        with transaction.atomic():
            record_deletion(self.model, self.order_by().values_list("pk", flat=True))
            return super().delete()

    def bulk_create(self, objs: Iterable[Any], *args: Any, **kwargs: Any) -> list[ModelT]:
        given = list(objs)
        if not given:
            return super().bulk_create(given, *args, **kwargs)
        with transaction.atomic():
            there = stored(self.model, [row.pk for row in given if row.pk is not None])
            created = super().bulk_create(given, *args, **kwargs)
            record(there, stored(self.model, [row.pk for row in created if row.pk is not None]))
            # A database that skips conflicts does not say which rows are new.
            record({}, {id(row): row for row in created if row.pk is None})
        return created


class RecordedModel(models.Model):
    """A row that people decide about: saving and deleting it is recorded.

    ``subject()`` says what it is to a deed, where ``accounts.deeds.subject_of`` does not find out itself.
    """

    manners: ClassVar[Manners] = PLAIN
    told_with: ClassVar[tuple[str, ...]] = ()
    """Relations, besides its own, that its name and its subject need."""
    deeds_by: ClassVar[str] = ""
    """The column of a deed by which all that belongs to the row is found."""

    class Meta:
        abstract = True

    def save(self, *args: Any, **kwargs: Any) -> None:
        fields = kwargs.get("update_fields")
        if fields is not None and _is_untold(type(self), fields):
            return super().save(*args, **kwargs)
        with transaction.atomic():
            before = stored(type(self), [] if self.pk is None else [self.pk], lock=True)
            super().save(*args, **kwargs)
            record(before, stored(type(self), [self.pk]))
        return None

    def delete(self, *args: Any, **kwargs: Any) -> tuple[int, dict[str, int]]:
        with transaction.atomic():
            record_deletion(type(self), [self.pk])
            return super().delete(*args, **kwargs)


def stored(model: type[models.Model], keys: Sequence[Any], *, lock: bool = False) -> Rows:
    """Rows as the database has them, with the names of what they point at. ``lock``: until the commit."""
    related = named_with(model)
    found: Rows = {}
    for start in range(0, len(keys), AT_ONCE):
        rows = model._base_manager.filter(pk__in=keys[start : start + AT_ONCE])
        if related:
            rows = rows.select_related(*related)
        if lock:
            rows = rows.select_for_update(of=("self",), no_key=True)
        found |= {row.pk: row for row in rows}
    return found


def named_with(model: type[models.Model]) -> list[str]:
    """The relations that the names of its rows, and of what these point at, need: for ``select_related``."""
    related = [field.name for field in model._meta.concrete_fields if field.is_relation]
    return [*related, *getattr(model, "told_with", ())]


def record(before: Rows, after: Rows) -> None:
    """Store a deed for each row that is new, gone, or differs."""
    keys = dict.fromkeys([*before, *after])
    _store(one for key in keys for one in _deeds(before.get(key), after.get(key)))


def record_deletion(model: type[models.Model], keys: Iterable[Any]) -> None:
    """Store a deed for each of these rows, and for each recorded row that goes with them.

    Called before they go: a deed may point at the user or organisation that is deleted, and does until then.
    """
    going: dict[type[models.Model], set[Any]] = {}
    waiting: list[tuple[type[models.Model], set[Any]]] = [(model, set(keys))]
    while waiting:
        model, new = waiting.pop(0)
        new = new - going.setdefault(model, set())
        if new:
            going[model] |= new
            record(stored(model, sorted(new)), {})
            waiting += _taken_along(model, sorted(new))


def _taken_along(
    model: type[models.Model], keys: Sequence[Any]
) -> Iterator[tuple[type[models.Model], set[Any]]]:
    """Recorded rows that go with these because they point at them, by model."""
    for relation in model._meta.get_fields(include_hidden=True):
        if not isinstance(relation, models.ManyToOneRel) or relation.on_delete is not models.CASCADE:
            continue
        related, pointer = relation.related_model, relation.field.name
        if issubclass(related, RecordedModel):
            found: set[Any] = set()
            for start in range(0, len(keys), AT_ONCE):
                rows = related._base_manager.filter(**{f"{pointer}__in": keys[start : start + AT_ONCE]})
                found |= set(rows.values_list("pk", flat=True))
            yield related, found


def _is_untold(model: type[models.Model], names: Iterable[str]) -> bool:
    return set(names) <= getattr(model, "manners", PLAIN).untold


def _store(deeds: Iterator[Deed]) -> None:
    with in_english():
        made = list(deeds)
    if made:
        Deed.objects.bulk_create(made, batch_size=AT_ONCE)


def _deeds(before: models.Model | None, after: models.Model | None) -> Iterator[Deed]:
    row = after if after is not None else before
    was, now = difference(before, after, getattr(row, "manners", PLAIN))
    if before is None:
        yield _deed(Deed.Verb.ADDED, subject_of(after), {}, now, lambda about: f"Added {about}.")
    elif after is None:
        yield _deed(Deed.Verb.DELETED, subject_of(before), was, {}, lambda about: f"Deleted {about}.")
    elif was or now:
        yield from _changes(subject_of(before), subject_of(after), was, now)


def _changes(old: Subject, new: Subject, was: dict[str, Any], now: dict[str, Any]) -> Iterator[Deed]:
    """One deed, or where the row goes from one organisation to another, one for each of what is its own."""
    if None in (old.organisation, new.organisation) or old.organisation == new.organisation:
        about = old if new.organisation is None and old.organisation is not None else new
        names = ", ".join(name.replace("_", " ") for name in now)
        yield _deed(Deed.Verb.CHANGED, about, was, now, lambda about: f"Changed {names} of {about}.")
        return
    yield _deed(Deed.Verb.CHANGED, old, was, {}, lambda about: f"Moved {about} to another organisation.")
    yield _deed(
        Deed.Verb.CHANGED, new, {}, now, lambda about: f"Moved {about} here from another organisation."
    )


def _deed(
    verb: str, about: Subject, was: dict[str, Any], now: dict[str, Any], sentence: Callable[[str], str]
) -> Deed:
    words = current().words or sentence(about.sentence)
    return deed(verb, about, before=was, after=now, words=words)
