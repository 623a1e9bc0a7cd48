"""Filters that several lists have."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, ClassVar

import django_filters
from django.core.exceptions import ValidationError
from django_filters.fields import IsoDateTimeField


class MomentField(IsoDateTimeField):
    """A moment that there is in UTC, too: none outside the years 1 to 9999."""

    def to_python(self, value: Any) -> datetime | None:
        moment: datetime | None = super().to_python(value)
        try:
            return moment and moment.astimezone(UTC)
        except OverflowError as error:
            raise ValidationError("expected a time of the years 1 to 9999 in UTC") from error


class MomentFilter(django_filters.IsoDateTimeFilter):
    """A moment, as ISO 8601 has it."""

    field_class = MomentField


class PeriodFilter(django_filters.FilterSet):
    """``?from=&to=``: rows whose ``moment`` is not before the one and before the other; ISO 8601."""

    moment: ClassVar[str] = "created_at"

    @classmethod
    def get_filters(cls) -> Any:
        found = super().get_filters()
        found["from"] = MomentFilter(field_name=cls.moment, lookup_expr="gte")
        found["to"] = MomentFilter(field_name=cls.moment, lookup_expr="lt")
        return found
