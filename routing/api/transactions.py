"""Sessions of charging in the REST API."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import django_filters
from django.db.models import Prefetch
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.filters import PeriodFilter
from accounts.api.pagination import Cursors
from accounts.api.views import ReadViewSet
from routing import readings
from routing.api.cards import cards_of, sees_cards
from routing.api.readings import ReadingSerializer
from routing.core.masking import masked
from routing.explorer.why import why
from routing.models import RouteTransaction, Transaction


class KnownSerializer(serializers.ModelSerializer[RouteTransaction]):
    """How one backoffice knows a session: by its own number, once it has given one."""

    backoffice = serializers.CharField(source="route.backoffice.name")
    route = serializers.UUIDField(source="route.uuid")
    transaction_id = serializers.CharField(source="route_transaction_id", allow_null=True)

    class Meta:
        model = RouteTransaction
        fields = ["route", "backoffice", "transaction_id", "state"]
        read_only_fields = fields


class TransactionSerializer(serializers.ModelSerializer[Transaction]):
    """A session. Meter registers in Wh; times are the charger's, ``created`` and ``closed`` ours.

    ``id_tag`` is masked unless the token and the person may see cards.
    """

    charger = serializers.UUIDField(source="charger.uuid")
    identity = serializers.CharField(source="charger.identity")
    id_tag = serializers.SerializerMethodField()
    energy_wh = serializers.SerializerMethodField()
    billed_by = serializers.SerializerMethodField()
    known_as = KnownSerializer(source="route_transactions", many=True)

    class Meta:
        model = Transaction
        fields = [
            *("id", "charger", "identity", "evse_id", "connector_id", "id_tag", "charger_transaction_id"),
            *("started_at", "meter_start", "stopped_at", "meter_stop", "energy_wh", "stop_reason"),
            *("billed_by", "known_as", "ocpp_version", "created", "closed"),
        ]
        read_only_fields = fields

    def get_id_tag(self, session: Transaction) -> str:
        if not session.id_tag or sees_cards(self.context["request"], session):
            return session.id_tag
        return masked(session.id_tag)

    def get_energy_wh(self, session: Transaction) -> int | None:
        if session.meter_start is None or session.meter_stop is None:
            return None
        return session.meter_stop - session.meter_start

    def get_billed_by(self, session: Transaction) -> str:
        return session.owner.backoffice.name if session.owner else "proxy"


class TransactionDetailSerializer(TransactionSerializer):
    """The same with a few sentences on why it went as it did; none without the right to cards."""

    why = serializers.SerializerMethodField()

    class Meta(TransactionSerializer.Meta):
        fields = [*TransactionSerializer.Meta.fields, "why"]
        read_only_fields = fields

    def get_why(self, session: Transaction) -> list[str]:
        return list(why(session)) if sees_cards(self.context["request"], session) else []


class TransactionFilter(PeriodFilter):
    """``?charger=&from=&to=&open=``; times are ISO 8601."""

    moment = "created"
    charger = django_filters.UUIDFilter(field_name="charger__uuid")
    open = django_filters.BooleanFilter(field_name="closed", lookup_expr="isnull")

    class Meta:
        model = Transaction
        fields: list[str] = []


class NewestSessions(Cursors):
    ordering = ("-created", "-id")


class OldestReadings(Cursors):
    ordering = ("at", "id")


class TransactionViewSet(ReadViewSet):
    """Sessions, the newest first."""

    model = Transaction
    queryset = Transaction.objects.none()
    filterset_class = TransactionFilter
    pagination_class = NewestSessions
    lookup_field = "id"
    scopes = {"read": "transactions:read"}

    @extend_schema(responses=ReadingSerializer(many=True), filters=False)
    @action(
        detail=True,
        url_path="meter-values",
        pagination_class=OldestReadings,
        filterset_class=None,
        serializer_class=ReadingSerializer,
    )
    def meter_values(self, request: Request, id: UUID) -> Response:
        """What the meter said during the session, oldest first; thinned with age."""
        page = self.paginate_queryset(readings.of_session(self.get_object().pk))
        return self.get_paginated_response(ReadingSerializer(page, many=True).data)

    def get_serializer_class(self) -> Any:
        if self.action == "meter_values":
            return ReadingSerializer
        return TransactionDetailSerializer if self.action == "retrieve" else TransactionSerializer

    def get_queryset(self) -> Any:
        rows = super().get_queryset().select_related("charger", "owner__backoffice")
        known = RouteTransaction.objects.select_related("route__backoffice")
        rows = rows.prefetch_related(Prefetch("route_transactions", known))
        return rows.annotate(sees_cards=cards_of(self.request.user, "charger_id"))
