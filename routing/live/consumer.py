"""The WebSocket of a viewer: ``/ws/v1/chargers/<uuid>/messages`` and ``/ws/v1/backoffices/<uuid>/messages``.

Pages name their subject by primary key, programs by ``uuid``. Pages have the cookie of who has logged in,
programs a token with the scope messages:read in ``Authorization: Bearer``; without messages:sensitive cards
are masked.

What it says, as JSON:

``{"first": n, "rows": [...], "left_out": k}``
    rows, oldest first (``routing.live.rows.as_json``). ``first`` numbers them over the whole socket, from 1
    and without gaps, so that a browser can see that nothing is missing; ``left_out`` says how many before
    them were not sent, for want of room. The first batch is what was there before, from the database.
``{"state": "live"}``, ``{"state": "away"}``
    whether other processes of the proxy can be reached; while they can't, ask for rows instead.

It hears nothing. It closes with 4401 for who is not logged in or has no valid token, 4403 for a token without
the scope, 4404 for what the user may not see or is not
there (also later, when that changes), 1012 for a renamed backoffice, 1013 while the proxy can't serve it.
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Awaitable, Callable, MutableMapping
from contextlib import suppress
from functools import partial
from importlib import import_module
from typing import Any, Final, NamedTuple
from urllib.parse import urlparse
from uuid import UUID

import msgspec
from channels.auth import get_user
from channels.db import database_sync_to_async
from channels.security.websocket import OriginValidator
from channels.sessions import SessionMiddlewareStack
from django.conf import settings
from django.db import Error
from django.http.request import split_domain_port, validate_host
from rest_framework.exceptions import AuthenticationFailed

from accounts.api.authentication import ApiTokenAuthentication
from routing.core.rows import MessageRow
from routing.live import audience
from routing.live.audience import View
from routing.live.rows import key_of
from routing.live.sight import Sight, look
from routing.watching import PUBLISH_S, Kind

logger = logging.getLogger(__name__)

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]

LOGGED_OUT, NO_SCOPE, NOT_THERE, AGAIN, LATER = 4401, 4403, 4404, 1012, 1013

READS, SENSITIVE = "messages:read", "messages:sensitive"
"""Scopes that a token needs."""

RECHECK_S = 60.0
"""How often it is looked whether the user still may see this."""

MOST_VIEWERS = 500
"""Sockets of live views in one process; who comes then polls, and asks again."""

_UUID: Final = r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}"
PATH: Final = re.compile(rf"/ws/v1/(?:chargers|backoffices)/(?:[0-9]{{1,18}}|{_UUID})/messages")


class Ended(Exception):
    """The socket is to be closed, with this code."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


class Looker(NamedTuple):
    """Who looks on. ``cards``: whether they may see any, where their role allows it."""

    user: Any
    cards: bool = True


Who = Callable[[], Awaitable[Looker]]
"""Raises Ended where nobody may look on (any more)."""


class Viewer:
    """One open socket. ``who``: asked again and again who looks on; ``pk``: primary key or ``uuid``."""

    def __init__(self, who: Who, send: Send, kind: Kind, pk: int | UUID) -> None:
        self._who = who
        self._send = send
        self._kind: Kind = kind
        self._pk = pk
        self._next = 1
        self._known: frozenset[Any] = frozenset()

    async def run(self) -> None:
        """Show what there is until the user may not see it any more. Raises Ended."""
        here = audience.current()
        if here is None or here.viewers >= MOST_VIEWERS:
            raise Ended(LATER)
        sight = await self._look()
        view = await here.open(sight.subject)
        try:
            await self._show_stored(sight)
            await self._tell_state(view)
            while True:
                sight = await self._follow(view, sight)
        finally:
            here.close(view)

    async def _follow(self, view: View, sight: Sight) -> Sight:
        """Show what comes until it is time to look again who is looking; returns what they see then."""
        time = asyncio.get_running_loop().time
        until, was_away = time() + RECHECK_S, view.away
        while (left := until - time()) > 0:
            with suppress(TimeoutError):
                async with asyncio.timeout(left):
                    await view.changed.wait()
            rows, left_out = view.take()
            if was_away and not view.away:
                await self._show_stored(sight)
            new = [row for row in rows if key_of(row) not in self._known]
            await self._show(new, left_out, sight)
            if was_away != view.away:
                was_away = view.away
                await self._tell_state(view)
            await asyncio.sleep(PUBLISH_S)
        anew = await self._look()
        if anew.subject != sight.subject:
            raise Ended(AGAIN)
        return anew

    async def _look(self) -> Sight:
        """What the user sees now; their rights may have changed since the socket was opened."""
        looker = await self._who()
        seen = partial(look, looker.user, self._kind, self._pk, cards=looker.cards)
        sight: Sight | None = await in_thread(seen)
        if sight is None:
            raise Ended(NOT_THERE)
        return sight

    async def _show_stored(self, sight: Sight) -> None:
        rows, _ = await in_thread(sight.stored)
        self._known = frozenset(key_of(row) for row in rows)
        await self._show(rows, 0, sight)

    async def _show(self, rows: list[MessageRow], left_out: int, sight: Sight) -> None:
        shown = sight.shown(rows) if sight.knows(rows) else await in_thread(sight.shown, rows)
        if shown or left_out:
            await self._say({"first": self._next, "rows": shown, "left_out": left_out})
            self._next += len(shown)

    async def _tell_state(self, view: View) -> None:
        await self._say({"state": "away" if view.away else "live"})

    async def _say(self, what: dict[str, Any]) -> None:
        await self._send({"type": "websocket.send", "text": msgspec.json.encode(what).decode()})


