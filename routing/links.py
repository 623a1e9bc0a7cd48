"""What a session needs of its links to backoffices: interfaces only, ``backoffices.links`` fulfils them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import msgspec

from routing.core.rows import LinkState


class DialTarget(msgspec.Struct, frozen=True, kw_only=True):
    """Where and as whom one route is dialled.

    ``route`` and ``charger`` are primary keys, ``backoffice`` its name for people. ``url`` is
    complete: the alias is in it, percent-encoded. HTTP Basic is sent only where ``password`` (bytes,
    they need not be text) is not None. ``has_fallback``: ``password`` was set by the backoffice itself;
    where it is refused, ``fallback_password`` (None for no HTTP Basic) still counts. ``ping`` is in
    seconds, 0 for none. ``allow_private`` permits addresses that are not public.
    """

    route: int
    charger: int
    backoffice: str
    url: str
    username: str
    password: bytes | None = None
    fallback_password: bytes | None = None
    has_fallback: bool = False
    ping: float = 30
    allow_private: bool = True
    verify_tls: bool = True

    def named(self) -> dict[str, int | str]:
        """What a line of the log is about, as fields of their own (``proxy_site.logs``)."""
        return {"charger_id": self.charger, "route": self.route, "backoffice": self.backoffice}

    def __repr__(self) -> str:
        """For logs: neither the password nor the URL, which may hold one too."""
        return f"DialTarget(route={self.route}, charger={self.charger}, backoffice={self.backoffice!r})"


class Link(Protocol):
    """The socket of one route. All calls return at once."""

    def send(self, text: str) -> None:
        """Send one frame; dropped where the link is not open (its listener is told so)."""

    def close(self, code: int, reason: str) -> None:
        """Close for good with this WebSocket close code; the listener hears nothing after it."""

    def set_ping(self, seconds: float) -> None:
        """Ping every so many seconds from now on, 0 for never, until the socket is lost."""


class LinkListener(Protocol):
    """Who is told what happens on the links of one charger. Called on the loop, never from within
    ``Dial``, ``Link.send`` or ``Link.close``."""

    def link_state(self, route: int, state: LinkState, error: str) -> None:
        """Not open: ``dialling``, ``waiting`` or ``parked``, with the last error in words ("" for none)."""

    def link_opened(self, route: int) -> None:
        """The handshake is done with exactly the OCPP version that was asked for."""

    def link_frame(self, route: int, text: str) -> None:
        """One text message, complete, as the backoffice wrote it."""

    def link_closed(self, route: int, error: str) -> None:
        """A link that was open is not any more, and why; it is redialled on its own."""


class Dial(Protocol):
    """How a session gets its links: handed in, because dialling is the edge's business."""

    def __call__(self, target: DialTarget, ocpp_version: str, listener: LinkListener) -> Link:
        """Keep a link of ``target`` open until ``Link.close``; returns at once."""


class Slot(Protocol):
    """The right to send a backoffice one message that has waited: wished for, then granted."""

    def end(self) -> None:
        """It is free for others; or the wish for it is taken back, and it is not granted any more."""


class Pacer(Protocol):
    """Who grants slots: handed in, because there is one for all sessions of a process."""

    def ask(self, backoffice: str, at_once: int, granted: Callable[[], None]) -> Slot:
        """Have ``granted`` called, never from within, when it is this one's turn.

        Not more than ``at_once`` slots of a ``backoffice`` are out at the same time.
        """
