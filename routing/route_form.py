"""The forms of a route and of a preset."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import forms
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from routing import loading, password_fields
from routing.core.snapshot import OCPP_VERSIONS, Role, RouteSnapshot
from routing.models import ROLES, PermissionPreset, Route
from routing.rights_form import MatrixWidget, PermissionsField, changed_rights

if TYPE_CHECKING:
    _RouteModelForm = forms.ModelForm[Route]
    _PresetModelForm = forms.ModelForm[PermissionPreset]
else:
    _RouteModelForm = forms.ModelForm
    _PresetModelForm = forms.ModelForm

ROLE_WORDS: dict[str, Any] = {
    Role.BILLING: gettext_lazy(
        "decides about cards, owns sessions and their numbers, and may do nearly everything. One per charger."
    ),
    Role.CONTROL: gettext_lazy(
        "sees everything, may start sessions and stop its own, limit the power and change some settings. "
        "No reset, no firmware."
    ),
    Role.ENERGY: gettext_lazy(
        "sees status, meter values and sessions, may limit the power and ask for values. Nothing else."
    ),
    Role.SERVICE: gettext_lazy(
        "sees status and diagnostics, may reset, unlock, update firmware, fetch logs and change settings."
    ),
    Role.OBSERVE: gettext_lazy("sees status and sessions, with other card numbers. May read, and no more."),
}
"""What a role is, for somebody who has never read OCPP."""


def versions_of(route: Route) -> tuple[str, ...]:
    """The version that the charger of a route speaks, all where that is not known yet."""
    session = getattr(route.charger, "session", None) if route.charger_id else None
    version = session.ocpp_version if session is not None else ""
    return (version,) if version in OCPP_VERSIONS else OCPP_VERSIONS


def explain_roles(field: Any) -> None:
    """Say with each role what it is."""
    field.choices = [
        (role, format_html("<strong>{}</strong>: {}", gettext_lazy(name), ROLE_WORDS[role]))
        for role, name in ROLES
    ]


class RouteForm(_RouteModelForm):
    """A route, with a password that can be set and forgotten but never read."""

    permissions = PermissionsField()
    new_password = password_fields.new_password(
        gettext_lazy("For this charger alone. Leave empty to keep what is set; it is never shown.")
    )
    password_is_hex = password_fields.password_is_hex(gettext_lazy("Its bytes are sent."))
    forget_password = forms.BooleanField(
        required=False,
        label=gettext_lazy("Use the backoffice's own again"),
        help_text=gettext_lazy("Forgets the password of this route."),
    )

    class Meta:
        model = Route
        fields = [
            *("charger", "backoffice", "role", "alias", "enabled", "username"),
            *("preset", "permissions", "options"),
        ]
        labels = {
            "alias": gettext_lazy("Identity upstream"),
            "username": gettext_lazy("User name"),
        }
        help_texts = {
            "alias": gettext_lazy("How this backoffice knows the charger. Empty: by its own identity."),
            "username": gettext_lazy("Empty: that of the backoffice, or else the identity upstream."),
            "preset": gettext_lazy("Rights that routes of your organisation share. It is for one role."),
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "role" in self.fields:
            explain_roles(self.fields["role"])
        field = self.fields.get("permissions")
        if field is not None and self.instance.pk:
            widget = field.widget
            assert isinstance(widget, MatrixWidget)
            widget.base, widget.versions = self._base, versions_of(self.instance)

    def _base(self) -> RouteSnapshot:
        """What the choices build on: the role and preset that the form has now."""
        route = Route(
            pk=self.instance.pk,
            charger=self.instance.charger,
            backoffice=self.instance.backoffice,
            role=self.instance.role if self.instance.role in ROLE_WORDS else Role.OBSERVE,
            preset=self.instance.preset,
        )
        return loading.snapshot_of(route)

    def clean(self) -> dict[str, Any] | None:
        cleaned = super().clean() or self.cleaned_data
        if password := password_fields.typed_password(self):
            self.instance.enter_password(password)
        elif cleaned.get("forget_password"):
            self.instance.enter_password(None)
        return cleaned

    def _get_validation_exclusions(self) -> set[str]:
        """Not what this form only shows: there is one billing route per charger all the same."""
        excluded: set[str] = super()._get_validation_exclusions()  # type: ignore[misc]
        return excluded - {"charger", "backoffice"} if self.instance.pk else excluded

    def what_changed(self) -> list[str]:
        """What saving it has changed, one phrase each, without secrets."""
        return [phrase for name in self.changed_data for phrase in self._phrases(name)]

    def _phrases(self, name: str) -> list[str]:
        if name == "permissions":
            return changed_rights(self.initial.get(name) or {}, self.cleaned_data.get(name) or {})
        if name == "role":
            names = {role: _(name) for role, name in ROLES}
            return [f"{_('role')}: {names.get(self.initial.get(name, ''), '')} → {names[self.instance.role]}"]
        if name == "options" and (self.initial.get(name) or {}) == (self.cleaned_data.get(name) or {}):
            return []  # nothing is written in more than one way
        if name == "password_is_hex":
            return []
        return [str(self.fields[name].label or name).lower()]


class PresetForm(_PresetModelForm):
    """A preset: the same choices, over those of its role."""

    permissions = PermissionsField()

    class Meta:
        model = PermissionPreset
        fields = ["name", "organisation", "role", "permissions"]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "role" in self.fields:
            explain_roles(self.fields["role"])
            if not self.instance.pk:
                self.fields["role"].initial = Role.CONTROL.value  # whose rights the choices show then
        if "permissions" in self.fields:
            widget = self.fields["permissions"].widget
            assert isinstance(widget, MatrixWidget)
            widget.base = self._base

    def _base(self) -> RouteSnapshot:
        role = self.instance.role if self.instance.role in ROLE_WORDS else Role.CONTROL
        name = self.instance.name or _("this preset")
        return RouteSnapshot(key=0, backoffice=name, role=Role(role), alias="")
