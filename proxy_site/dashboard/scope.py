"""Whose figures a person sees, and as what."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any

from django.http import HttpRequest
from django.utils import timezone

from accounts.models import Organisation
from accounts.rights import OPERATOR
from chargers.models import Charger
from routing.standing import Standing, standing

MOST_ORGANISATIONS = 200
"""Choices that are offered to narrow to."""


@dataclass(frozen=True)
class Scope:
    """What one person may see at one moment, or what belongs to one of their organisations of it.

    ``organisations``: those to narrow to. ``is_fleet``: whether they look after many chargers (superusers,
    operators) rather than their own. ``is_member``: whether there is anything at all that they may see.
    """

    user: Any
    now: datetime
    organisations: Sequence[Organisation]
    organisation: Organisation | None
    is_fleet: bool
    is_member: bool

    @classmethod
    def of(cls, request: HttpRequest) -> Scope:
        """That of a request; two queries. An organisation that is not the user's narrows nothing."""
        user: Any = request.user
        organisations = list(Organisation.objects.visible_to(user).order_by("name")[:MOST_ORGANISATIONS])
        wanted = request.GET.get("organisation", "")
        return cls(
            user=user,
            now=timezone.now(),
            organisations=organisations,
            organisation=next((one for one in organisations if str(one.pk) == wanted), None),
            is_fleet=is_fleet(user),
            is_member=user.is_superuser or bool(organisations),
        )

    @property
    def key(self) -> int | None:
        """The organisation that it is narrowed to, as a number."""
        return self.organisation.pk if self.organisation else None

    @cached_property
    def standing(self) -> Standing:
        """How all of it is."""
        return standing(self.user, self.now, self.key)

    def chargers(self) -> Any:
        """The chargers of it."""
        return self.of_rows(Charger.objects.all())

    def of_rows(self, rows: Any) -> Any:
        """Those of some rows (an ``OwnedQuerySet``) that are in it."""
        visible = rows.visible_to(self.user)
        return visible if self.key is None else visible.filter(**{rows.owner: self.key})


def is_fleet(user: Any) -> bool:
    """Whether somebody looks after the chargers of many: superusers, and operators of an organisation."""
    return user.is_superuser or OPERATOR in user.roles
