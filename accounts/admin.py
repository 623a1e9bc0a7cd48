"""People and organisations: the superuser's pages."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.contrib import admin
from django.contrib.auth.admin import GroupAdmin as StockGroupAdmin
from django.contrib.auth.admin import UserAdmin as StockUserAdmin
from django.contrib.auth.models import Group
from django.db.models import Count
from django.http import HttpRequest
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from accounts import deeds_admin, skin, tokens_admin  # noqa: F401  # deeds_admin and tokens_admin register their pages
from accounts.admin_base import HistoryMixin, OwnedAdmin, OwnedInline, SuperuserMixin, VisibleFilter
from accounts.deeds import did
from accounts.kept import LEAST_DAYS
from accounts.lockout import unlock
from accounts.models import Location, Membership, Organisation, User
from accounts.people_admin import PeopleMixin

if settings.PROXY_SSO_READY:
    from accounts.sso.edges import forget

if TYPE_CHECKING:
    _UserAdmin = StockUserAdmin[User]
    _GroupAdmin = StockGroupAdmin
else:

    class _UserAdmin(StockUserAdmin, skin.ModelAdmin):
        """Django's, in the skin."""

    class _GroupAdmin(StockGroupAdmin, skin.ModelAdmin):
        """Django's, in the skin."""


class MembershipInline(OwnedInline[Membership]):
    model = Membership
    autocomplete_fields = ["user", "organisation"]


@admin.register(User)
class UserAdmin(SuperuserMixin, HistoryMixin, _UserAdmin):
    form: Any = skin.UserChangeForm
    add_form = skin.UserCreationForm
    change_password_form = skin.AdminPasswordChangeForm
    inlines = [MembershipInline]
    list_display = ["username", "email", "is_active", "is_staff", "is_superuser", "last_login"]
    list_filter = ["is_active", "is_staff", "is_superuser"]
    actions = ["unlock", *(["forget_factor"] if settings.PROXY_SSO_READY else [])]

    @admin.action(description=_("Unlock after failed logins"))
    def unlock(self, request: HttpRequest, queryset: Any) -> None:
        done = [user for user in queryset if unlock(user)]
        for user in done:
            did(user, "Unlocked after failed logins.")
        words = gettext("%(done)s of %(all)s users were counted or locked; they can log in.")
        self.message_user(request, words % {"done": len(done), "all": len(queryset)})

    @admin.action(description=_("Remove the second factor, which is lost"))
    def forget_factor(self, request: HttpRequest, queryset: Any) -> None:
        done = [user for user in queryset if forget(user)]
        words = gettext("%(done)s of %(all)s users had a second factor; they log in without one now.")
        self.message_user(request, words % {"done": len(done), "all": len(queryset)})


@admin.register(Organisation)
class OrganisationAdmin(PeopleMixin, SuperuserMixin, OwnedAdmin[Organisation]):
    inlines = [MembershipInline]
    list_display = ["name", "members", "chargers", "created_at"]
    ordering = ["name"]
    search_fields = ["name"]
    readonly_fields = ["created_at"]
    fieldsets = [
        (None, {"fields": ["name", "created_at"]}),
        (
            _("How long what is kept"),
            {
                "fields": [f"keep_{kind}_days" for kind in LEAST_DAYS],
                "description": _(
                    "Of chargers that belong to the organisation now. Once an hour what is over goes, "
                    "for good."
                ),
            },
        ),
    ]

    def get_queryset(self, request: HttpRequest) -> Any:
        counts = {
            "member_count": Count("memberships", distinct=True),
            "charger_count": Count("chargers", distinct=True),
        }
        return super().get_queryset(request).annotate(**counts)

    @admin.display(description=_("members"), ordering="member_count")
    def members(self, organisation: Any) -> int:
        return int(organisation.member_count)

    @admin.display(description=_("chargers"), ordering="charger_count")
    def chargers(self, organisation: Any) -> int:
        return int(organisation.charger_count)


@admin.register(Membership)
class MembershipAdmin(SuperuserMixin, OwnedAdmin[Membership]):
    list_display = ["user", "organisation", "role", "ends_at", "sees_cards"]
    list_filter = ["role"]
    list_select_related = ["user", "organisation"]
    search_fields = ["user__username", "organisation__name"]
    autocomplete_fields = ["user", "organisation"]


@admin.register(Location)
class LocationAdmin(OwnedAdmin[Location]):
    list_display = ["name", "organisation", "address", "chargers"]
    list_filter = [("organisation", VisibleFilter)]
    list_select_related = ["organisation"]
    ordering = ["name"]
    search_fields = ["name", "address"]

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).annotate(charger_count=Count("chargers"))

    @admin.display(description=_("chargers"), ordering="charger_count")
    def chargers(self, location: Any) -> int:
        return int(location.charger_count)


admin.site.unregister(Group)


@admin.register(Group)
class GroupAdmin(SuperuserMixin, HistoryMixin, _GroupAdmin):
    """Stock, but nobody gives rights to themselves."""
