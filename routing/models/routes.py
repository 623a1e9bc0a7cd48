"""Which charger is joined with which backoffice, and what that one may do."""

from __future__ import annotations

from typing import Any, Self

from django.core.exceptions import NON_FIELD_ERRORS, ValidationError
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from accounts.models import Organisation
from accounts.public import PublicModel
from accounts.recording import RecordedModel, RecordedQuerySet
from accounts.telling import Manners
from routing.changes import ConfigModel, ConfigQuerySet
from routing.core.options import RouteOptions
from routing.core.snapshot import Role
from routing.fields import EncryptedField
from routing.validation import option_problems, permission_problems, preset_problem

ROLES = [
    (Role.BILLING.value, "Billing"),
    (Role.CONTROL.value, "Data & control"),
    (Role.ENERGY.value, "Energy manager"),
    (Role.SERVICE.value, "Service"),
    (Role.OBSERVE.value, "Observe only"),
]
"""Roles as people read them."""

RULES = Manners(
    untold=frozenset({"password_entered"}),
    cards=frozenset({"foreign_tag"}),
    open=frozenset({"permissions"}),
)
"""How permissions and options are told in what is recorded of people."""


def rule_errors(permissions: object, options: object) -> dict[str, list[str]]:
    """What is wrong with permissions and options, by field, for ValidationError."""
    found = {
        "permissions": [str(problem) for problem in permission_problems(permissions)],
        "options": [str(problem) for problem in option_problems(options, RouteOptions)],
    }
    return {field: problems for field, problems in found.items() if problems}


class PermissionPresetQuerySet(ConfigQuerySet["PermissionPreset"]):
    charger_path = "routes__charger"


