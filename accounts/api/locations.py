"""Places where organisations have chargers, in the REST API."""

from __future__ import annotations

from typing import Any

import django_filters
from django.db.models import Q, QuerySet
from drf_spectacular.utils import OpenApiExample, extend_schema_serializer

from accounts.api.fields import OwnedRelatedField
from accounts.api.serializers import CleanSerializer
from accounts.api.views import WriteViewSet
from accounts.models import Location, Organisation

EXAMPLE = {
    "organisation": "5b0f6f8e-0c57-4f0c-9b0e-0f6a0f3f9d11",
    "name": "Car park north",
    "address": "Stationsplein 1, Utrecht",
    "notes": "The key is with the porter.",
}


@extend_schema_serializer(examples=[OpenApiExample("A car park", value=EXAMPLE, request_only=True)])
class LocationSerializer(CleanSerializer[Location]):
    """A place of an organisation, which has one of each name. Chargers name it as their ``location``."""

    organisation = OwnedRelatedField(queryset=Organisation.objects.all())

    class Meta:
        model = Location
        fields = ["uuid", "organisation", "name", "address", "notes"]
        read_only_fields = ["uuid"]


class LocationFilter(django_filters.FilterSet):
    """``?organisation=&name=&search=``."""

    organisation = django_filters.UUIDFilter(field_name="organisation__uuid")
    search = django_filters.CharFilter(method="searched", label="part of name or address")

    class Meta:
        model = Location
        fields = ["name"]

    def searched(self, rows: QuerySet[Location], name: str, value: str) -> QuerySet[Location]:
        return rows.filter(Q(name__icontains=value) | Q(address__icontains=value))


class LocationViewSet(WriteViewSet):
    """Places: where chargers are. Chargers of one that is removed stay, without a place."""

    model = Location
    queryset = Location.objects.none()
    serializer_class = LocationSerializer
    filterset_class = LocationFilter
    scopes = {"read": "chargers:read", "write": "chargers:write"}

    def get_queryset(self) -> Any:
        return super().get_queryset().select_related("organisation").order_by("name", "pk")
