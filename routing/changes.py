"""Every change of configuration leaves a row, in the same transaction, that live sessions pick up.

``Charger``, ``Route`` and ``Backoffice`` build on ``ConfigModel`` and ``ConfigQuerySet``; whoever
saves, deletes, updates or bulk-creates them tells the sessions without knowing of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, ClassVar, Self, TypeVar, cast

from django.apps import apps
from django.db import connection, models, transaction

from accounts.recording import RecordedModel, RecordedQuerySet

ModelT = TypeVar("ModelT", bound=models.Model)

MANY = 100
"""A change that touches more chargers than this is recorded as one row for all of them."""

_LOCK = 0x4F435050
"""Number of the PostgreSQL advisory lock: "OCPP" in ASCII."""


def record(chargers: Iterable[int | None]) -> None:
    """Append one ConfigChange per charger (primary keys); None or very many: one row for all."""
    keys = set(chargers)
    if None in keys or len(keys) > MANY:
        keys = {None}
    change = apps.get_model("routing", "ConfigChange")
    change.objects.bulk_create([change(charger_id=key) for key in sorted(keys, key=lambda key: key or 0)])


@contextmanager
def recorded() -> Iterator[set[int | None]]:
    """A transaction that ends by recording the chargers that were put into the set it yields.

    Pollers read ``id > last``. PostgreSQL numbers rows before they are committed, so that a slow
    transaction would show a number that pollers have already passed; writers of configuration
    therefore take turns, and take theirs before they lock any row.
    """
    with transaction.atomic():
        if connection.vendor == "postgresql":
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])
        chargers: set[int | None] = set()
        yield chargers
        record(chargers)


class ConfigQuerySet(RecordedQuerySet[ModelT]):
    """Rows of configuration; ``charger_path`` leads from the row to the chargers it acts on."""

    charger_path: ClassVar[str] = "charger"

    def chargers(self) -> set[int]:
        """Primary keys of the chargers that these rows act on."""
        keys = self.order_by().values_list(self.charger_path, flat=True).distinct()
        return {key for key in keys if key is not None}

    def update(self, **kwargs: Any) -> int:
        with recorded() as changed:
            rows = self._rows(list(self.order_by().values_list("pk", flat=True)))
            changed |= rows.chargers()
            count = super().update(**kwargs)
            changed |= rows.all().chargers()
        return count

    def delete(self) -> tuple[int, dict[str, int]]:
        with recorded() as changed:
            changed |= self.chargers()
            return super().delete()

    def bulk_create(self, objs: Iterable[Any], *args: Any, **kwargs: Any) -> list[ModelT]:
        with recorded() as changed:
            created = super().bulk_create(objs, *args, **kwargs)
            keys = [row.pk for row in created]
            changed |= {None} if None in keys else self._rows(keys).chargers()
        return created

    def _rows(self, keys: list[Any]) -> Self:
        return cast(Self, self.model._default_manager.filter(pk__in=keys))


class ConfigModel(RecordedModel):
    """A row of configuration: saving and deleting it is recorded for the chargers it acts on.

    Who did it is recorded below, in ``accounts.recording``.
    """

    class Meta:
        abstract = True

    def chargers(self) -> set[int]:
        """Primary keys of the chargers that the stored row acts on now."""
        rows = cast("ConfigQuerySet[models.Model]", type(self)._default_manager.filter(pk=self.pk))
        return rows.chargers()

    def save(self, *args: Any, **kwargs: Any) -> None:
        with recorded() as changed:
            if self.pk is not None:
                changed |= self.chargers()
            super().save(*args, **kwargs)
            changed |= self.chargers()

    def delete(self, *args: Any, **kwargs: Any) -> tuple[int, dict[str, int]]:
        with recorded() as changed:
            changed |= self.chargers()
            return super().delete(*args, **kwargs)
