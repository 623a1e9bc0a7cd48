"""Who asks, and what they may."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.views import RateLimitHeaders, ReadViewSet
from accounts.models import Organisation
from accounts.tokens import SCOPES, ApiToken


class OrganisationSerializer(serializers.ModelSerializer[Organisation]):
    class Meta:
        model = Organisation
        fields = ["uuid", "name", "created_at"]
        read_only_fields = fields


class OrganisationViewSet(ReadViewSet):
    """The organisations of the person who asks."""

    model = Organisation
    queryset = Organisation.objects.none()
    serializer_class = OrganisationSerializer
    scopes = {"read": "chargers:read"}


class TokenSerializer(serializers.Serializer[Any]):
    name = serializers.CharField()
    scopes = serializers.ListField(child=serializers.ChoiceField(choices=list(SCOPES)))
    expires_at = serializers.DateTimeField(allow_null=True, source="expiry")


class MeSerializer(serializers.Serializer[Any]):
    username = serializers.CharField()
    is_superuser = serializers.BooleanField()
    organisations = OrganisationSerializer(many=True)
    token = TokenSerializer(allow_null=True)


class MeView(RateLimitHeaders):
    """The person and the token behind the request."""

    permission_classes = [IsAuthenticated]
    throttle_scope = "read"

    @extend_schema(responses=MeSerializer)
    def get(self, request: Request) -> Response:
        said = {
            "username": request.user.get_username(),
            "is_superuser": request.user.is_superuser,
            "organisations": Organisation.objects.visible_to(request.user),
            "token": request.auth if isinstance(request.auth, ApiToken) else None,
        }
        return Response(MeSerializer(said).data)
