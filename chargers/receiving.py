"""``/uploads/<token>``: where a charger puts the file it was asked for. Before Django, without login."""

from __future__ import annotations

import logging
import time
from typing import Final

from channels.db import database_sync_to_async
from django.conf import settings
from django.db import DatabaseError

from chargers.bodies import FORM, INCOMING, METHODS, PATH, Receive, Scope, Send, token_in
from chargers.limits import Buckets, network
from routing.files.incoming import Incoming
from routing.files.storing import folder
from routing.files.tokens import LENGTH, UPLOAD
from routing.files.uploads import OTHERWISE, NotTaken, take

__all__ = ["PATH", "uploads"]

log = logging.getLogger(__name__)

_REFUSALS: Final[Buckets[str]] = Buckets(20, 0.2)
"""By address: who asks for files that nobody waits for is told less and less."""


def name_in(path: str) -> str:
    """What the charger calls its file, if it says so in the path."""
    return path[len(PATH) + LENGTH :].strip("/")


async def uploads(scope: Scope, receive: Receive, send: Send) -> None:
    """Take a file in, or say that nobody waits for it."""
    token = token_in(scope["path"]) if scope["method"] in METHODS else None
    incoming: Incoming | None = scope.get("extensions", {}).get(INCOMING)
    try:
        if token is None:  # or one that has expired while the file came
            status, words = _refused(scope), "there is nothing here"
        else:
            incoming = incoming or await _read(receive)
            status, words = await _taken(scope, token, incoming)
    finally:
        if incoming is not None:
            await incoming.discard()
    await _answer(send, status, words)


async def _taken(scope: Scope, token: str, incoming: Incoming) -> tuple[int, str]:
    if not await incoming.written():
        if incoming.is_too_large:
            return 413, f"more than {settings.PROXY_UPLOAD_BYTES} bytes are not taken"
        return 507, "there is no room for it"
    headers = {bytes(name).lower(): bytes(value) for name, value in scope["headers"]}
    kind = headers.get(b"content-type", b"").decode("latin-1")
    name = name_in(scope["path"]) or OTHERWISE
    try:
        took = await database_sync_to_async(take)(token, incoming.path, name=name, content_type=kind)
    except NotTaken as reason:
        return _refused(scope), str(reason)
    except (DatabaseError, OSError) as error:
        log.error("a charger's file can't be stored: %s", error)
        return 503, "it can't be stored now; try again"
    said = {"charger": took.charger.identity}
    log.info("%s has sent %s (%d bytes)", took.charger, took.name, took.size, extra=said)
    return 201, "thank you"


def _refused(scope: Scope) -> int:
    """404, or 429 for who asks too often."""
    client = scope.get("client") or [""]
    return 404 if _REFUSALS.take(network(str(client[0])), time.monotonic()) else 429


async def _read(receive: Receive) -> Incoming:
    """The body, where the server hands it over piece by piece."""
    incoming = Incoming(folder(UPLOAD), settings.PROXY_UPLOAD_BYTES + FORM)
    while True:
        message = await receive()
        if message["type"] != "http.request":  # whoever sent it is gone: what came is not all
            incoming.failed = True
            return incoming
        incoming.put(message.get("body", b""))
        if incoming.is_full:
            await incoming.written()
        if incoming.is_too_large or not message.get("more_body"):
            return incoming


async def _answer(send: Send, status: int, words: str) -> None:
    headers = [(b"content-type", b"text/plain; charset=utf-8"), (b"cache-control", b"no-store")]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": f"{words}\n".encode()})
