"""Who acts now, by which way, and from where: known to whatever is written and logged meanwhile.

A request, a command, a task says it once, with ``acting``; nobody hands it on.
"""

from __future__ import annotations

import getpass
import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from django.db import models
from django.http import HttpRequest

if TYPE_CHECKING:
    from accounts.models import User

_SANE = re.compile(r"[A-Za-z0-9._:-]{1,64}")

_UNPRINTABLE = re.compile(r"[^\x20-\x7e]")


class Via(models.TextChoices):
    """By which way something was changed."""

    ADMIN = "admin", "Admin"
    API = "api", "API"
    APPLY = "apply", "manage.py apply"
    COMMAND = "command", "Command"
    TASK = "task", "Task"
    BACKOFFICE = "backoffice", "Backoffice"
    CHARGER = "charger", "Charger"
    PROXY = "proxy", "The proxy itself"


def _nobody() -> Any:
    return None


@dataclass(frozen=True)
class Acting:
    """``person``: the User, asked for when it is needed; ``actor_name``: where there is none.

    ``words``: a sentence that says what is done, in place of one made of the names of fields.
    """

    person: Callable[[], Any] = _nobody
    actor_name: str = ""
    via: str = Via.PROXY
    address: str = ""
    correlation_id: str = ""
    words: str = ""

    def user(self) -> User | None:
        """Who is logged in, None where nobody is."""
        found = self.person()
        return found if found is not None and found.is_authenticated else None


_PROXY = Acting()

_current: ContextVar[Acting] = ContextVar("acting", default=_PROXY)


def current() -> Acting:
    """Who acts now; where nobody has said so, the proxy itself."""
    return _current.get()


@contextmanager
def acting(
    actor: User | Callable[[], Any] | None = None,
    *,
    actor_name: str | None = None,
    via: str | None = None,
    address: str | None = None,
    correlation_id: str | None = None,
    words: str | None = None,
) -> Iterator[Acting]:
    """Say who acts within the block; what is not said stays as it was outside.

    ``actor``: a user, or how to learn of one later. An id that joins all that is done is made where
    there is none yet. Another ``via`` is another actor: then nothing but the id is taken over.
    """
    outer = _current.get()
    start = outer if via in (None, outer.via) else Acting(correlation_id=outer.correlation_id)
    said: dict[str, Any] = {
        "person": actor if callable(actor) or actor is None else lambda: actor,
        "actor_name": actor_name,
        "via": via,
        "address": address,
        "correlation_id": correlation_id or outer.correlation_id or new_correlation_id(),
        "words": words,
    }
    now = replace(start, **{name: value for name, value in said.items() if value is not None})
    token = _current.set(now)
    try:
        yield now
    finally:
        _current.reset(token)


def new_correlation_id() -> str:
    return uuid4().hex


def sane_correlation_id(given: str) -> str:
    """The id that somebody has sent, if it can be logged and stored as it is; else a new one."""
    return given if _SANE.fullmatch(given) else new_correlation_id()


def printable(text: str, length: int) -> str:
    """Text of a stranger, as a column and a line of the log take it."""
    return _UNPRINTABLE.sub("?", text)[:length]


def address_of(request: HttpRequest) -> str:
    """From where somebody asks, "" where the server does not say.

    Daphne has looked at X-Forwarded-For where the installation says that it can be trusted.
    """
    return request.META.get("REMOTE_ADDR") or ""


def system_user() -> str:
    """Who runs this process, as the operating system names them."""
    try:
        return getpass.getuser()
    except (KeyError, OSError, ImportError):  # a container's number without a name
        return f"user {os.getuid()}" if hasattr(os, "getuid") else "unknown"
