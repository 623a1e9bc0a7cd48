"""What programs see of backoffices. Passwords go in and never come out."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from accounts.api.fields import OwnedRelatedField
from accounts.api.serializers import CleanSerializer
from accounts.models import Organisation
from backoffices.models import Backoffice
from routing.api.health import HealthListSerializer, HealthMixin
from routing.health import backoffice_health
from routing.models import Route
from routing.password_fields import bytes_of


class BackofficeHealthSerializer(serializers.Serializer[Any]):
    """How a backoffice is over the routes that you see; ``words`` says all of it in a sentence."""

    routes = serializers.IntegerField()
    up = serializers.IntegerField()
    waiting = serializers.IntegerField()
    oldest = serializers.DateTimeField(allow_null=True)
    round_trip_ms = serializers.FloatField(allow_null=True)
    dead_letters = serializers.IntegerField()
    words = serializers.CharField()


@extend_schema_field({"type": "string", "maxLength": 500, "nullable": True})
class AddressField(serializers.CharField):
    """An address: null where whoever reads may not change the row, never null in what is sent."""


@extend_schema_field({"type": "boolean", "nullable": True})
class ShownField(serializers.BooleanField):
    """A yes or no, null for them too."""


class BackofficeSerializer(HealthMixin, CleanSerializer[Backoffice]):
    """A backoffice. One that all organisations share shows its name, not its address and user."""

    organisation = OwnedRelatedField(queryset=Organisation.objects.all(), allow_null=True, required=False)
    password = serializers.CharField(write_only=True, required=False, allow_null=True, trim_whitespace=False)
    password_is_hex = serializers.BooleanField(write_only=True, required=False, default=False)
    url = AddressField(max_length=500)
    has_password = ShownField(read_only=True)
    health = BackofficeHealthSerializer(read_only=True, allow_null=True)

    unasked = ("password",)

    class Meta:
        model = Backoffice
        fields = [
            *("uuid", "name", "organisation", "url", "username", "password", "password_is_hex"),
            *("has_password", "ocpp_versions", "catch_up", "enabled", "health", "created_at"),
        ]
        read_only_fields = ["uuid", "created_at"]
        list_serializer_class = HealthListSerializer

    def health_of(self, rows: list[Any]) -> Any:
        routes = Route.objects.visible_to(self.context["request"].user)
        return backoffice_health(routes.filter(backoffice__in=rows))

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        is_hex, password = attrs.pop("password_is_hex", False), attrs.get("password")
        if password is not None:
            try:
                attrs["password"] = bytes_of(password, is_hex=is_hex)
            except ValueError:
                wrong = "This is not hexadecimal; expected pairs of 0-9 and a-f."
                raise serializers.ValidationError({"password": [wrong]}) from None
        self.must_have_organisation(self.as_said(attrs))
        return super().validate(attrs)

    def to_representation(self, instance: Any) -> dict[str, Any]:
        said = super().to_representation(instance)
        if not getattr(instance, "is_mine", True):
            said |= {"url": None, "username": None, "has_password": None}
        return said
