"""What Django itself does with people: logins, and its own groups and rights.

These are rows and events of a library, whose code does not pass through ours: its signals are the one place
that tells of them. Everything of our own is recorded in ``accounts.recording``.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.apps import apps
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
from django.contrib.auth.signals import user_logged_in, user_logged_out, user_login_failed
from django.db import models
from django.db.models.signals import m2m_changed, post_save, pre_delete, pre_save
from django.utils import timezone

from accounts.deeds import Deed, deed, did, subject_of
from accounts.recording import record, stored

MOST_FAILURES = 100
"""Failed logins that are recorded in a minute, so that nobody fills the table by guessing."""

_UNSAVED = "_before_save"


def connect() -> None:
    """Listen; called once, when the applications are loaded."""
    user_logged_in.connect(_logged_in, dispatch_uid="deeds")
    user_logged_out.connect(_logged_out, dispatch_uid="deeds")
    user_login_failed.connect(_login_failed, dispatch_uid="deeds")
    pre_save.connect(_before_save, sender=Group, dispatch_uid="deeds")
    post_save.connect(_after_save, sender=Group, dispatch_uid="deeds")
    pre_delete.connect(_before_delete, sender=Group, dispatch_uid="deeds")
    user: Any = apps.get_model("accounts", "User")
    for through in (user.groups.through, user.user_permissions.through, Group.permissions.through):
        m2m_changed.connect(_related_changed, sender=through, dispatch_uid="deeds")


def _logged_in(sender: Any, user: Any, **_: Any) -> None:
    did(user, "Logged in.", actor=user, verb=Deed.Verb.LOGGED_IN)


def _logged_out(sender: Any, user: Any, **_: Any) -> None:
    if user is not None:
        did(user, "Logged out.", actor=user, verb=Deed.Verb.LOGGED_OUT)


def _login_failed(sender: Any, credentials: dict[str, Any], **_: Any) -> None:
    """A name that nobody has is not stored: many a password was typed in its place."""
    lately = Deed.objects.filter(
        verb=Deed.Verb.LOGIN_FAILED, at__gt=timezone.now() - timedelta(minutes=1)
    ).order_by()
    if len(lately.values_list("pk")[:MOST_FAILURES]) >= MOST_FAILURES:
        return
    users: Any = get_user_model()
    known = users.objects.filter(**{users.USERNAME_FIELD: credentials.get("username") or ""}).first()
    words = "Failed to log in." if known else "Failed to log in, with a name that nobody has."
    did(known, words, verb=Deed.Verb.LOGIN_FAILED)


def _before_save(sender: type[models.Model], instance: models.Model, **_: Any) -> None:
    keys = [] if instance.pk is None else [instance.pk]
    instance.__dict__[_UNSAVED] = stored(sender, keys)


def _after_save(sender: type[models.Model], instance: models.Model, **_: Any) -> None:
    record(instance.__dict__.pop(_UNSAVED, {}), stored(sender, [instance.pk]))


def _before_delete(sender: type[models.Model], instance: models.Model, **_: Any) -> None:
    record(stored(sender, [instance.pk]), {})


def _related_changed(
    sender: Any, instance: Any, action: str, reverse: bool, model: type[models.Model], pk_set: Any, **_: Any
) -> None:
    """Somebody or some group has got or loses groups or rights."""
    if action not in ("post_add", "pre_remove", "pre_clear"):
        return
    added, owner = action == "post_add", model if reverse else type(instance)
    field: Any = next(f for f in owner._meta.many_to_many if f.remote_field.through is sender)
    near, far = field.m2m_field_name(), field.m2m_reverse_field_name()
    if reverse:
        near, far = far, near
    if not added:
        there = sender._base_manager.filter(**{near: instance})
        chosen = there if pk_set is None else there.filter(**{f"{far}__in": pk_set})
        pk_set = set(chosen.values_list(far, flat=True))
    others = list(stored(model, list(pk_set)).values())
    if reverse:
        for other in others:
            _note(other, field, [instance], added=added)
    elif others:
        _note(instance, field, others, added=added)


def _note(owner: models.Model, field: Any, rows: list[models.Model], *, added: bool) -> None:
    about = subject_of(owner)
    names = {field.name: sorted(str(row) for row in rows)}
    what = field.name.replace("_", " ")
    deed(
        Deed.Verb.CHANGED,
        about,
        before={} if added else names,
        after=names if added else {},
        words=f"Gave {what} to {about.sentence}." if added else f"Took {what} from {about.sentence}.",
    ).save()
