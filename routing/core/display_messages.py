"""Messages on a charger's one screen (ocpp-semantics 3.7): each backoffice has its own, Billing first."""

from __future__ import annotations

from routing.core import rewriting, spans
from routing.core.actions import Kind
from routing.core.gate import Asked, DownCall, Reply
from routing.core.lines import Line
from routing.core.payloads import word
from routing.core.snapshot import Role
from routing.core.state import State
from routing.core.turn import Turn

LOWEST = '"NormalCycle"'
"""The only priority of others than Billing: the rest would cover what Billing shows."""

CLEARED = frozenset({"Accepted", "Unknown"})
"""Answers after which the charger does not have the message."""


def check(state: State, turn: Turn, line: Line, asked: Asked) -> str:
    """The objection to a CALL about messages, in words; "" for none."""
    if line.route.role is Role.BILLING:
        return ""
    if asked.action == "SetDisplayMessage":
        priorities = spans.find(asked.payload, "$.message.priority")
        lowest = all(priority == LOWEST for priority in priorities)
        return "" if lowest else f"only Billing shows messages of another priority than {LOWEST}"
    if asked.action == "GetDisplayMessages" and not state.identifiers.own(Kind.DISPLAY_MESSAGE, line.key):
        return "this backoffice has no message on the charger"
    return ""


def note_cleared(state: State, turn: Turn, call: DownCall, reply: Reply) -> None:
    """The charger does not have the message any more."""
    if reply.payload is not None and word(reply.payload, "$.status") in CLEARED:
        rewriting.close_named(state, turn, Kind.DISPLAY_MESSAGE, call.payload, "$.id")
