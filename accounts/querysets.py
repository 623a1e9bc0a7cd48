"""Permission is a queryset: the one place that says whose rows a user sees and changes."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Self, TypeVar

from django.db import models
from django.db.models import Exists, OuterRef, Q

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser

    from accounts.models import User

ModelT = TypeVar("ModelT", bound=models.Model)


class OwnedQuerySet(models.QuerySet[ModelT]):
    """Rows that belong to an organisation; ``owner`` is the path from the row to it.

    An empty path: rows of the whole installation, superusers only.
    """

    owner: ClassVar[str] = "organisation"
    is_shared: ClassVar[bool] = False
    """Rows of no organisation are shared: all who have one see and choose them, superusers change them."""

    def visible_to(self, user: User | AnonymousUser) -> Self:
        """Rows the user may see: all for a superuser, else those of the user's organisations."""
        return self._scoped(user, changing=False)

    def changeable_by(self, user: User | AnonymousUser) -> Self:
        """Rows the user may change: as visible, without organisations where the user only reads."""
        return self._scoped(user, changing=True)

    def selectable_by(self, user: User | AnonymousUser) -> Self:
        """Rows the user may point at from another row, the choices of a form."""
        return self.visible_to(user) if self.is_shared else self.changeable_by(user)

    def with_cards_for(self, user: User | AnonymousUser) -> Self:
        """Those of the changeable rows in which the user sees whole numbers of cards."""
        return self._scoped(user, changing=True, cards=True)

    def with_mine(self, user: User | AnonymousUser) -> Self:
        """With ``is_mine``: whether the user may change the row. Who may not is not told all of it."""
        mine = self.model._default_manager.all()
        assert isinstance(mine, OwnedQuerySet), "the managers of our models build on OwnedQuerySet"
        return self.annotate(is_mine=Exists(mine.changeable_by(user).filter(pk=OuterRef("pk"))))

    def owned_by(self, user: User, *, changing: bool) -> Q:
        """The condition behind both, for a user who is not a superuser."""
        if not self.owner:
            return Q(pk__in=[])
        own = Q(**{f"{self.owner}__in": user.organisations(changing=changing)})
        if changing or not self.is_shared or not user.organisations().exists():
            return own
        return own | Q(**{self.owner: None})

    def within(self, organisation: int) -> Q:
        """Rows that a token of this organisation alone sees."""
        if not self.owner:
            return Q(pk__in=[])
        own = Q(**{self.owner: organisation})
        return own | Q(**{self.owner: None}) if self.is_shared else own

    def _scoped(self, user: User | AnonymousUser, *, changing: bool, cards: bool = False) -> Self:
        if not (user.is_authenticated and user.is_active):
            return self.none()
        rows = self.all() if user.is_superuser else self.filter(self.owned_by(user, changing=changing))
        if cards and self.owner and not user.is_superuser:
            rows = rows.filter(**{f"{self.owner}__in": user.organisations(cards=True)})
        only = user.only_organisation
        return rows if only is None else rows.filter(self.within(only))


def sees_all(user: User | AnonymousUser) -> bool:
    """Whether somebody sees the whole installation: a superuser, unless the token narrows them."""
    return user.is_active and user.is_superuser and getattr(user, "only_organisation", None) is None


class UnownedQuerySet(OwnedQuerySet[ModelT]):
    """Rows of the whole installation: superusers only."""

    owner = ""
