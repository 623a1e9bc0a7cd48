"""How a charger departs from the standard, told from what it sends: shown to whoever supports it.

Detection costs nothing where nothing is odd; what is done about a quirk is an option with a name.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

from routing.core.state import State
from routing.core.turn import Turn


class Quirk(NamedTuple):
    """What a quirk means, and what helps, in words for the person who supports the charger."""

    meaning: str
    remedy: str


QUIRKS: Mapping[str, Quirk] = MappingProxyType(
    {
        "boot_missing": Quirk(
            "It has never sent a BootNotification through the proxy.",
            "Nothing, where its sessions work: backoffices that ask for a boot first refuse the rest. "
            "Restart the charger once, so that the proxy learns its boot.",
        ),
        "hex_password": Quirk(
            "It sends the hexadecimal text of its AuthorizationKey as the password, not the bytes.",
            "Nothing: both are accepted.",
        ),
        "mangled_json": Quirk(
            "It has sent text that is no JSON; its message id could be read and was answered.",
            "New firmware. A truncated answer is passed on to who waits for it as an error.",
        ),
        "missing_subprotocol": Quirk(
            "It offers no OCPP version when it connects.",
            "The option assume_subprotocol says which one it speaks.",
        ),
        "numeric_message_id": Quirk(
            "Its message ids are numbers, not strings.",
            "Nothing: answers repeat the number as it was written.",
        ),
        "numbers_as_text": Quirk(
            "It writes the numbers of sessions as text.",
            "Nothing for the proxy; where a backoffice refuses it, the rule types of the option repair.",
        ),
        "repeated_message_ids": Quirk(
            "It uses a message id again for another message on one connection.",
            "Nothing: such a message is taken as a new one.",
        ),
        "unknown_transaction_id": Quirk(
            "Its meter values name sessions that nobody has begun under that number.",
            "Nothing: they are taken for the session that runs on the connector; "
            "without one, the option unknown_tx of a route says what it gets.",
        ),
        "wrong_answer_id": Quirk(
            "It has answered a command under a message id that nobody sent.",
            "Nothing, while one command is under way at a time, as the proxy sees to; "
            "the option short_ids helps where ids are truncated.",
        ),
    }
)
"""Quirks by the name under which they are recorded."""


NO_NUMBER = "-1"
"""What a charger writes that was never given a number (OCPP 1.6 errata 3.18)."""


def note_odd_transaction(state: State, turn: Turn, number: str) -> None:
    """Meter values name a session by a token that is not the number it was given (1.6)."""
    if number[0] == '"':
        state.note_quirk("numbers_as_text", f"transactionId {number[:60]}", turn)
    elif number != NO_NUMBER:
        state.note_quirk("unknown_transaction_id", f"transactionId {number[:60]}", turn)
