"""How a backoffice misbehaves, switchable while it runs."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass, field
from enum import StrEnum

from simulators.record import CALL_ERROR, CALL_RESULT, Entry


class Rudeness(StrEnum):
    """What a rude backoffice sends in place of an answer."""

    GARBAGE = "garbage"
    CALL_ERROR = "call_error"
    WRONG_ID = "wrong_id"
    WRONG_PAYLOAD = "wrong_payload"


@dataclass(slots=True)
class Behaviour:
    """Everything off is a well-behaved backoffice.

    ``delay_s``: each answer comes so late. ``silent``: none comes. ``rude``: something else comes.
    ``actions``: only answers to these are affected; None for all.
    ``refuse_status``: the handshake ends with this HTTP status. ``subprotocol``: chosen whatever is
    offered; "" for none. While ``hold`` is on, answers wait until it is let go.
    """

    delay_s: float = 0
    silent: bool = False
    rude: Rudeness | None = None
    actions: frozenset[str] | None = None
    refuse_status: int | None = None
    subprotocol: str | None = None
    _let_go: asyncio.Event = field(default_factory=asyncio.Event)
    _holds: bool = False

    def affects(self, action: str) -> bool:
        """Whether answers to this action are spoilt."""
        return self.actions is None or action in self.actions

    def hold(self, *actions: str) -> None:
        """Keep answers back (to these actions only, if any) until ``let_go``."""
        self._holds, self.actions = True, frozenset(actions) or None
        self._let_go.clear()

    def let_go(self) -> None:
        """Send what was held back, and hold no more."""
        self._holds = False
        self._let_go.set()

    def is_prompt(self, action: str) -> bool:
        """Whether this action is answered at once."""
        return not self.affects(action) or not (self._holds or self.delay_s)

    async def wait(self) -> None:
        """Pass when a held or delayed answer may go out."""
        if self._holds:
            await self._let_go.wait()
        else:
            await asyncio.sleep(self.delay_s)

    def spoilt(self, call: Entry) -> list[str] | None:
        """The frames sent in place of the right answer; None where the right one is sent."""
        if not self.affects(call.action):
            return None
        if self.silent:
            return []
        return _rude_frames(self.rude, call.message_id) if self.rude else None


def _rude_frames(rude: Rudeness, message_id: str) -> list[str]:
    if rude is Rudeness.GARBAGE:
        return ['[3,"' + message_id, "{]", "hello"]
    if rude is Rudeness.CALL_ERROR:
        return [json.dumps([CALL_ERROR, message_id, "InternalError", "simulated fault", {}])]
    if rude is Rudeness.WRONG_ID:
        return [json.dumps([CALL_RESULT, "nobody-asked-" + message_id[:20], {}])]
    return [json.dumps([CALL_RESULT, message_id, {"unexpected": [1, {"nested": None}]}])]
