"""What programs see of chargers, and may say of them. No secret is ever among it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from accounts.api.fields import OwnedRelatedField
from accounts.models import Location, Organisation
from chargers.models import Charger, Connector
from routing.boot import model_of

if TYPE_CHECKING:
    _ConnectorSerializer = serializers.ModelSerializer[Connector]
    _ChargerSerializer = serializers.ModelSerializer[Charger]
else:
    _ConnectorSerializer = _ChargerSerializer = serializers.ModelSerializer

STATUSES = ["online", "offline", "never_seen"]


class ConnectorSerializer(_ConnectorSerializer):
    """One connector as it last reported itself; connector 0 is the whole charger."""

    class Meta:
        model = Connector
        fields = ["evse_id", "connector_id", "status", "error_code", "updated_at"]


class ModelField(serializers.Serializer[Any]):
    """What the charger says that it is, in its last BootNotification; empty where it has not."""

    vendor = serializers.CharField()
    name = serializers.CharField()
    firmware = serializers.CharField()
    serial = serializers.CharField()


class ChargerSerializer(_ChargerSerializer):
    """A charger. ``identity`` is the end of its URL; ``uuid`` is what addresses here are made of."""

    organisation = OwnedRelatedField(queryset=Organisation.objects.all(), allow_null=True, required=False)
    location = OwnedRelatedField(queryset=Location.objects.all(), allow_null=True, required=False)
    connection_status = serializers.SerializerMethodField()
    ocpp_version = serializers.SerializerMethodField()
    connected_at = serializers.DateTimeField(
        source="session.connected_at", read_only=True, default=None, allow_null=True
    )
    disconnected_at = serializers.DateTimeField(
        source="session.disconnected_at", read_only=True, default=None, allow_null=True
    )
    model = serializers.SerializerMethodField()
    connectors = ConnectorSerializer(many=True, read_only=True)
    has_password = serializers.SerializerMethodField()

    class Meta:
        model = Charger
        fields = [
            *("uuid", "identity", "label", "organisation", "location", "enabled"),
            *(
                "connection_status",
                "ocpp_version",
                "connected_at",
                "disconnected_at",
                "model",
                "connectors",
                "has_password",
                "options",
            ),
            *("adopted", "created_at"),
        ]
        read_only_fields = ["uuid", "adopted", "created_at"]

    @extend_schema_field({"type": "string", "enum": STATUSES})
    def get_connection_status(self, charger: Charger) -> str:
        return status_of(charger)

    def get_ocpp_version(self, charger: Charger) -> str:
        return str(getattr(getattr(charger, "session", None), "ocpp_version", ""))

    @extend_schema_field(ModelField)
    def get_model(self, charger: Any) -> dict[str, str]:
        return model_of(getattr(charger, "boot", None) or "")

    def get_has_password(self, charger: Charger) -> bool:
        return bool(charger.password_hashes)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        charger = self.instance or Charger()
        if charger.location_id and "organisation" in attrs and attrs["organisation"] != charger.organisation:
            attrs.setdefault("location", None)  # the place stays behind, with the organisation that has it
        for name, value in attrs.items():
            setattr(charger, name, value)
        if not self.context["request"].user.is_superuser and charger.organisation is None:
            raise serializers.ValidationError({"organisation": ["Say which of your organisations has it."]})
        if self.instance and "identity" in attrs and charger.password_hashes:
            raise serializers.ValidationError(
                {"identity": ["The password holds for the old identity; remove it first, or make anew."]}
            )
        charger.full_clean(exclude=["password_hashes"], validate_unique=False, validate_constraints=False)
        return attrs


def status_of(charger: Charger) -> str:
    """One of STATUSES."""
    session = getattr(charger, "session", None)
    if session is None or session.connected_at is None:
        return "never_seen"
    return "online" if session.online else "offline"
