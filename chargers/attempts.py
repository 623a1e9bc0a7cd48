"""Attempts of chargers to connect: what a handshake says, and the record of those refused."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Any, Final, ParamSpec, TypeVar

import msgspec
from django.db import Error
from django.db.models import F
from django.utils import timezone

from chargers.causes import Cause
from chargers.models import RefusedAttempt
from routing.threads import DatabaseThreads

logger = logging.getLogger(__name__)

P = ParamSpec("P")
ResultT = TypeVar("ResultT")

_NAME: Final = "charger-admission"
_threads = DatabaseThreads(name=_NAME)


class Attempt(msgspec.Struct, frozen=True, kw_only=True):
    """What the handshake of a charger says. ``identity`` is as written in the path if it is none."""

    identity: str
    remote_address: str
    offered: tuple[str, ...]
    user_agent: str
    authorization: bytes | None
    secure: bool


def read_attempt(scope: Mapping[str, Any], identity: str) -> Attempt:
    """The attempt that an ASGI scope describes."""
    headers = dict(scope.get("headers", ()))
    client = scope.get("client")
    forwarded = headers.get(b"x-forwarded-proto", b"").strip().lower()
    return Attempt(
        identity=identity,
        remote_address=str(client[0]) if client else "",
        offered=tuple(scope.get("subprotocols", ())),
        user_agent=headers.get(b"user-agent", b"").decode("latin-1"),
        authorization=headers.get(b"authorization"),
        secure=scope.get("scheme") == "wss" or forwarded == b"https",
    )


async def off_loop(function: Callable[P, ResultT], *args: P.args, **kwargs: P.kwargs) -> ResultT:
    """Call ``function``, which uses the ORM, in one of the edge's own threads.

    Django's usual thread is one for the whole process: a slow query anywhere would stop admission.
    """
    return await _threads.run(function, *args, **kwargs)


async def close() -> None:
    """Close the connections of these threads; whoever comes after all gets new ones."""
    global _threads
    before, _threads = _threads, DatabaseThreads(name=_NAME)
    await before.close()


async def record_refusal(attempt: Attempt, cause: Cause, detail: str, times: int = 1) -> None:
    """Count this refusal in the row of its identity, address and cause.

    The charger is answered whether or not this can be stored; what could not be is logged.
    """
    try:
        await off_loop(_store, attempt, cause, detail, times)
    except Error:
        logger.exception(
            "refused attempt of %r (%s) could not be stored",
            attempt.identity,
            cause,
            extra={"charger": attempt.identity},
        )


def _store(attempt: Attempt, cause: Cause, detail: str, times: int) -> None:
    key = {
        "identity": _column(attempt.identity, 255),
        "remote_address": _column(attempt.remote_address, 64),
        "cause": cause.value,
    }
    now = timezone.now()
    seen = {
        "detail": _column(detail, 2000),
        "offered_subprotocols": _column(", ".join(attempt.offered), 255),
        "user_agent": _column(attempt.user_agent, 255),
        "last_at": now,
    }
    row, _ = RefusedAttempt.objects.get_or_create(**key, defaults={**seen, "count": 0, "first_at": now})
    RefusedAttempt.objects.filter(pk=row.pk).update(count=F("count") + times, **seen)


def _column(text: str, length: int) -> str:
    """Text as a column takes it: PostgreSQL refuses the character NUL."""
    return text.replace("\x00", "\\x00")[:length]
