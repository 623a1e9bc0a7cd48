"""Tries a backoffice as one of its links would: one handshake, reported in words."""

from __future__ import annotations

import time

from django.conf import settings
from websockets.exceptions import InvalidHandshake, InvalidURI

from backoffices.handshakes import VersionMismatch, explain
from backoffices.links import Dialler
from backoffices.models import Backoffice
from routing.links import DialTarget
from routing.loading import dial_url


def target_of(backoffice: Backoffice, identity: str) -> DialTarget:
    """How ``backoffice`` would be dialled for a charger of this identity."""
    return DialTarget(
        route=0,
        charger=0,
        backoffice=backoffice.name,
        url=dial_url(backoffice.url, identity),
        username=identity if backoffice.username is None else backoffice.username,
        password=backoffice.password,
        ping=0,
        allow_private=settings.PROXY_ALLOW_PRIVATE_UPSTREAMS,
    )


async def probe(target: DialTarget, ocpp_version: str) -> dict[str, str | float | bool]:
    """``ok``, ``error`` (words, "" for none), ``address`` that answered, ``seconds`` it took."""
    dialler = Dialler()
    began = time.monotonic()
    error, address = "", ""
    try:
        socket = await dialler.open(target, ocpp_version)
    except (OSError, ValueError, InvalidHandshake, InvalidURI, VersionMismatch) as problem:
        error = explain(problem, target.url, dialler.limits.open_timeout)
    else:
        host, port, *_ = socket.remote_address
        address = f"{host}:{port}"
        socket.shut(1000, "probe")
    seconds = round(time.monotonic() - began, 3)
    await dialler.settled(dialler.limits.close_timeout)
    return {"ok": not error, "error": error, "address": address, "seconds": seconds}