class PermissionPreset(PublicModel, ConfigModel):
    """Permissions of an organisation's own making, for routes to share.

    ``role``: the role whose preset it changes. ``permissions``: as those of a route.
    """

    organisation = models.ForeignKey(
        Organisation, on_delete=models.CASCADE, related_name="permission_presets"
    )
    name = models.CharField(max_length=100)
    role = models.CharField(max_length=16, choices=ROLES)
    permissions = models.JSONField(default=dict, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    manners = Manners(open=frozenset({"permissions"}))
    objects = PermissionPresetQuerySet.as_manager()

    class Meta:
        ordering = ["organisation", "name"]
        constraints = [
            models.UniqueConstraint(fields=["organisation", "name"], name="one_preset_per_name"),
        ]

    def __str__(self) -> str:
        return self.name

    def clean(self) -> None:
        errors = rule_errors(self.permissions, {})
        routes = self.routes.all() if self.pk else Route.objects.none()
        if routes.exclude(role=self.role).exists():
            errors["role"] = ["Routes with another role use this preset; give them another one first."]
        if routes.exclude(charger__organisation=self.organisation_id).exists():
            errors["organisation"] = ["Chargers of another organisation use this preset."]
        if errors:
            raise ValidationError(errors)


class RouteQuerySet(ConfigQuerySet["Route"]):
    owner = "charger__organisation"

    def using_identity(self, identity: str) -> Self:
        """Routes whose backoffice knows the charger by this identity."""
        return self.filter(Q(alias=identity) | Q(alias="", charger__identity=identity))


class Route(PublicModel, ConfigModel):
    """A charger and a backoffice joined.

    ``alias``: the charger's identity toward this backoffice, empty for its own.
    ``permissions``: changes to the preset (of the organisation, or else of the role), action to verdict.
    ``options``: names and values of routing.core.options.RouteOptions.
    ``username``: for this charger, in place of the backoffice's; None for that one.
    ``password``: in place of the backoffice's, None for that one. ``password_entered``: a person has; else
    this backoffice has set it for this charger. ``previous_password``: the one before that, still good where
    the new one is refused.
    """

    charger = models.ForeignKey("chargers.Charger", on_delete=models.CASCADE, related_name="routes")
    backoffice = models.ForeignKey("backoffices.Backoffice", on_delete=models.CASCADE, related_name="routes")
    role = models.CharField(max_length=16, choices=ROLES)
    alias = models.CharField(max_length=255, blank=True)
    enabled = models.BooleanField(default=True)
    preset = models.ForeignKey(
        PermissionPreset, on_delete=models.PROTECT, related_name="routes", null=True, blank=True
    )
    permissions = models.JSONField(default=dict, blank=True)
    options = models.JSONField(default=dict, blank=True)
    username = models.CharField(max_length=255, null=True, blank=True)
    password = EncryptedField(null=True, blank=True, editable=False)
    password_entered = models.BooleanField(default=False, editable=False)
    previous_password = EncryptedField(null=True, blank=True, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)

    manners = RULES
    told_with = ("charger__organisation",)
    objects = RouteQuerySet.as_manager()

    class Meta:
        ordering = ["charger", "id"]
        constraints = [
            models.UniqueConstraint(
                fields=["charger", "backoffice"],
                name="one_route_per_backoffice",
                violation_error_message=_("This charger already has a route to this backoffice."),
            ),
            models.UniqueConstraint(
                fields=["charger"],
                condition=Q(role=Role.BILLING.value, enabled=True),
                name="one_enabled_billing_route",
                violation_error_message=_(
                    "This charger already has an enabled billing route; "
                    "switch that one off first, or choose another role."
                ),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.charger} to {self.backoffice}"

    def clean(self) -> None:
        errors = rule_errors(self.permissions, self.options)
        if joined_anew := self.joined_anew():
            errors[NON_FIELD_ERRORS] = [joined_anew]
        # Without its charger or backoffice the form complains about that first.
        if self.charger_id and self.backoffice_id and (taken := self.taken_alias()):
            errors["alias"] = [taken]
        # Under fields that every form of a route has: that of a charger has no preset.
        if self.preset and (unfit := preset_problem(self.preset.name, self.preset.role, self.role)):
            errors["role"] = [unfit]
        if self.charger_id and (foreign := self.foreign_preset()):
            errors[NON_FIELD_ERRORS] = [*errors.get(NON_FIELD_ERRORS, []), foreign]
        if errors:
            raise ValidationError(errors)

    def enter_password(self, password: bytes | None) -> None:
        """What a person says is sent for this charger alone; None: that of the backoffice again."""
        self.password, self.previous_password = password, None
        self.password_entered = password is not None

    @property
    def has_password(self) -> bool:
        """Whether this route has one of its own; asking does not open it."""
        return self.__dict__.get("password") is not None

    def joined_anew(self) -> str | None:
        """Why this can't join another charger or backoffice than before, None where it does not.

        Passwords that the one has set, overrides and messages that wait would become the other's.
        """
        ends = Route.objects.filter(pk=self.pk).values_list("charger_id", "backoffice_id").first()
        if self.pk is None or ends in (None, (self.charger_id, self.backoffice_id)):
            return None
        return "a route keeps its charger and its backoffice; switch it off and add another one"

    def foreign_preset(self) -> str | None:
        """Why this charger can't use the preset, None if it can."""
        if self.preset is None or self.preset.organisation_id == self.charger.organisation_id:
            return None
        return f'preset "{self.preset}" is not one of the organisation of {self.charger}; choose another one'

    def validate_constraints(self, exclude: Any = None) -> None:
        super().validate_constraints(exclude)
        if self.pk and self.enabled and (foreign := self.foreign_backoffice()):
            raise ValidationError(foreign)

    def foreign_backoffice(self) -> str | None:
        """Why this can't be switched on again, None if it can: its charger went to another organisation.

        The backoffice would be dialled with credentials that are not the new organisation's to use. A route
        that is in use stays so.
        """
        owner = self.backoffice.organisation_id if self.backoffice_id else None
        if owner in (None, self.charger.organisation_id):
            return None
        if Route.objects.filter(pk=self.pk, enabled=True).exists():
            return None
        words = _(
            "backoffice %(backoffice)s belongs to another organisation than %(charger)s; "
            "choose one of its own organisation, or one that all share"
        )
        return words % {"backoffice": self.backoffice, "charger": self.charger}

    def taken_alias(self) -> str | None:
        """Why this route's identity toward its backoffice can't be used, None if it is free."""
        identity = self.alias or self.charger.identity
        toward = Route.objects.filter(backoffice_id=self.backoffice_id).exclude(pk=self.pk)
        other = toward.using_identity(identity).exclude(charger_id=self.charger_id).first()
        if other is None:
            return None
        return (
            f'route {self.backoffice} of {self.charger}: identity "{identity}" is already used toward '
            f"{self.backoffice} by {other.charger}; choose another alias"
        )


class DefaultRouteQuerySet(RecordedQuerySet["DefaultRoute"]):
    owner = ""  # what every adopted charger gets is for superusers to see and to say


class DefaultRoute(RecordedModel):
    """A route that every adopted charger gets."""

    backoffice = models.ForeignKey(
        "backoffices.Backoffice", on_delete=models.CASCADE, related_name="default_routes"
    )
    role = models.CharField(max_length=16, choices=ROLES)
    permissions = models.JSONField(default=dict, blank=True)
    options = models.JSONField(default=dict, blank=True)

    manners = RULES
    objects = DefaultRouteQuerySet.as_manager()

    class Meta:
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(
                fields=["backoffice"],
                name="one_default_route_per_backoffice",
                violation_error_message=_("There is already a default route to this backoffice."),
            ),
            models.UniqueConstraint(
                fields=["role"],
                condition=Q(role=Role.BILLING.value),
                name="one_default_billing_route",
                violation_error_message=_("There is already a default billing route."),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.backoffice} ({self.get_role_display()})"

    def clean(self) -> None:
        if errors := rule_errors(self.permissions, self.options):
            raise ValidationError(errors)


class GuardOverrideQuerySet(ConfigQuerySet["GuardOverride"]):
    owner = "route__charger__organisation"
    charger_path = "route__charger"


class GuardOverride(ConfigModel):
    """Leave for one backoffice to change how one charger connects, for a while (ocpp-semantics 3.10).

    ``by``: the name of who gave it, as text, since it outlives the account.
    """

    route = models.ForeignKey(Route, on_delete=models.CASCADE, related_name="overrides")
    until = models.DateTimeField()
    reason = models.CharField(max_length=255)
    by = models.CharField(max_length=150, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)

    told_with = ("route__charger__organisation", "route__backoffice")
    objects = GuardOverrideQuerySet.as_manager()

    class Meta:
        ordering = ["-until"]

    def __str__(self) -> str:
        return f"{self.route} until {self.until:%Y-%m-%d %H:%M} UTC"
