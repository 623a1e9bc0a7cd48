"""Chargers and connectors in the REST API."""

from __future__ import annotations

from typing import Any

import django_filters
from django.db.models import F, OuterRef, Q, QuerySet, Subquery

from accounts.api.views import WriteViewSet
from chargers.api.one import OneCharger
from chargers.api.serializers import STATUSES, ChargerSerializer
from chargers.models import Charger
from routing.api.cards import cards_of
from routing.models import LatestValue


class ChargerFilter(django_filters.FilterSet):
    """``?identity=&search=&organisation=&location=&connection_status=&status=&backoffice=&enabled=``."""

    identity = django_filters.CharFilter()
    search = django_filters.CharFilter(method="searched", label="part of identity or label")
    organisation = django_filters.UUIDFilter(field_name="organisation__uuid")
    location = django_filters.UUIDFilter(field_name="location__uuid")
    connection_status = django_filters.ChoiceFilter(
        choices=[(status, status) for status in STATUSES], method="connected"
    )
    status = django_filters.CharFilter(field_name="connectors__status", distinct=True)
    backoffice = django_filters.UUIDFilter(field_name="routes__backoffice__uuid")
    ordering = django_filters.OrderingFilter(
        fields=[
            ("identity", "identity"),
            ("created_at", "created_at"),
            ("session__connected_at", "connected_at"),
        ]
    )

    class Meta:
        model = Charger
        fields = ["identity", "enabled"]

    def searched(self, rows: QuerySet[Charger], name: str, value: str) -> QuerySet[Charger]:
        return rows.filter(Q(identity__icontains=value) | Q(label__icontains=value))

    def connected(self, rows: QuerySet[Charger], name: str, value: str) -> QuerySet[Charger]:
        match value:
            case "online":
                return rows.filter(session__online=True)
            case "offline":
                return rows.filter(session__online=False, session__connected_at__isnull=False)
            case _:
                return rows.filter(session__connected_at=None)


def with_boot(chargers: QuerySet[Charger]) -> QuerySet[Charger]:
    """Chargers with what they said in their last BootNotification as ``boot``."""
    boot = LatestValue.objects.filter(charger=OuterRef("pk"), kind="boot").values("payload")[:1]
    return chargers.annotate(boot=Subquery(boot))


class ChargerViewSet(OneCharger, WriteViewSet):
    """Chargers: how they are, and what is set about them."""

    model = Charger
    queryset = Charger.objects.none()
    serializer_class = ChargerSerializer
    filterset_class = ChargerFilter
    scopes = {
        "read": "chargers:read",
        "write": "chargers:write",
        "refresh_configuration": "chargers:read",  # and that of its command
    }
    verbs = {
        "disconnect": "change",
        "credentials": "change",
        "refresh_configuration": "view",  # who may command is asked by routing.commands
    }

    def get_queryset(self) -> Any:
        rows = super().get_queryset().select_related("organisation", "location", "session")
        rows = with_boot(rows.prefetch_related("connectors")).order_by(F("identity"))
        if self.action == "configuration":
            rows = rows.annotate(sees_cards=cards_of(self.request.user, "pk"))
        return rows
