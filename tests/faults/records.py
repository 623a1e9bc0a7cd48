"""What a run leaves for the checker: what chargers said, what backoffices got, what was done to them."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

MARKED = ("StartTransaction", "StopTransaction", "MeterValues", "TransactionEvent")


@dataclass
class Try:
    """One sending of a CALL on one connection; times in monotonic seconds, None for never.

    ``process`` is the one of the proxy at the other end.
    """

    connection: int
    message_id: str
    sent_at: float
    answered_at: float | None = None
    ended_at: float | None = None
    process: str = "first"


@dataclass
class Said:
    """A CALL of a charger. ``mark`` numbers its transaction messages, 0 is any other message."""

    action: str
    mark: int
    session: int
    payload: dict[str, Any]
    tries: list[Try] = field(default_factory=list)


@dataclass
class ChargerRecord:
    """All that one charger said, in its order, and how often each message id was answered.

    ``wrong`` are answers that make no sense, ``refused`` how its dials and connections ended.
    """

    identity: str
    version: str
    said: list[Said] = field(default_factory=list)
    answers: dict[tuple[int, str], int] = field(default_factory=dict)
    wrong: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)

    @property
    def numbered(self) -> list[Said]:
        """The transaction messages."""
        return [one for one in self.said if one.mark]


@dataclass(frozen=True)
class Got:
    """A transaction message as a backoffice read it.

    ``fate``: what it did then: "good" (answered at once), "late", "none", "nonsense" or "closed".
    ``number``: the transaction number that it gave, to a StartTransaction of 1.6.
    """

    identity: str
    action: str
    payload: dict[str, Any]
    fate: str
    at: float
    number: int | None = None

    @property
    def mark(self) -> int:
        """Which of the charger's messages it is; 0 where the number is lost."""
        return mark_of(self.action, self.payload)


@dataclass(frozen=True)
class Span:
    """When something was done, in monotonic seconds. ``target``: which backoffice or process, or ""."""

    kind: str
    begin: float
    end: float
    target: str = ""


@dataclass
class RunRecord:
    """One run. ``got`` by the name of the backoffice, ``bands`` has the first number each one gives.

    ``order`` has, by charger, the marks of what the proxy has written down, in the order of its numbers;
    ``dead`` counts deliveries that were given up, ``unclean`` has words on processes that did not stop well,
    ``routes`` what the proxy says of its routes at the end, ``processes`` how many it has.
    """

    chargers: list[ChargerRecord] = field(default_factory=list)
    got: dict[str, list[Got]] = field(default_factory=dict)
    bands: dict[str, int] = field(default_factory=dict)
    done: list[Span] = field(default_factory=list)
    order: dict[str, list[int]] = field(default_factory=dict)
    dead: int = 0
    unclean: list[str] = field(default_factory=list)
    routes: list[str] = field(default_factory=list)
    processes: int = 1


def mark_of(action: str, payload: dict[str, Any]) -> int:
    """The number that a transaction message carries as its meter reading, 0 where there is none."""
    try:
        if action == "StartTransaction":
            return int(payload["meterStart"])
        if action == "StopTransaction":
            return int(payload["meterStop"])
        return int(float(payload["meterValue"][0]["sampledValue"][0]["value"]))
    except (KeyError, IndexError, TypeError, ValueError):
        return 0


def content(payload: dict[str, Any]) -> str:
    """A payload without what may differ from backoffice to backoffice: its number, and ``offline`` (2.x)."""
    return json.dumps(
        {k: v for k, v in payload.items() if k not in ("transactionId", "offline")}, sort_keys=True
    )
