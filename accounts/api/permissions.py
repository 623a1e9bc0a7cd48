"""What a request may: the scope of its token, the role of its person, and the rows that person has."""

from __future__ import annotations

from typing import Any

from rest_framework.permissions import SAFE_METHODS, BasePermission
from rest_framework.request import Request

from accounts.tokens import ApiToken

VERBS = {"POST": "add", "PUT": "change", "PATCH": "change", "DELETE": "delete"}


def scope_of(view: Any, request: Request) -> str:
    """The scope that this request needs: that of its action, or else by whether it only reads."""
    scopes = view.scopes
    action = getattr(view, "action", None)
    changes = request.method not in SAFE_METHODS and "write" in scopes  # else the method is not there: 405
    return str(scopes.get(action) or scopes["write" if changes else "read"])


def has_scope(request: Request, scope: str) -> bool:
    """Whether the token may; a person who has logged in has no token, and every scope."""
    return not isinstance(request.auth, ApiToken) or scope in request.auth.scopes


class HasScope(BasePermission):
    """The token has the scope; ``view.scopes`` maps read, write and names of actions to scopes."""

    message = "The token lacks the scope that this needs."

    def has_permission(self, request: Request, view: Any) -> bool:
        if not (request.user and request.user.is_authenticated):
            return False
        scope = scope_of(view, request)
        self.message = f'The token lacks the scope "{scope}".'
        return has_scope(request, scope)


class HasRole(BasePermission):
    """The person's role has the right on this kind of rows, and the row is one that they may change.

    Rows that are not visible never come here: the view's queryset has none of them, and answers 404.
    """

    message = "Your role does not allow this."

    def has_permission(self, request: Request, view: Any) -> bool:
        if request.method in SAFE_METHODS:
            return True  # whose rows a person sees is the queryset's to say
        model = view.model
        verb = view.verbs.get(view.action) or VERBS.get(request.method or "", "view")
        return bool(request.user.has_perm(f"{model._meta.app_label}.{verb}_{model._meta.model_name}"))

    def has_object_permission(self, request: Request, view: Any, row: Any) -> bool:
        if request.method in SAFE_METHODS:
            return True
        return bool(type(row)._default_manager.changeable_by(request.user).filter(pk=row.pk).exists())
