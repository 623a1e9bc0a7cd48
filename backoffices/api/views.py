"""Backoffices in the REST API."""

from __future__ import annotations

from typing import Any

import django_filters
from drf_spectacular.utils import extend_schema
from rest_framework.decorators import action
from rest_framework.exceptions import PermissionDenied
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.errors import Conflict
from accounts.api.views import WriteViewSet
from backoffices.api.serializers import BackofficeSerializer
from backoffices.api.trial import TrialSerializer, TriedSerializer, tried
from backoffices.models import Backoffice


class BackofficeFilter(django_filters.FilterSet):
    """``?name=&enabled=&organisation=``."""

    name = django_filters.CharFilter(lookup_expr="icontains")
    organisation = django_filters.UUIDFilter(field_name="organisation__uuid")

    class Meta:
        model = Backoffice
        fields = ["enabled"]


class BackofficeViewSet(WriteViewSet):
    """Backoffices, own ones and those that all share."""

    model = Backoffice
    queryset = Backoffice.objects.none()
    serializer_class = BackofficeSerializer
    filterset_class = BackofficeFilter
    scopes = {"read": "backoffices:read", "write": "backoffices:write"}
    verbs = {"test_one": "change", "test_new": "add"}

    @extend_schema(request=TrialSerializer, responses=TriedSerializer)
    @action(detail=True, methods=["post"], url_path="test")
    def test_one(self, request: Request, uuid: str) -> Response:
        """Dial it once, handshake only, and say step by step how that went. Nothing is stored."""
        return tried(request, self.get_object())

    @extend_schema(operation_id="backoffices_try", request=TrialSerializer, responses=TriedSerializer)
    @action(detail=False, methods=["post"], url_path="test")
    def test_new(self, request: Request) -> Response:
        """The same for one that is not stored; for those who may store one."""
        user: Any = request.user
        if not (user.is_superuser or user.organisations(changing=True).exists()):
            raise PermissionDenied("Your role does not allow this.")
        return tried(request, None)

    def get_queryset(self) -> Any:
        rows = super().get_queryset().select_related("organisation")
        return rows.with_mine(self.request.user).order_by("name")

    def destroy(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        if self.get_object().is_used_beside(request.user):
            raise Conflict("Chargers of others are connected to it; their routes would go with it.")
        return super().destroy(request, *args, **kwargs)
