"""The Bus: how the edge that holds a charger's socket reaches the session of that charger."""

from __future__ import annotations

from typing import Final, Protocol

import msgspec

REPLACED: Final = "replaced"
"""Reason of the close of a socket whose charger has connected again; nobody waits for its handshake."""


class BusUnavailable(Exception):
    """No session can take the charger now; the message is a sentence that says why."""


class ChargerSocket(Protocol):
    """The socket of a charger as its session sees it. Called on the event loop; nothing waits."""

    def send(self, text: str) -> None:
        """Send a frame; nothing happens when the socket is gone."""

    def close(self, code: int, reason: str) -> None:
        """Close with an RFC 6455 code; ``reason`` is cut at 123 bytes of UTF-8."""


class Attach(msgspec.Struct, frozen=True, kw_only=True):
    """A charger that was admitted and wants its session.

    ``charger`` is the primary key of the Charger row, ``ocpp_version`` one of OCPP_VERSIONS.
    ``offered``: those between which there was a choice, in the charger's order. ``quirks``: what was odd
    about its handshake, names of routing.core.quirks. ``asked_at``: when its handshake came (monotonic
    seconds), None for just now.
    """

    charger: int
    identity: str
    ocpp_version: str
    remote_address: str
    offered: tuple[str, ...] = ()
    quirks: tuple[str, ...] = ()
    asked_at: float | None = None


class Attachment(Protocol):
    """One socket's hold of its session. Each attach makes a new one, and the newest wins.

    What an older attachment still says (frames, its late detach) changes nothing in the session.
    """

    def up(self, text: str) -> None:
        """A frame of the charger."""

    def detach(self, code: int) -> None:
        """The socket is gone, with this close code (1006: without a handshake)."""


class Bus(Protocol):
    """Finds the session of a charger, wherever it lives."""

    async def attach(self, request: Attach, socket: ChargerSocket) -> Attachment:
        """Give the session its charger's socket. Raises BusUnavailable.

        The session may use the socket before this returns. A caller that is cancelled while it
        waits is not attached.
        """


class AttachTo(Protocol):
    """What a LocalBus stands before: a Runtime of the same process."""

    async def attach(self, request: Attach, socket: ChargerSocket) -> Attachment:
        """As ``Bus.attach``."""


class LocalBus:
    """The bus where edge and sessions share one process and loop: a call, no hop."""

    def __init__(self, runtime: AttachTo) -> None:
        self._runtime = runtime

    async def attach(self, request: Attach, socket: ChargerSocket) -> Attachment:
        return await self._runtime.attach(request, socket)


_installed: list[Bus] = []


def install(bus: Bus | None) -> None:
    """Make ``bus`` the one that the edges of this process use; None while there is none."""
    _installed[:] = [] if bus is None else [bus]


def current() -> Bus:
    """The installed bus. Raises BusUnavailable while the process starts or stops."""
    if not _installed:
        raise BusUnavailable("no session runtime is installed in this process; it is starting or stopping")
    return _installed[0]
