"""Routes and presets in the REST API."""

from __future__ import annotations

from typing import Any

import django_filters
from django.apps import apps
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.errors import Conflict
from accounts.api.fields import OwnedRelatedField
from accounts.api.idempotency import once
from accounts.api.serializers import CleanSerializer
from accounts.api.views import WriteViewSet
from accounts.models import Organisation
from routing import nudging
from routing.api.health import HealthListSerializer, HealthMixin
from routing.health import health_of
from routing.models import PermissionPreset, Route
from routing.switching import switch

Charger: Any = apps.get_model("chargers", "Charger")
Backoffice: Any = apps.get_model("backoffices", "Backoffice")


class RouteHealthSerializer(serializers.Serializer[Any]):
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
    health = RouteHealthSerializer(read_only=True)

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


class SwitchedSerializer(serializers.Serializer[Any]):
    """What came of it. ``warning``: what follows from it, "" for nothing."""

    enabled = serializers.BooleanField()
    words = serializers.CharField()
    warning = serializers.CharField()


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
    verbs = {"enable": "change", "disable": "change", "reconnect": "change"}

    @extend_schema(request=None, responses=SwitchedSerializer)
    @action(detail=True, methods=["post"])
    def enable(self, request: Request, uuid: str) -> Response:
        """Switch it on; a second billing route is refused (409). The link follows within a second."""
        return once(request, lambda: _switched(self.get_object(), enabled=True))

    @extend_schema(request=None, responses=SwitchedSerializer)
    @action(detail=True, methods=["post"])
    def disable(self, request: Request, uuid: str) -> Response:
        """Switch it off: its link is closed, what waits for its backoffice stays."""
        return once(request, lambda: _switched(self.get_object(), enabled=False))

    @extend_schema(request=None, responses={202: SwitchedSerializer})
    @action(detail=True, methods=["post"])
    def reconnect(self, request: Request, uuid: str) -> Response:
        """Close its link and dial anew."""
        return once(request, lambda: _reconnected(self.get_object()))

    def get_queryset(self) -> Any:
        rows = super().get_queryset().select_related("charger", "backoffice", "state", "preset")
        return rows.order_by("charger__identity", "pk")


def _switched(route: Route, *, enabled: bool) -> Response:
    came = switch(route, enabled=enabled)
    if not came.done:
        raise Conflict(came.words)
    return Response({"enabled": route.enabled, "words": came.words, "warning": came.warning})


def _reconnected(route: Route) -> Response:
    if not route.enabled:
        raise Conflict("This route is switched off.")
    nudging.reconnect(route)
    words = f"{route.backoffice.name} is dialled anew."
    return Response({"enabled": True, "words": words, "warning": ""}, status=202)


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
