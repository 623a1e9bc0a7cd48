"""What belongs to one charger: connectors, connection, password, configuration."""

from __future__ import annotations

from typing import Any

from django.db.models import Q
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.exceptions import NotFound, PermissionDenied
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.document import listed
from accounts.api.idempotency import once
from accounts.api.permissions import has_scope
from accounts.api.views import OwnedViewSet
from accounts.tokens import ApiToken
from chargers.api.serializers import STATUSES, ConnectorSerializer, status_of
from chargers.models import Charger, Connector
from chargers.onboarding.addresses import address_for
from chargers.onboarding.cards import as_hex
from chargers.onboarding.renewing import renew
from routing import nudging, readings
from routing.api import commands
from routing.api.readings import ReadingSerializer
from routing.models import ConfigurationKey


class MeteredConnectorSerializer(ConnectorSerializer):
    """A connector with what its meter said last (of OCPP 2 its EVSE's), null where it said nothing."""

    reading = ReadingSerializer(allow_null=True)

    class Meta(ConnectorSerializer.Meta):
        fields = [*ConnectorSerializer.Meta.fields, "reading"]


class ConnectionSerializer(serializers.Serializer[Any]):
    """The charger's own socket. ``waits_for``: what the charger waits for, "" for nothing."""

    connection_status = serializers.ChoiceField(choices=STATUSES)
    ocpp_version = serializers.CharField(allow_blank=True)
    connected_at = serializers.DateTimeField(allow_null=True)
    disconnected_at = serializers.DateTimeField(allow_null=True)
    remote_address = serializers.CharField(allow_blank=True)
    waits_for = serializers.CharField(allow_blank=True)


class RenewSerializer(serializers.Serializer[Any]):
    """``keep_old``: the password before works on beside the new one, until the next one is made."""

    keep_old = serializers.BooleanField(default=False)


class CredentialsSerializer(serializers.Serializer[Any]):
    """What is entered in the charger. The password is told this once."""

    identity = serializers.CharField()
    url = serializers.CharField()
    password = serializers.CharField()
    password_hex = serializers.CharField(help_text="The AuthorizationKey of OCPP 1.6.")


class SettingSerializer(serializers.ModelSerializer[ConfigurationKey]):
    """A setting as it was last seen in an answer of the charger's; never a secret."""

    value = serializers.SerializerMethodField("shown_value")

    class Meta:
        model = ConfigurationKey
        fields = ["name", "component", "variable", "instance", "value", "readonly", "seen_at"]
        read_only_fields = fields

    def shown_value(self, setting: ConfigurationKey) -> str:
        return setting.value if self.context["sees_cards"] else setting.masked_value


class NothingSerializer(serializers.Serializer[Any]):
    """Nothing is said of such a list as a whole."""


class ReadSerializer(serializers.Serializer[Any]):
    """``read_at``: when any of them was seen last, null where there is none."""

    read_at = serializers.DateTimeField(allow_null=True)


