"""Idempotency-Key: the same request twice is done once, and answered the same both times."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from datetime import timedelta

from django.db import IntegrityError, transaction
from django.utils import timezone
from rest_framework.exceptions import ValidationError
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.errors import Conflict
from accounts.idempotency import IdempotentRequest
from accounts.tokens import ApiToken

HEADER = "Idempotency-Key"
KEPT = timedelta(hours=24)
LONGEST_RUN = timedelta(minutes=2)
"""A request that has not ended after this was cut off: it may be tried again."""


def once(request: Request, do: Callable[[], Response]) -> Response:
    """Do it, unless it was done: then what was answered. Raises Conflict for the same key, other content.

    Answers are kept 24 hours. An answer with a secret in it (``response.holds_secret``) is not: the second
    time says that it was done, without the secret.
    """
    key = request.headers.get(HEADER, "")
    if not key:
        return do()
    if len(key) > 255 or not key.isprintable():
        raise ValidationError({HEADER: ["expected at most 255 printable characters"]})
    row, is_new = _claim(request, key)
    if not is_new:
        return _replayed(row)
    try:
        response = do()
    except BaseException:
        row.delete()  # it was not done
        raise
    hides = getattr(response, "holds_secret", False)
    IdempotentRequest.objects.filter(pk=row.pk).update(  # gone, where it took longer than LONGEST_RUN
        status=response.status_code,
        body=None if hides else _plain(response.data),
        location=response.headers.get("Location", ""),
    )
    return response


def _claim(request: Request, key: str) -> tuple[IdempotentRequest, bool]:
    owner, digest, now = _owner(request), _digest(request), timezone.now()
    IdempotentRequest.objects.filter(owner=owner, key=key, at__lt=now - KEPT).delete()
    IdempotentRequest.objects.filter(owner=owner, key=key, status=None, at__lt=now - LONGEST_RUN).delete()
    try:
        with transaction.atomic():
            return IdempotentRequest.objects.create(owner=owner, key=key, digest=digest, at=now), True
    except IntegrityError:
        row = IdempotentRequest.objects.filter(owner=owner, key=key).first()
    if row is None:  # the other one has just failed, and is not done
        return _claim(request, key)
    if row.digest != digest:
        raise Conflict(f'The {HEADER} "{key[:40]}" was used for another request.')
    if row.status is None:
        raise Conflict(f'The request with the {HEADER} "{key[:40]}" is still being done.')
    return row, False


def _replayed(row: IdempotentRequest) -> Response:
    response = Response(row.body, status=row.status, headers={"Idempotent-Replay": "true"})
    if row.location:
        response.headers["Location"] = row.location
    return response


def _plain(data: object) -> object:
    """As it was sent: rendering knows of dates and UUIDs."""
    return json.loads(JSONRenderer().render(data) or b"null")


def _owner(request: Request) -> str:
    return f"token {request.auth.uuid}" if isinstance(request.auth, ApiToken) else f"user {request.user.pk}"


def _digest(request: Request) -> str:
    said = json.dumps([request.method, request.path, request.data], sort_keys=True, default=str)
    return hashlib.sha256(said.encode()).hexdigest()


def forget_old() -> int:
    """Forget answers that nobody asks for again; how many."""
    return IdempotentRequest.objects.filter(at__lt=timezone.now() - KEPT).delete()[0]
