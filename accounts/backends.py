"""Rights by membership: who belongs to an organisation needs no further word of a superuser."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.backends import BaseBackend

from accounts.models import User
from accounts.rights import permissions_of


class RoleBackend(BaseBackend):
    """Gives what the roles of a user's live memberships give; it logs nobody in.

    Of somebody who is something else in each of two organisations it gives both: which rows they may do
    that with is said by ``visible_to`` and ``changeable_by``. Asked once for each request.
    """

    def get_all_permissions(self, user_obj: Any, obj: Any = None) -> set[str]:
        return set() if obj is not None else set(_permissions(user_obj))

    def has_perm(self, user_obj: Any, perm: str, obj: Any = None) -> bool:
        return obj is None and perm in _permissions(user_obj)

    def has_module_perms(self, user_obj: Any, app_label: str) -> bool:
        return any(name.startswith(f"{app_label}.") for name in _permissions(user_obj))


def _permissions(user: Any) -> frozenset[str]:
    if not isinstance(user, User) or not user.is_active:
        return frozenset()
    return permissions_of(user.roles)
