"""How a charger departs from the standard, told from what it sends: shown to whoever supports it.

Detection costs nothing where nothing is odd; what is done about a quirk is an option with a name.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple


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
        "repeated_message_ids": Quirk(
            "It uses a message id again for another message on one connection.",
            "Nothing: such a message is taken as a new one.",
        ),
        "wrong_answer_id": Quirk(
            "It has answered a command under a message id that nobody sent.",
            "Nothing, while one command is under way at a time, as the proxy sees to; "
            "the option short_ids helps where ids are truncated.",
        ),
    }
)
"""Quirks by the name under which they are recorded."""
