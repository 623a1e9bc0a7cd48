"""Fields that name rows of ours."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers


@extend_schema_field({"type": "string", "format": "uuid"})
class OwnedRelatedField(serializers.SlugRelatedField[Any]):
    """Another row by its ``uuid``: of those that the person may point at, the others do not exist."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(slug_field="uuid", **kwargs)

    def get_queryset(self) -> Any:
        rows: Any = super().get_queryset()
        return rows.selectable_by(self.context["request"].user)

    def to_internal_value(self, data: Any) -> Any:
        try:
            return super().to_internal_value(str(UUID(str(data))))
        except ValueError:
            self.fail("invalid")
