"""Presets of permissions: taking one over into another organisation."""

from __future__ import annotations

from django.utils.translation import gettext as _

from accounts.acting import acting
from accounts.models import Organisation
from routing.models import PermissionPreset


def copy_preset(preset: PermissionPreset, organisation: Organisation) -> PermissionPreset:
    """A preset of this organisation's own with the same role and permissions, under a name that is free.

    Callers bring a preset that their user sees, and an organisation for which that one may act.
    """
    taken = set(PermissionPreset.objects.filter(organisation=organisation).values_list("name", flat=True))
    made = PermissionPreset(
        organisation=organisation,
        name=_free(preset.name, taken),
        role=preset.role,
        permissions=dict(preset.permissions),
    )
    made.full_clean()
    with acting(words=f"Copied from {preset} of {preset.organisation}."):
        made.save()
    return made


def _free(name: str, taken: set[str]) -> str:
    """The name itself, or with the first number that nobody uses."""
    longest = PermissionPreset._meta.get_field("name").max_length or 100
    names = [name, *(f"{name[: longest - 12]} ({_('copy')} {number})" for number in range(1, len(taken) + 2))]
    return next(one for one in names if one not in taken)
