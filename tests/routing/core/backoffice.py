"""A backoffice as the machine under test meets it: it speaks text frames, without a socket."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from routing.core.decisions import Decision

if TYPE_CHECKING:
    from tests.routing.core.harness import World

NOON = "2026-01-01T12:00:00Z"


def decode(text: str) -> Any:
    """A frame as its receiver reads it; an integer that Python refuses stays text."""
    return json.loads(text, parse_int=lambda digits: int(digits) if len(digits) < 1000 else digits)


class Backoffice:
    """One CSMS: what it got, and how it answers. ``behave`` may be replaced at any time.

    ``first_number`` is the transaction id that it gives first (1.6).
    """

    def __init__(self, world: World, key: int, first_number: int) -> None:
        self.world = world
        self.key = key
        self.up = False
        self.wanted = ""
        self.got: list[tuple[str, Any]] = []
        self.frames: list[str] = []
        self.answers: list[Any] = []
        self.numbers = itertools.count(first_number)
        self.status = "Accepted"
        self.interval = 300
        self.held: list[tuple[str, str, Any]] = []
        self.behave: Callable[[Any, str, str, Any], None] = Backoffice.answer

    def open(self) -> None:
        """The link opens."""
        self.up = True
        self.world.do(self.world.machine.link_opened(self.key, *self.world.time))

    def lose(self, error: str = "connection lost") -> None:
        """The link breaks; it is not redialled before ``open``."""
        self.drop()
        self.world.do(self.world.machine.link_closed(self.key, error, *self.world.time))

    def drop(self) -> None:
        """The socket is gone, and with it what was open on it."""
        self.up = False
        self.held.clear()

    def refuse(self, error: str = "connection refused") -> None:
        """A dial has failed."""
        self.world.do(self.world.machine.link_state(self.key, "waiting", error, *self.world.time))

    def take(self, text: str) -> None:
        """A frame arrives."""
        self.frames.append(text)
        frame = decode(text)
        if frame[0] in (3, 4):
            self.answers.append(frame)
        elif frame[0] == 2:
            self.got.append((frame[2], frame[3]))
            self.behave(self, frame[1], frame[2], frame[3])
        else:
            self.got.append((frame[2], frame[3]))

    def answer(self, message_id: str, action: str, payload: Any) -> None:
        """Answer as a CSMS in good health."""
        self.result(message_id, self.payload_for(action))

    def hold(self, message_id: str, action: str, payload: Any) -> None:
        """Keep the CALL, to be answered by ``release``."""
        self.held.append((message_id, action, payload))

    def ignore(self, message_id: str, action: str, payload: Any) -> None:
        """Never answer."""

    def release(self) -> None:
        """Answer what was held."""
        held, self.held = self.held, []
        for message_id, action, payload in held:
            self.answer(message_id, action, payload)

    def payload_for(self, action: str) -> dict[str, Any]:
        """The usual answer to an action."""
        match action:
            case "BootNotification":
                return {
                    "currentTime": "2026-01-01T00:00:00Z",
                    "interval": self.interval,
                    "status": self.status,
                }
            case "Heartbeat":
                return {"currentTime": NOON}
            case "Authorize":
                info = {"status": "Accepted"}
                return {"idTagInfo": info} if self.world.version == "1.6" else {"idTokenInfo": info}
            case "StartTransaction":
                return {"transactionId": next(self.numbers), "idTagInfo": {"status": "Accepted"}}
        return {}

    def result(self, message_id: str, payload: Any) -> None:
        """Send a CALLRESULT."""
        self.say(json.dumps([3, message_id, payload], separators=(",", ":")))

    def say(self, text: str) -> None:
        """Send any text."""
        self.world.queue.append(lambda: self._heard(text))
        self.world.run()

    def _heard(self, text: str) -> list[Decision]:
        if self.up:
            self.world.wire.came(self.key, text)
        return self.world.machine.link_frame(self.key, text, *self.world.time)

    def call(self, action: str, payload: Any, message_id: str = "x") -> None:
        """Send a CALL toward the charger."""
        self.say(json.dumps([2, message_id, action, payload], separators=(",", ":")))

    def of(self, *actions: str) -> list[tuple[str, Any]]:
        """What it got of some actions, in order."""
        return [(a, p) for a, p in self.got if a in actions]

    def payloads(self, action: str) -> list[Any]:
        """The payloads it got of one action, in order."""
        return [p for a, p in self.got if a == action]
