"""The log of messages in the REST API: exchanges, as the explorer folds them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers, viewsets
from rest_framework.exceptions import NotFound, ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.utils.urls import replace_query_param

from accounts.api.document import listed
from accounts.api.permissions import HasScope, has_scope
from routing.api.cards import Charger
from routing.explorer.exporting import FORMATS, export
from routing.explorer.filters import Filter
from routing.explorer.folding import Exchange
from routing.explorer.presenting import as_json
from routing.explorer.reading import DIRECTIONS, GROUPS, read_filter, read_key, write_key
from routing.explorer.search import Names, exchange_of, find
from routing.models import Message

MOST = 200

_TEXT = ("action", "error_code", "message_id", "card", "transaction", "connector", "text")
_FILTERS = [
    OpenApiParameter("charger", OpenApiTypes.UUID, description="Of this charger; needed without `from`."),
    OpenApiParameter("from", OpenApiTypes.DATETIME, description="When the exchange began, at the earliest."),
    OpenApiParameter("to", OpenApiTypes.DATETIME, description="And at the latest."),
    OpenApiParameter("direction", enum=[name for name in DIRECTIONS if name], description="Who asked."),
    OpenApiParameter("outcome", enum=[name for name in GROUPS if name], description="How it went."),
    *(OpenApiParameter(name) for name in _TEXT),
    OpenApiParameter("routine", OpenApiTypes.BOOL, description="Also heartbeats and meter values."),
    OpenApiParameter("cursor", description="Where the page before has ended."),
    OpenApiParameter("page_size", OpenApiTypes.INT, description=f"At most {MOST}."),
]


class LegSerializer(serializers.Serializer[Any]):
    """One CALL on one socket, and its answer; ``with`` names the backoffice, or ``charger``."""

    route = serializers.IntegerField(allow_null=True)
    at = serializers.DateTimeField()
    action = serializers.CharField()
    message_id = serializers.CharField()
    outcome = serializers.CharField()
    went = serializers.CharField()
    status = serializers.CharField()
    error_code = serializers.CharField()
    rule = serializers.CharField()
    latency_ms = serializers.FloatField(allow_null=True)
    size = serializers.IntegerField()
    sent = serializers.CharField()
    differs = serializers.BooleanField()
    answer = serializers.CharField()

    def get_fields(self) -> Any:
        return super().get_fields() | {"with": serializers.CharField(allow_null=True)}


class ExchangeSerializer(serializers.Serializer[Any]):
    """An exchange: a CALL, its copies, their answers, and what the asker was answered, by which rule."""

    id = serializers.CharField()
    charger = serializers.UUIDField(allow_null=True)
    identity = serializers.CharField()
    at = serializers.DateTimeField()
    kind = serializers.CharField()
    direction = serializers.CharField()
    action = serializers.CharField()
    about = serializers.ListField(child=serializers.CharField())
    went = serializers.CharField()
    answered_by = serializers.CharField()
    virtual = serializers.BooleanField()
    rule = serializers.CharField()
    latency_ms = serializers.FloatField(allow_null=True)
    transaction = serializers.UUIDField(allow_null=True)
    connector_id = serializers.IntegerField(allow_null=True)
    card = serializers.CharField()
    head = LegSerializer(allow_null=True)
    copies = LegSerializer(many=True)


class SizeSerializer(serializers.Serializer[Any]):
    """How many rows are on this page."""

    page_size = serializers.IntegerField()


Rows = list[dict[str, Any]]


class MessageViewSet(viewsets.ViewSet):
    """What passed through the proxy, the newest first; never counted."""

    permission_classes = [HasScope]
    scopes = {"read": "messages:read"}
    throttle_scope = "read"
    lookup_value_converter = "str"
    model = Message

    @extend_schema(parameters=_FILTERS, responses=listed(ExchangeSerializer, SizeSerializer()))
    def list(self, request: Request) -> Response:
        wanted = self._wanted(request)
        before = request.query_params.get("cursor", "")
        key = read_key(before) if before else None
        if before and key is None:
            raise ValidationError({"cursor": ["expected one that a page has given"]})
        page = find(request.user, wanted, before=key, limit=self._size(request), whole=True)
        rows = self._told(request, page.exchanges, page.names)
        here = request.build_absolute_uri()
        older = replace_query_param(here, "cursor", write_key(page.older)) if page.older else None
        return Response(
            {"data": rows, "meta": {"page_size": len(rows)}, "links": {"next": older, "prev": None}}
        )

    @extend_schema(
        responses=ExchangeSerializer,
        parameters=[OpenApiParameter("id", OpenApiTypes.STR, OpenApiParameter.PATH)],
    )
    def retrieve(self, request: Request, pk: str) -> Response:
        key = read_key(pk)
        found = exchange_of(request.user, key[1], key[0]) if key else None
        if found is None:
            raise NotFound("There is no such exchange, or it is not yours to see.")
        return Response(self._told(request, [found[0]], found[1])[0])

    @extend_schema(
        operation_id="messages_export",
        parameters=[
            *_FILTERS[:-2],
            OpenApiParameter("as", enum=[*FORMATS], description="jsonl unless it says otherwise."),
        ],
        responses={
            (200, "application/x-ndjson"): OpenApiTypes.BINARY,
            (200, "text/csv"): OpenApiTypes.BINARY,
        },
    )
    def export(self, request: Request) -> Any:
        """``?as=jsonl|csv``: a stream of what the filter finds."""
        form: Any = request.query_params.get("as", "jsonl")
        if form not in FORMATS:
            raise ValidationError({"as": [f"expected one of {', '.join(FORMATS)}"]})
        if not has_scope(request, "messages:sensitive"):
            raise ValidationError({"as": ["an export holds cards: it needs the scope messages:sensitive"]})
        return export(request._request, self._wanted(request), form)

    def _wanted(self, request: Request) -> Filter:
        """The filter in the address. Raises ValidationError in words."""
        given = {name: value for name, value in request.query_params.items() if value}
        if "charger" not in given and "from" not in given:
            raise ValidationError({"charger": ["Say which charger, or from when on (from)."]})
        if "charger" in given:
            serializers.UUIDField().run_validation(given["charger"])
            row = Charger.objects.visible_to(request.user).filter(uuid=given.pop("charger")).first()
            if row is None:
                raise ValidationError({"charger": ["There is no such charger, or it is not yours to see."]})
            given["charger_id"] = str(row.pk)
        if not has_scope(request, "messages:sensitive") and (given.get("card") or given.get("text")):
            raise ValidationError({"card": ["Cards are looked for with the scope messages:sensitive only."]})
        read = read_filter(request.user, given)
        if read.problem:
            raise ValidationError({"non_field_errors": [read.problem]})
        return read.wanted

    @staticmethod
    def _size(request: Request) -> int:
        text = request.query_params.get("page_size", "50")
        if not (text.isascii() and text.isdecimal() and len(text) < 6 and 0 < int(text) <= MOST):
            raise ValidationError({"page_size": [f"expected a number from 1 to {MOST}"]})
        return int(text)

    def _told(self, request: Request, found: Iterable[Exchange], names: Names) -> Rows:
        """Exchanges as JSON; chargers by their public name."""
        found = tuple(found)
        keys = {exchange.charger for exchange in found}
        public = dict(Charger.objects.filter(pk__in=keys).values_list("pk", "uuid"))
        may_see = has_scope(request, "messages:sensitive")
        rows = []
        for exchange in found:
            row = as_json(exchange, may_see and names.sees_cards(exchange.charger), names)
            row.pop("exchange")
            key = write_key((exchange.number, exchange.charger))
            rows.append({"id": key, **row, "charger": public.get(exchange.charger)})
        return rows
