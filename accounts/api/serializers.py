"""Rows that are said in JSON, held to the rules that the model itself has."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any, TypeVar, cast

from django.db import models
from rest_framework import serializers

ModelT = TypeVar("ModelT", bound=models.Model)

if TYPE_CHECKING:
    _Serializer = serializers.ModelSerializer
else:

    class _Serializer(serializers.ModelSerializer):
        """Subscriptable, as the type checker sees it."""

        def __class_getitem__(cls, item: Any) -> Any:
            return cls


class CleanSerializer(_Serializer[ModelT]):
    """Asks the model's own ``full_clean`` before it saves; ``unasked`` are fields that it leaves alone."""

    unasked: tuple[str, ...] = ()

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        row = self.as_said(attrs)
        row.full_clean(exclude=list(self.unasked))
        return attrs

    def as_said(self, attrs: dict[str, Any]) -> Any:
        """The row as it would be; nothing is stored."""
        row = copy.copy(self.instance) if self.instance else cast(Any, self.Meta.model)()
        for name, value in attrs.items():
            setattr(row, name, value)
        return row

    def must_have_organisation(self, row: Any) -> None:
        """Only superusers make rows that belong to nobody. Raises ValidationError."""
        if row.organisation_id is None and not self.context["request"].user.is_superuser:
            raise serializers.ValidationError({"organisation": ["Say which of your organisations has it."]})
