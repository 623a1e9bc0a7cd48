"""A charger's session goes from one live process to another: who wants it asks, who has it finishes first.

Without that the old owner learns from the fence of its next write that it has lost the session, and until
then sends what the new owner sends again. Nothing here is relied upon: an owner that does not answer in time
(it is gone, hangs, can't be reached) loses the session by force, as the epoch allows.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping
from itertools import count
from typing import Literal, TypeVar

import msgspec
from django.db import DatabaseError

from backoffices.mailbox import Mailbox, Message
from routing.loading import ServedElsewhere, Spares
from routing.saying import say

logger = logging.getLogger(__name__)

T = TypeVar("T")

WANTED, ANSWERED = "session.wanted", "session.answered"
"""Types of the messages: a runtime wants a session that another one has, and what became of that."""

LOOK_S = 0.35
"""How often who waits looks whether the row has changed: the answer may have been lost."""

Outcome = Literal["released", "not here", "newer"]
"""Of a session that is wanted: it is nobody's now; it was not here; another has asked for it later."""

Owners = Callable[[Iterable[int]], Awaitable[Mapping[int, tuple[str, int]]]]
"""Who owns the sessions of chargers, and under which epoch (``routing.loading.epochs``)."""


class Asked(msgspec.Struct):
    """What this runtime waits for: that ``held`` is not held any more."""

    held: ServedElsewhere
    answer: asyncio.Future[Outcome]

    def resolve(self, outcome: Outcome) -> None:
        if not self.answer.done():
            self.answer.set_result(outcome)


class Handover:
    """Both sides of it, for one Runtime and on its loop.

    ``give`` winds the session of a charger and an epoch down and releases it: True when it has, False where
    there is none, None where it was taken meanwhile, or will be released with everything in a moment.
    ``patience_s``: the longest that a charger waits for the old owner.
    """

    def __init__(
        self,
        runtime_id: str,
        mailbox: Mailbox,
        give: Callable[[int, int], Awaitable[bool | None]],
        owners: Owners,
        patience_s: float,
    ) -> None:
        self._id = runtime_id
        self._mailbox = mailbox
        self._give = give
        self._owners = owners
        self._patience_s = patience_s
        self._numbers = count(1)
        self._asked: dict[int, Asked] = {}
        self._looking: asyncio.Task[None] | None = None
        self._wanted: dict[tuple[int, int], list[Message]] = {}
        mailbox.on(WANTED, self._somebody_wants)
        mailbox.on(ANSWERED, self._is_answered)

    # -- who wants a session -----------------------------------------------------------------------

    async def take(self, spares: Spares, claim: Callable[[Spares], Awaitable[T]]) -> T:
        """What ``claim`` returns, by which a session becomes ours; another live owner is asked first.

        Raises what ``claim`` raises, ServedElsewhere also where yet another process was asked by the
        charger after this one.
        """
        by = asyncio.get_running_loop().time() + self._patience_s
        asked: tuple[str, int] | None = None
        while True:
            try:
                return await claim("living")
            except ServedElsewhere as error:
                if error.is_spared(spares):
                    raise
                held = error
            if asked == (held.owner, held.epoch):  # it is its owner's by name only
                return await claim(spares)
            asked = (held.owner, held.epoch)
            outcome = await self._ask(held, by)
            if outcome == "newer":
                raise held
            if outcome == "released":
                return await claim("living")  # who has claimed it since was asked later
            if outcome is None:
                say(logger, held.charger, logging.INFO, "%s does not give it up, it is taken", held.owner)
                return await claim(spares)

    def give_up(self) -> None:
        """Wait for nobody any more: this process stops."""
        for asked in self._asked.values():
            asked.resolve("newer")

    async def _ask(self, held: ServedElsewhere, by: float) -> Outcome | None:
        """What became of it; None where nobody has said so in time, or can be asked."""
        if self._mailbox.is_away:
            return None
        loop, number = asyncio.get_running_loop(), next(self._numbers)
        asked = self._asked[number] = Asked(held, loop.create_future())
        question = {"charger": held.charger, "epoch": held.epoch, "by": self._id, "number": number}
        if self._looking is None:
            self._looking = loop.create_task(self._look())
        try:
            async with asyncio.timeout_at(by):
                if not await self._mailbox.send(held.owner, {"type": WANTED, **question}):
                    return None
                return await asked.answer
        except TimeoutError:
            return None
        finally:
            del self._asked[number]
            if not self._asked and self._looking is not None:
                self._looking.cancel()
                self._looking = None

    async def _look(self) -> None:
        """One query for all who wait."""
        while True:
            await asyncio.sleep(LOOK_S)
            try:
                owners = await self._owners({asked.held.charger for asked in self._asked.values()})
            except DatabaseError as error:
                logger.debug("cannot look who owns what is waited for: %s", type(error).__name__)
                continue
            for asked in self._asked.values():
                held = (asked.held.owner, asked.held.epoch)
                if owners.get(asked.held.charger, held) != held:
                    asked.resolve("not here")

    async def _is_answered(self, message: Message) -> None:
        asked = self._asked.get(message["number"])
        if asked is not None:
            asked.resolve(message["outcome"])

    # -- who has it --------------------------------------------------------------------------------

    async def _somebody_wants(self, message: Message) -> None:
        """Of several who want it while it is being wound down, the one that asked last gets it."""
        session = (message["charger"], message["epoch"])
        if session in self._wanted:
            self._wanted[session].append(message)
            return
        askers = self._wanted[session] = [message]
        try:
            is_given = await self._give(*session)
        finally:
            del self._wanted[session]
        if is_given is not None:
            await self._answer(askers.pop(), "released" if is_given else "not here")
            for earlier in askers:
                await self._answer(earlier, "newer" if is_given else "not here")

    async def _answer(self, question: Message, outcome: Outcome) -> None:
        answer = {"type": ANSWERED, "number": question["number"], "outcome": outcome}
        await self._mailbox.send(question["by"], answer)
