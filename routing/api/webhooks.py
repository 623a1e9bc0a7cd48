"""Webhooks, what became of their deliveries, and events for those who poll, in the REST API."""

from __future__ import annotations

from typing import Any

import django_filters
from django.http import Http404
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_field
from rest_framework import serializers, status
from rest_framework.decorators import action
from rest_framework.exceptions import ValidationError
from rest_framework.mixins import CreateModelMixin
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.fields import OwnedRelatedField
from accounts.api.filters import PeriodFilter
from accounts.api.idempotency import once
from accounts.api.pagination import Cursors
from accounts.api.serializers import CleanSerializer
from accounts.api.views import ReadViewSet, WriteViewSet
from accounts.models import Organisation
from routing.api.cards import Charger
from routing.models import Event, Webhook, WebhookDelivery
from routing.webhooks import service
from routing.webhooks.kinds import KINDS, TEST


class WebhookSerializer(CleanSerializer[Webhook]):
    """An address that is told of events. ``events``: types, all where it is empty.

    ``organisation``: null for those of the whole installation, which superusers make. Who only reads sees the
    host of the address: paths of some services are secrets.
    """

    organisation = OwnedRelatedField(queryset=Organisation.objects.all(), allow_null=True, required=False)
    charger = OwnedRelatedField(queryset=Charger.objects.all(), allow_null=True, required=False)
    events = serializers.ListField(
        child=serializers.ChoiceField(choices=[name for name in KINDS if name != TEST]), required=False
    )

    unasked = ("secret",)

    class Meta:
        model = Webhook
        fields = [
            *("uuid", "label", "organisation", "url", "events", "charger", "enabled"),
            *("disabled_reason", "failing_since", "created_at"),
        ]
        read_only_fields = ["uuid", "disabled_reason", "failing_since", "created_at"]

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        row = self.as_said(attrs)
        self.must_have_organisation(row)
        attrs = super().validate(attrs)
        if row.enabled and (self.instance is None or not self.instance.enabled):
            attrs |= Webhook.AFRESH
        return attrs

    def to_representation(self, instance: Any) -> dict[str, Any]:
        said = super().to_representation(instance)
        if not getattr(instance, "is_mine", True):
            said["url"] = instance.host
        return said


class WebhookMadeSerializer(WebhookSerializer):
    """The same with its ``secret``, told this once."""

    secret = serializers.CharField(read_only=True)

    class Meta(WebhookSerializer.Meta):
        fields = [*WebhookSerializer.Meta.fields, "secret"]


class SecretSerializer(serializers.Serializer[Any]):
    """A new secret, told this once. ``previous_until``: so long the one before it signs, too."""

    secret = serializers.CharField()
    previous_until = serializers.DateTimeField()


class DeliverySerializer(serializers.ModelSerializer[WebhookDelivery]):
    """An event on its way to a webhook; what the last try came to. ``next_at``: null where it has ended."""

    event = serializers.UUIDField(source="event.uuid")
    type = serializers.CharField(source="event.type")
    next_at = serializers.SerializerMethodField()

    class Meta:
        model = WebhookDelivery
        fields = [
            *("uuid", "event", "type", "state", "attempts", "next_at", "tried_at"),
            *("status_code", "error", "response", "took_ms"),
        ]
        read_only_fields = fields

    @extend_schema_field({"type": "string", "format": "date-time", "nullable": True})
    def get_next_at(self, delivery: WebhookDelivery) -> Any:
        return delivery.next_at if delivery.state in WebhookDelivery.OPEN else None


class WebhookFilter(django_filters.FilterSet):
    """``?organisation=&charger=&enabled=``."""

    organisation = django_filters.UUIDFilter(field_name="organisation__uuid")
    charger = django_filters.UUIDFilter(field_name="charger__uuid")

    class Meta:
        model = Webhook
        fields = ["enabled"]


