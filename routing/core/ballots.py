"""Several backoffices are asked about one card: how their answers are counted (ocpp-semantics 5.1)."""

from __future__ import annotations

import msgspec

WINDOW = 0.3
"""Seconds after the first acceptance in which another one may still outrank it."""


class Vote(msgspec.Struct, frozen=True, gc=False):
    """What a backoffice says of the card: its whole answer and the status in it, both "" where none came.

    ``message_id`` is that of the CALL which it answers.
    """

    payload: str = ""
    status: str = ""
    message_id: str = ""


class Outcome(msgspec.Struct, frozen=True, gc=False):
    """Whose answer counts, None for nobody's; ``blocked`` says whose absence refuses the card."""

    route: int | None
    blocked: int | None = None


class Ballot:
    """Who is asked, the most important first, and what they have said.

    ``all_must``: every one has to accept; else the first that does decides. ``billing``: whose refusal
    counts before those of others. ``closes``: when what is there has to do, monotonic seconds.
    """

    __slots__ = ("all_must", "asked", "billing", "closes", "votes")

    def __init__(self, asked: tuple[int, ...], billing: int | None, closes: float, *, all_must: bool) -> None:
        self.asked = asked
        self.billing = billing
        self.closes = closes
        self.all_must = all_must
        self.votes: dict[int, Vote] = {}

    @property
    def acceptances(self) -> list[int]:
        """Who has accepted the card, the most important first."""
        return [route for route in self.asked if self._status(route) == "Accepted"]

    def outcome(self, *, closed: bool) -> Outcome | None:
        """Whose answer counts; None while it is open. ``closed``: nobody is waited for any more."""
        return self._of_all(closed=closed) if self.all_must else self._of_first(closed=closed)

    def _of_all(self, *, closed: bool) -> Outcome | None:
        answered = [route for route in self.asked if route in self.votes]
        for route in answered:
            if not self.votes[route].payload:
                return Outcome(None, blocked=route)
            if self._status(route) != "Accepted":
                return Outcome(route)
        if len(answered) == len(self.asked):
            return Outcome(self._foremost(answered))
        missing = next(route for route in self.asked if route not in self.votes)
        return Outcome(None, blocked=missing) if closed else None

    def _of_first(self, *, closed: bool) -> Outcome | None:
        accepted = self.acceptances
        before = self.asked[: self.asked.index(accepted[0])] if accepted else self.asked
        if not closed and any(route not in self.votes for route in before):
            return None
        if accepted:
            return Outcome(accepted[0])
        answered = [route for route in self.asked if self.votes.get(route, Vote()).payload]
        return Outcome(self._foremost(answered) if answered else None)

    def _foremost(self, routes: list[int]) -> int:
        return self.billing if self.billing is not None and self.billing in routes else routes[0]

    def _status(self, route: int) -> str:
        return self.votes[route].status if route in self.votes else ""
