"""Everything that went over one charger's socket, in order, and a way to wait for what is to come."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal, TypeVar

Direction = Literal["sent", "received"]
Found = TypeVar("Found")
Where = Callable[[Any], bool]

CALL, CALL_RESULT, CALL_ERROR, CALL_RESULT_ERROR, SEND = 2, 3, 4, 5, 6


class NothingCame(AssertionError):
    """What was waited for did not come in time; says what came instead."""


@dataclass(slots=True, eq=False)
class Entry:
    """One frame: its exact text, when and which way it went, and what a JSON parser makes of it.

    ``frame_type`` is None where the text is no OCPP-J frame. ``action`` of an answer is that of its
    CALL, "" where nobody asked. ``answer`` of a CALL is set when its answer passes.
    """

    text: str
    direction: Direction
    at: datetime
    frame_type: int | None
    message_id: str = ""
    action: str = ""
    payload: Any = None
    error_code: str = ""
    answer: Entry | None = None

    @property
    def is_call(self) -> bool:
        """Whether this frame asks for something (CALL, or the SEND of 2.1)."""
        return self.frame_type in (CALL, SEND)


class Record:
    """The frames of one charger, oldest first, over all of its connections.

    ``listener`` is called with each new one. ``keep``: how many are kept, None for all; a simulator
    that runs for days keeps the newest.
    """

    def __init__(self, keep: int | None = None) -> None:
        self.listener: Callable[[Entry], None] | None = None
        self.keep = keep
        self.entries: list[Entry] = []
        self._asked: dict[tuple[Direction, str], Entry] = {}
        self._waiting: list[asyncio.Future[None]] = []

    def __iter__(self) -> Iterator[Entry]:
        return iter(self.entries)

    def __len__(self) -> int:
        return len(self.entries)

    def add(self, direction: Direction, text: str) -> Entry:
        """Append a frame, join an answer to its CALL, and wake whoever waits."""
        entry = parse(direction, text)
        self.entries.append(entry)
        if entry.frame_type == CALL:
            self._asked[direction, entry.message_id] = entry
        elif entry.frame_type in (CALL_RESULT, CALL_ERROR):
            call = self._asked.pop(("received" if direction == "sent" else "sent", entry.message_id), None)
            if call:
                entry.action, call.answer = call.action, entry
        if self.keep is not None and len(self.entries) > 2 * self.keep:
            del self.entries[: -self.keep]
        if self.listener:
            self.listener(entry)
        self.wake()
        return entry

    def wake(self) -> None:
        """Let everybody who waits look again."""
        waiting, self._waiting = self._waiting, []
        for waiter in waiting:
            if not waiter.done():
                waiter.set_result(None)

    def calls(
        self, action: str, direction: Direction | None = None, where: Where | None = None
    ) -> list[Entry]:
        """The CALLs (and SENDs) of this action so far; ``where`` judges the payload."""
        return [
            entry
            for entry in self.entries
            if entry.is_call
            and entry.action == action
            and direction in (None, entry.direction)
            and (where is None or where(entry.payload))
        ]

    def texts(self, direction: Direction) -> list[str]:
        """The raw text of every frame of one direction, oldest first."""
        return [entry.text for entry in self.entries if entry.direction == direction]

    async def wait_for(
        self,
        action: str,
        *,
        count: int = 1,
        direction: Direction | None = None,
        where: Where | None = None,
        answered: bool = False,
        timeout_s: float = 10,
    ) -> Entry:
        """The ``count``-th CALL of this action, at once if it is already here.

        ``answered``: only CALLs whose answer has passed count. Raises NothingCame.
        """

        def found() -> Entry | None:
            calls = self.calls(action, direction, where)
            if answered:
                calls = [call for call in calls if call.answer]
            return calls[count - 1] if len(calls) >= count else None

        return await self.wait_until(found, f"{action} number {count}", timeout_s)

    async def wait_until(
        self, found: Callable[[], Found | None], wanted: str, timeout_s: float = 10
    ) -> Found:
        """What ``found`` returns as soon as it is not None; asked after every frame. Raises NothingCame."""
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(timeout_s):
                while (result := found()) is None:
                    waiter = loop.create_future()
                    self._waiting.append(waiter)
                    await waiter
        except TimeoutError:
            raise NothingCame(f"{wanted} did not come within {timeout_s} s; seen: {self.summary()}") from None
        return result

    def summary(self) -> str:
        """The last thirty frames in few words, for messages to people."""
        words = [f"{'>' if e.direction == 'sent' else '<'}{_name(e)}" for e in self.entries[-30:]]
        return " ".join(words) or "nothing"


def parse(direction: Direction, text: str) -> Entry:
    """A frame's text as an Entry; anything at all may be in it."""
    entry = Entry(text, direction, datetime.now(UTC), None)
    try:
        frame = json.loads(text, parse_int=_whole)
    except (ValueError, RecursionError):
        return entry
    if not isinstance(frame, list) or len(frame) < 3 or type(frame[0]) is not int:
        return entry
    entry.frame_type, entry.message_id = frame[0], str(frame[1])
    if frame[0] in (CALL, SEND) and len(frame) > 3:
        entry.action, entry.payload = str(frame[2]), frame[3]
    elif frame[0] == CALL_RESULT:
        entry.payload = frame[2]
    elif frame[0] in (CALL_ERROR, CALL_RESULT_ERROR):
        entry.error_code = str(frame[2])
        entry.payload = frame[4] if len(frame) > 4 else None
    return entry


def _whole(digits: str) -> int | float:
    # Python refuses to make an int of more than 4,300 digits; JSON sets no limit.
    return int(digits) if len(digits) < 4000 else float(digits)


def _name(entry: Entry) -> str:
    if entry.is_call:
        return entry.action
    kinds = {CALL_RESULT: "answer", CALL_ERROR: f"error:{entry.error_code}", None: "garbage"}
    return f"{kinds.get(entry.frame_type, entry.frame_type)}({entry.action})"
