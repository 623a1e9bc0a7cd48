"""Leave for one backoffice to change how one charger connects, for an hour (ocpp-semantics 3.10)."""

from __future__ import annotations

from datetime import timedelta

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.utils import timezone

from routing.models import GuardOverride, Route

LASTS = timedelta(hours=1)


def give(route: Route, *, reason: str, by: AbstractBaseUser | AnonymousUser) -> GuardOverride:
    """Let the backoffice of this route do what the guard objects to, from now on for ``LASTS``."""
    override = GuardOverride(
        route=route, until=timezone.now() + LASTS, reason=reason.strip(), by=by.get_username()
    )
    override.full_clean(exclude=["by"])
    override.save()
    return override


def revoke(override: GuardOverride) -> bool:
    """End an override now; False where it was over already."""
    now = timezone.now()
    return GuardOverride.objects.filter(pk=override.pk, until__gt=now).update(until=now) > 0
