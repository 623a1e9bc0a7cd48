"""Whose rows of chargers a user sees."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, TypeVar

from django.db import models
from django.db.models import F, Q

from accounts.querysets import OwnedQuerySet

if TYPE_CHECKING:
    from accounts.models import User

ModelT = TypeVar("ModelT", bound=models.Model)


class ChargerRowQuerySet(OwnedQuerySet[ModelT]):
    """Rows with a ``charger``."""

    owner = "charger__organisation"


class RecordQuerySet(ChargerRowQuerySet[ModelT]):
    """Records with a ``charger``: those from before it came to its organisation are not the members' to see.

    ``moment``: the column that says when; ``charger``: the path to the charger.
    """

    moment: ClassVar[str] = "at"
    charger: ClassVar[str] = "charger"

    def owned_by(self, user: User, *, changing: bool) -> Q:
        since = f"{self.charger}__owned_since"
        now_theirs = Q(**{since: None}) | Q(**{f"{self.moment}__gte": F(since)})
        return super().owned_by(user, changing=changing) & now_theirs
