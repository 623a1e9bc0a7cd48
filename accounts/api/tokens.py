"""Tokens of the person who asks: listed and revoked here, made in the admin."""

from __future__ import annotations

from typing import Any

from rest_framework import mixins, serializers
from rest_framework.permissions import IsAuthenticated

from accounts.api.views import ReadViewSet
from accounts.tokens import SCOPES, ApiToken, revoke


class OwnTokenSerializer(serializers.ModelSerializer[ApiToken]):
    """A token without its text, which was told once. ``organisation``: null for all that its owner sees."""

    organisation = serializers.UUIDField(source="organisation.uuid", default=None, allow_null=True)
    scopes = serializers.ListField(child=serializers.ChoiceField(choices=list(SCOPES)))
    allowed_networks = serializers.ListField(child=serializers.CharField())
    created_at = serializers.DateTimeField(source="created")
    expires_at = serializers.DateTimeField(source="expiry", allow_null=True)

    class Meta:
        model = ApiToken
        fields = [
            *("uuid", "name", "token_key", "organisation", "scopes", "allowed_networks"),
            *("created_at", "expires_at", "last_used_at"),
        ]
        read_only_fields = fields


class TokenViewSet(mixins.DestroyModelMixin, ReadViewSet):
    """A person who has logged in has all tokens of their own here; a token has itself alone.

    One that has leaked can so be ended by whoever finds it, and ends no other.
    """

    model = ApiToken
    queryset = ApiToken.objects.none()
    serializer_class = OwnTokenSerializer
    permission_classes = [IsAuthenticated]
    scopes = {}

    def get_queryset(self) -> Any:
        rows = ApiToken.objects.filter(user__username=self.request.user.get_username()).select_related(
            "organisation"
        )
        if isinstance(self.request.auth, ApiToken):
            rows = rows.filter(pk=self.request.auth.pk)
        return rows.order_by("name", "created")

    def perform_destroy(self, instance: ApiToken) -> None:
        revoke(instance, by=instance.user)