async def user_of(session_key: str | None) -> Any:
    """Who is logged in with this session now. Raises Ended for nobody."""
    store = import_module(settings.SESSION_ENGINE).SessionStore
    user = await get_user({"session": store(session_key)})
    if not user.is_authenticated:
        raise Ended(LOGGED_OUT)
    return user


async def in_thread(work: Callable[..., Any], *arguments: Any) -> Any:
    """Run ORM code beside the loop, and not in the one thread that all of Django's own would share."""
    return await database_sync_to_async(work, thread_sensitive=False)(*arguments)


async def _messages(scope: Scope, receive: Receive, send: Send) -> None:
    """The application of one socket, behind what reads its session."""
    key = scope["session"].session_key

    async def who() -> Looker:
        return Looker(await user_of(key))

    await _view(who, scope, receive, send)


async def _with_token(scope: Scope, receive: Receive, send: Send) -> None:
    """The same for a program, whose token is looked at again as a session is."""
    given = partial(looker_of, _header(scope, b"authorization"), (scope.get("client") or ("",))[0])

    async def who() -> Looker:
        looker: Looker | int = await in_thread(given)
        if isinstance(looker, int):
            raise Ended(looker)
        return looker

    await _view(who, scope, receive, send)


async def _view(who: Who, scope: Scope, receive: Receive, send: Send) -> None:
    _, _, _, kinds, name, _ = scope["path"].split("/")
    kind: Kind = "charger" if kinds == "chargers" else "backoffice"
    viewer = Viewer(who, send, kind, int(name) if name.isdecimal() else UUID(name))
    await serve(viewer.run, receive, send)


def looker_of(authorization: str, address: str) -> Looker | int:
    """Whose token this is, or the code with which to close. Uses the ORM."""
    try:
        user, token = ApiTokenAuthentication().bearer(authorization, address)
    except AuthenticationFailed:
        return LOGGED_OUT
    return Looker(user, SENSITIVE in token.scopes) if READS in token.scopes else NO_SCOPE


def _header(scope: Scope, name: bytes) -> str:
    """One header, "" where there is none."""
    value: bytes = dict(scope["headers"]).get(name, b"")
    return value.decode("latin-1")


async def serve(run: Callable[[], Awaitable[None]], receive: Receive, send: Send) -> None:
    """Accept the socket, and let ``run`` say what it has to until it ends or the browser goes."""
    await receive()
    await send({"type": "websocket.accept"})
    showing = asyncio.ensure_future(_show(run, send))
    try:
        while (await receive())["type"] != "websocket.disconnect":
            pass
    finally:
        showing.cancel()
        await asyncio.wait([showing])  # and not itself: its end is not taken for that of the server's task


async def _show(run: Callable[[], Awaitable[None]], send: Send) -> None:
    try:
        await run()
    except Ended as end:
        code = end.code
    except Error as error:
        logger.info("a live view ends, the database does not answer: %s", error)
        code = LATER
    except Exception:  # the edge of one viewer's loop; its browser asks for rows instead
        logger.exception("a live view has failed")
        code = 1011
    await send({"type": "websocket.close", "code": code})


def is_ours(scope: Scope) -> bool:
    """Whether the page that asks is one of ours: only those may use a user's cookie.

    The rule is that of Django's forms. ALLOWED_HOSTS alone would not do, it may allow every host.
    """
    headers = dict(scope["headers"])
    host, origin = (headers.get(name, b"").decode("latin-1") for name in (b"host", b"origin"))
    own = [f"{'https' if scope.get('scheme') == 'wss' else 'http'}://{host}"] if _is_known(host) else []
    trusted = [pattern.replace("*.", ".") for pattern in settings.CSRF_TRUSTED_ORIGINS]
    return bool(OriginValidator(None, [*own, *trusted]).valid_origin(urlparse(origin)))


def _is_known(host: str) -> bool:
    domain, _ = split_domain_port(host)
    allowed = settings.ALLOWED_HOSTS or [".localhost", "127.0.0.1", "[::1]"] * settings.DEBUG
    return bool(domain) and validate_host(domain, allowed)


async def messages(scope: Scope, receive: Receive, send: Send) -> None:
    """The application of both addresses."""
    is_known = PATH.fullmatch(scope["path"]) is not None
    if is_known and _header(scope, b"authorization"):  # no browser sends that by itself
        await _with_token(scope, receive, send)
    elif is_known and is_ours(scope):
        await _with_session(scope, receive, send)
    else:
        await receive()
        await send({"type": "websocket.close"})


_with_session = SessionMiddlewareStack(_messages)
