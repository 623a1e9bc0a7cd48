"""What allauth does with second factors, for the history and for the lockout.

These are events of a library, whose code does not pass through ours: its signals are the one place that
tells of them.
"""

from __future__ import annotations

from typing import Any

from allauth.mfa.models import Authenticator
from allauth.mfa.signals import (
    authentication_failed,
    authenticator_added,
    authenticator_removed,
    authenticator_reset,
)
from django.contrib.auth.signals import user_login_failed
from django.db import transaction

from accounts.deeds import did
from accounts.models import User

CODES = Authenticator.Type.RECOVERY_CODES


def connect() -> None:
    """Listen; called once, when the applications are loaded."""
    authenticator_added.connect(_added, dispatch_uid="deeds")
    authenticator_removed.connect(_removed, dispatch_uid="deeds")
    authenticator_reset.connect(_reset, dispatch_uid="deeds")
    authentication_failed.connect(_failed, dispatch_uid="lockout")


def forget(user: User) -> bool:
    """Take somebody's second factor away, who has lost it; whether there was one."""
    with transaction.atomic():
        count, _ = Authenticator.objects.filter(user=user).delete()
        if count:
            did(user, "Removed the second factor.")
    return bool(count)


def _added(sender: Any, user: Any, authenticator: Any, **_: Any) -> None:
    if authenticator.type != CODES:
        did(user, "Set up a second factor.", actor=user)


def _removed(sender: Any, user: Any, authenticator: Any, **_: Any) -> None:
    if authenticator.type != CODES:
        did(user, "Removed the second factor.", actor=user)


def _reset(sender: Any, user: Any, **_: Any) -> None:
    did(user, "Made new recovery codes.", actor=user)


def _failed(sender: Any, request: Any, user: Any, **_: Any) -> None:
    """A wrong code is a failed login: it is counted, and recorded."""
    credentials = {"username": user.get_username()}
    user_login_failed.send(sender=__name__, credentials=credentials, request=request)
