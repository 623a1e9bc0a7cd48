"""How rows are, asked once for all rows of a page."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rest_framework import serializers


class HealthListSerializer(serializers.ListSerializer[Any]):
    """Lets its rows know how they are, all at once."""

    def to_representation(self, data: Any) -> Any:
        rows = list(data.all() if hasattr(data, "all") else data)
        child: Any = self.child
        note(child, rows)
        return super().to_representation(rows)


class HealthMixin:
    """A serializer whose rows have ``health``; ``health_of`` says how rows are, by primary key."""

    def health_of(self, rows: list[Any]) -> Mapping[int, Any]:
        raise NotImplementedError  # each asks its own service

    def to_representation(self, instance: Any) -> dict[str, Any]:
        if not hasattr(instance, "health"):
            note(self, [instance])
        said: dict[str, Any] = super().to_representation(instance)  # type: ignore[misc]  # a serializer's
        return said


def note(serializer: Any, rows: list[Any]) -> None:
    """Keep with each row how it is."""
    known = serializer.health_of(rows)
    for row in rows:
        row.health = known.get(row.pk)