class OneCharger(OwnedViewSet):
    """Actions of one charger, for ``ChargerViewSet``."""

    def get_throttles(self) -> Any:
        asks = self.action == "refresh_configuration" or "refresh" in self.request.GET
        self.throttle_scope = "commands" if asks else "read"
        return super().get_throttles()

    @extend_schema(
        operation_id="chargers_connectors_list",
        responses=listed(MeteredConnectorSerializer, NothingSerializer()),
        filters=False,
    )
    @action(detail=True, filterset_class=None, pagination_class=None)
    def connectors(self, request: Request, uuid: str) -> Response:
        """All connectors, each with the newest reading."""
        charger = self.get_object()
        rows = _metered(charger, charger.connectors.all())
        data = MeteredConnectorSerializer(rows, many=True).data
        return Response({"data": data, "meta": {}, "links": {"next": None, "prev": None}})

    @extend_schema(
        responses=MeteredConnectorSerializer,
        filters=False,
        parameters=[OpenApiParameter("number", OpenApiTypes.INT, OpenApiParameter.PATH)],
    )
    @action(detail=True, url_path="connectors/<int:number>", filterset_class=None, pagination_class=None)
    def connector(self, request: Request, uuid: str, number: int) -> Response:
        """A connector by its number in OCPP 1.6, in OCPP 2 by that of its EVSE."""
        charger = self.get_object()
        found = connector_of(charger, number)
        if found is None:
            raise NotFound(f"The charger has not spoken of a connector {number}.")
        return Response(MeteredConnectorSerializer(_metered(charger, [found])[0]).data)

    @extend_schema(responses=ConnectionSerializer)
    @action(detail=True)
    def connection(self, request: Request, uuid: str) -> Response:
        """How the charger is connected."""
        return Response(_connection(self.get_object()))

    @extend_schema(responses={202: ConnectionSerializer})
    @connection.mapping.delete
    def disconnect(self, request: Request, uuid: str) -> Response:
        """Close its socket; it may connect again. To keep it away, set ``enabled`` to false."""
        charger = self.get_object()
        nudging.disconnect(charger)
        return Response(_connection(charger), status=202)

    @extend_schema(request=RenewSerializer, responses={201: CredentialsSerializer})
    @action(detail=True, methods=["post"])
    def credentials(self, request: Request, uuid: str) -> Response:
        """Give it a new password, told this once; with the same Idempotency-Key again it is not told."""
        return once(request, lambda: _renewed(request, self.get_object()))

    @extend_schema(
        responses={
            200: listed(SettingSerializer, ReadSerializer()),
            202: commands.CommandSerializer,
        },
        parameters=[
            OpenApiParameter("refresh", enum=["0", "1"], description="1: read them anew, with a token only.")
        ],
        filters=False,
    )
    @action(detail=True, filterset_class=None, pagination_class=None)
    def configuration(self, request: Request, uuid: str) -> Response:
        """Its settings as last seen; ``?refresh=1`` asks the charger, which is a command (202)."""
        charger = self.get_object()
        if request.query_params.get("refresh") == "1":
            if not isinstance(request.auth, ApiToken):
                raise PermissionDenied("Whoever has no token asks with a POST.")
            return _refreshed(request, charger)
        cards = has_scope(request, "messages:sensitive") and charger.sees_cards
        rows = readings.configuration(charger.pk)
        data = SettingSerializer(rows, many=True, context={"sees_cards": cards}).data
        read_at = max((row.seen_at for row in rows), default=None)
        meta = ReadSerializer({"read_at": read_at}).data
        return Response({"data": data, "meta": meta, "links": {"next": None, "prev": None}})

    @extend_schema(request=None, responses={202: commands.CommandSerializer})
    @configuration.mapping.post
    def refresh_configuration(self, request: Request, uuid: str) -> Response:
        """Ask the charger for all its settings; where to look is in ``Location``."""
        return once(request, lambda: _refreshed(request, self.get_object()))


def connector_of(charger: Charger, number: int) -> Connector | None:
    """The connector with this number; of the several of an EVSE one that is in use, if there is one."""
    rows = list(charger.connectors.filter(Q(evse_id=0, connector_id=number) | Q(evse_id=number)))
    rows = [row for row in rows if row.evse_id or row.connector_id == number]
    return next((row for row in rows if row.status != "Available"), rows[0] if rows else None)


def _metered(charger: Charger, connectors: Any) -> list[Any]:
    """The connectors, each with its ``reading``."""
    found = {(one.evse_id, one.connector_id): one for one in readings.latest(charger.pk)}
    rows = list(connectors)
    for row in rows:
        row.reading = found.get((row.evse_id, 0 if row.evse_id else row.connector_id))
    return rows


def _connection(charger: Charger) -> Any:
    session = getattr(charger, "session", None)
    told = {
        "connection_status": status_of(charger),
        "ocpp_version": getattr(session, "ocpp_version", ""),
        "connected_at": getattr(session, "connected_at", None),
        "disconnected_at": getattr(session, "disconnected_at", None),
        "remote_address": getattr(session, "remote_address", ""),
        "waits_for": getattr(session, "waits_for", ""),
    }
    return ConnectionSerializer(told).data


def _renewed(request: Request, charger: Charger) -> Response:
    read = RenewSerializer(data=request.data)
    read.is_valid(raise_exception=True)
    password = renew(charger, keep=read.validated_data["keep_old"])
    told = {
        "identity": charger.identity,
        "url": address_for(request._request, charger.identity).url,
        "password": password,
        "password_hex": as_hex(password),
    }
    body = CredentialsSerializer(told).data
    response = Response(body, status=201, headers={"Cache-Control": "no-store"})
    response.holds_secret = True  # type: ignore[attr-defined]  # accounts.api.idempotency
    return response


def _refreshed(request: Request, charger: Charger) -> Response:
    said = {"verb": "read_configuration"}
    return commands.accepted(request, commands.given(request, charger, said))
