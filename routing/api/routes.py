"""Routes and presets in the REST API."""

from __future__ import annotations

from typing import Any

import django_filters
from django.apps import apps
from rest_framework import serializers

from accounts.api.fields import OwnedRelatedField
from accounts.api.serializers import CleanSerializer
from accounts.api.views import WriteViewSet
from accounts.models import Organisation
from routing.api.health import HealthListSerializer, HealthMixin
from routing.health import health_of
from routing.models import PermissionPreset, Route

Charger: Any = apps.get_model("chargers", "Charger")
Backoffice: Any = apps.get_model("backoffices", "Backoffice")


class HealthSerializer(serializers.Serializer[Any]):
    """How a route is; ``words`` says all of it in a sentence."""

    state = serializers.CharField()
    since = serializers.DateTimeField(allow_null=True)
    last_error = serializers.CharField()
    waiting = serializers.IntegerField()
    oldest = serializers.DateTimeField(allow_null=True)
    round_trip_ms = serializers.FloatField(allow_null=True)
    dead_letters = serializers.IntegerField()
    words = serializers.CharField()


class RouteSerializer(HealthMixin, CleanSerializer[Route]):
    """A charger and a backoffice joined. ``alias``: its identity toward the backoffice, "" for its own."""

    charger = OwnedRelatedField(queryset=Charger.objects.all())
    backoffice = OwnedRelatedField(queryset=Backoffice.objects.all())
    preset = OwnedRelatedField(queryset=PermissionPreset.objects.all(), allow_null=True, required=False)
    health = HealthSerializer(read_only=True)

    class Meta:
        model = Route
        fields = [
            *(
                "uuid",
                "charger",
                "backoffice",
                "role",
                "alias",
                "enabled",
                "preset",
                "permissions",
                "options",
            ),
            *("health", "created_at"),
        ]
        read_only_fields = ["uuid", "created_at"]
        list_serializer_class = HealthListSerializer

    def health_of(self, rows: list[Any]) -> Any:
        return health_of(rows)


class RouteFilter(django_filters.FilterSet):
    """``?charger=&backoffice=&role=&enabled=&state=``; charger and backoffice by uuid."""

    charger = django_filters.UUIDFilter(field_name="charger__uuid")
    backoffice = django_filters.UUIDFilter(field_name="backoffice__uuid")
    state = django_filters.CharFilter(field_name="state__state")

    class Meta:
        model = Route
        fields = ["role", "enabled"]


class RouteViewSet(WriteViewSet):
    """Routes: who is connected to whom, and may do what."""

    model = Route
    queryset = Route.objects.none()
    serializer_class = RouteSerializer
    filterset_class = RouteFilter
    scopes = {"read": "routes:read", "write": "routes:write"}

    def get_queryset(self) -> Any:
        rows = super().get_queryset().select_related("charger", "backoffice", "state", "preset")
        return rows.order_by("charger__identity", "pk")


class PresetSerializer(CleanSerializer[PermissionPreset]):
    """Permissions of an organisation's own making, for routes to share."""

    organisation = OwnedRelatedField(queryset=Organisation.objects.all())

    class Meta:
        model = PermissionPreset
        fields = ["uuid", "organisation", "name", "role", "permissions", "created_at"]
        read_only_fields = ["uuid", "created_at"]


class PresetViewSet(WriteViewSet):
    """Presets of rights."""

    model = PermissionPreset
    queryset = PermissionPreset.objects.none()
    serializer_class = PresetSerializer
    filterset_fields = ["role", "name"]
    scopes = {"read": "routes:read", "write": "routes:write"}

    def get_queryset(self) -> Any:
        return super().get_queryset().select_related("organisation").order_by("name", "pk")
