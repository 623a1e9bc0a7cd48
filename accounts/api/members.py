"""Who belongs to an organisation, as what and until when, in the REST API. Inviting is the admin's."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

import django_filters
from django.db import transaction
from django.db.models import Exists, OuterRef, QuerySet
from django.utils import timezone
from drf_spectacular.utils import OpenApiExample, extend_schema_serializer
from rest_framework import mixins, serializers
from rest_framework.exceptions import PermissionDenied

from accounts import people
from accounts.api.errors import Conflict, Unprocessable
from accounts.api.views import ReadViewSet
from accounts.models import Membership

if TYPE_CHECKING:
    _Serializer = serializers.ModelSerializer[Membership]
else:
    _Serializer = serializers.ModelSerializer

EXAMPLE = {"role": "installer", "ends_at": "2027-01-31T18:00:00Z", "sees_cards": False}


@extend_schema_serializer(
    examples=[OpenApiExample("An installer until the end of January", value=EXAMPLE, request_only=True)]
)
class MemberSerializer(_Serializer):
    """A person in an organisation. ``email``: "" but for those who manage it. ``ends_at``: null without end.

    ``ends_at`` that has passed ends the access now. ``sees_cards``: whole numbers of cards; managers always
    do, who only reads never does.
    """

    organisation = serializers.UUIDField(source="organisation.uuid", read_only=True)
    name = serializers.CharField(source="user.called", read_only=True)
    email = serializers.SerializerMethodField()
    is_live = serializers.BooleanField(read_only=True, help_text="Whether it counts now.")
    is_you = serializers.SerializerMethodField()

    class Meta:
        model = Membership
        fields = [
            "uuid",
            "organisation",
            "name",
            "email",
            "role",
            "ends_at",
            "is_live",
            "sees_cards",
            "is_you",
        ]
        read_only_fields = ["uuid"]

    def get_email(self, member: Any) -> str:
        return str(member.user.email) if member.is_managed else ""

    def get_is_you(self, member: Membership) -> bool:
        return bool(member.user_id == self.context["request"].user.pk)

    def to_representation(self, instance: Any) -> dict[str, Any]:
        return super().to_representation(instance) | {"sees_cards": instance.shows_cards}

    def update(self, instance: Membership, validated_data: dict[str, Any]) -> Membership:
        """All of it or nothing. Raises PermissionDenied, Conflict and Unprocessable."""
        try:
            with transaction.atomic():
                _change(self.context["request"].user, instance, validated_data)
        except people.LastManager as refused:
            raise Conflict(str(refused)) from refused
        except people.Refused as refused:
            raise PermissionDenied(str(refused)) from refused
        return instance


def _change(actor: Any, member: Membership, said: dict[str, Any]) -> None:
    """What differs, by the rules of ``accounts.people``.

    The end comes first: who has access for a while themselves gives a role for no longer than that.
    """
    if "ends_at" in said and said["ends_at"] != member.ends_at:
        people.set_end(actor, member, _not_before_now(said["ends_at"]))
    if "role" in said and said["role"] != member.role:
        people.set_role(actor, member, said["role"])
    if "sees_cards" in said and said["sees_cards"] != member.shows_cards:
        if not member.cards_are_granted:
            raise Unprocessable(
                f"sees_cards follows from the role {member.role}; it can be chosen for installers only."
            )
        people.set_cards(actor, member, sees=said["sees_cards"])


def _not_before_now(ends_at: datetime | None) -> datetime | None:
    """Nobody's access has ended before it was taken."""
    return None if ends_at is None else max(ends_at, timezone.now())


class MemberFilter(django_filters.FilterSet):
    """``?organisation=&role=&is_live=``."""

    organisation = django_filters.UUIDFilter(field_name="organisation__uuid")
    is_live = django_filters.BooleanFilter(method="counting", label="whether it counts now")

    class Meta:
        model = Membership
        fields = ["role"]

    def counting(self, rows: Any, name: str, value: bool) -> QuerySet[Membership]:
        found: QuerySet[Membership] = rows.live() if value else rows.filter(ends_at__lte=timezone.now())
        return found


class MemberViewSet(mixins.UpdateModelMixin, ReadViewSet):
    """Members of organisations: all that ever were for those who manage one, for others those of now."""

    model = Membership
    queryset = Membership.objects.none()
    serializer_class = MemberSerializer
    filterset_class = MemberFilter
    http_method_names = ["get", "patch", "head", "options"]
    scopes = {"read": "members:read", "write": "members:write"}

    def get_queryset(self) -> Any:
        managed = Membership.objects.changeable_by(self.request.user).filter(pk=OuterRef("pk"))
        rows = super().get_queryset().select_related("user", "organisation")
        return rows.annotate(is_managed=Exists(managed)).order_by("user__username", "pk")