class WebhookViewSet(WriteViewSet):
    """Webhooks: addresses that are told of events."""

    model = Webhook
    queryset = Webhook.objects.none()
    serializer_class = WebhookSerializer
    filterset_class = WebhookFilter
    scopes = {"read": "webhooks:read", "write": "webhooks:write"}
    verbs = {"test": "change", "rotate_secret": "change", "redeliver": "change"}

    def get_queryset(self) -> Any:
        rows = super().get_queryset().select_related("organisation", "charger")
        return rows.with_mine(self.request.user).order_by("label", "pk")

    @extend_schema(responses={201: WebhookMadeSerializer})
    def create(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        def make() -> Response:
            response = CreateModelMixin.create(self, request, *args, **kwargs)
            response.data["secret"] = self.secret
            return _with_secret(response)

        return once(request, make)

    def perform_create(self, serializer: Any) -> None:
        row = Webhook()
        self.secret = service.give_secret(row)
        serializer.save(secret=row.secret, created_by=self.request.user)

    @extend_schema(request=None, responses={202: DeliverySerializer})
    @action(detail=True, methods=["post"])
    def test(self, request: Request, uuid: Any) -> Response:
        """Send it an event of the type ``webhook.test``, also where it is switched off."""
        webhook = self.get_object()
        return once(request, lambda: _accepted(service.send_test(webhook)))

    @extend_schema(request=None, responses=SecretSerializer)
    @action(detail=True, methods=["post"], url_path="rotate-secret")
    def rotate_secret(self, request: Request, uuid: Any) -> Response:
        """Give it a new secret; for a day the one before it signs, too."""
        webhook = self.get_object()

        def rotate() -> Response:
            said = {"secret": service.rotate_secret(webhook), "previous_until": webhook.previous_until}
            return _with_secret(Response(SecretSerializer(said).data))

        return once(request, rotate)

    @extend_schema(
        filters=False,
        parameters=[OpenApiParameter("state", enum=list(WebhookDelivery.State.values))],
        responses=DeliverySerializer(many=True),
    )
    @action(detail=True, pagination_class=Cursors, filterset_class=None)
    def deliveries(self, request: Request, uuid: Any) -> Response:
        """What became of its events, the newest first; kept for a week."""
        rows = WebhookDelivery.objects.filter(webhook=self.get_object()).select_related("event")
        wanted = request.query_params.get("state")
        if wanted is not None and wanted not in WebhookDelivery.State.values:
            raise ValidationError({"state": [f"expected one of {', '.join(WebhookDelivery.State.values)}"]})
        rows = rows.filter(state=wanted) if wanted else rows
        page: Any = self.paginate_queryset(rows)
        return self.get_paginated_response(DeliverySerializer(page, many=True).data)

    @extend_schema(
        request=None,
        parameters=[OpenApiParameter("delivery", OpenApiTypes.UUID, OpenApiParameter.PATH)],
        responses={202: DeliverySerializer},
    )
    @action(detail=True, methods=["post"], url_path="deliveries/<uuid:delivery>/redeliver")
    def redeliver(self, request: Request, uuid: Any, delivery: Any) -> Response:
        """Send it once more, under the same id, with all tries before it."""
        rows = WebhookDelivery.objects.filter(webhook=self.get_object(), uuid=delivery)
        found = rows.select_related("event", "webhook").first()
        if found is None:
            raise Http404("There is no such delivery of this webhook.")
        return once(request, lambda: _accepted(service.redeliver(found)))


def _accepted(delivery: WebhookDelivery) -> Response:
    return Response(DeliverySerializer(delivery).data, status=status.HTTP_202_ACCEPTED)


def _with_secret(response: Any) -> Response:
    """Neither kept for who asks again, nor by whatever stands in between."""
    response.holds_secret = True
    response.headers["Cache-Control"] = "no-store"
    answer: Response = response
    return answer


class EventSerializer(serializers.ModelSerializer[Event]):
    """Something that has happened, as webhooks get it."""

    id = serializers.UUIDField(source="uuid")
    timestamp = serializers.DateTimeField(source="at")

    class Meta:
        model = Event
        fields = ["id", "type", "timestamp"]
        read_only_fields = fields

    def get_fields(self) -> Any:
        return super().get_fields() | {"data": serializers.DictField()}


class EventFilter(PeriodFilter):
    """``?type=&charger=&from=&to=&after=``; types are separated by commas, times are ISO 8601."""

    moment = "at"
    type = django_filters.CharFilter(method="typed", label="types, separated by commas")
    charger = django_filters.UUIDFilter(field_name="charger__uuid")
    after = django_filters.UUIDFilter(method="later", label="id of an event: those after it, oldest first")

    class Meta:
        model = Event
        fields: list[str] = []

    def typed(self, rows: Any, name: str, value: str) -> Any:
        types = value.split(",")
        if wrong := [one for one in types if one not in KINDS]:
            raise ValidationError({"type": [f'"{wrong[0][:60]}" is not a type of event']})
        return rows.filter(type__in=types)

    def later(self, rows: Any, name: str, value: Any) -> Any:
        last = Event.objects.visible_to(self.request.user).filter(uuid=value).first()
        if last is None:
            raise ValidationError({"after": ["There is no such event any more; begin with from."]})
        return rows.filter(pk__gt=last.pk)


class EventPages(Cursors):
    """The newest first; after an event, those that came next."""

    def get_ordering(self, request: Any, queryset: Any, view: Any) -> tuple[str, ...]:
        return ("pk",) if request.query_params.get("after") else ("-pk",)


class EventViewSet(ReadViewSet):
    """What has happened within a week, for those who poll; tests of webhooks are left out."""

    model = Event
    queryset = Event.objects.none()
    serializer_class = EventSerializer
    filterset_class = EventFilter
    pagination_class = EventPages
    scopes = {"read": "messages:read"}

    def get_queryset(self) -> Any:
        return super().get_queryset().exclude(type=TEST)
