"""A backoffice gives the charger a new password: it becomes that of its own link (ocpp-semantics 1.3, 3.9).

The charger's password toward the proxy is nobody's business but the proxy's.
"""

from __future__ import annotations

import binascii
import re

from routing.core.decisions import ChangePassword, Report
from routing.core.lines import Line
from routing.core.state import State
from routing.core.turn import Turn

_HEXADECIMAL = re.compile(r"(?:[0-9A-Fa-f]{2}){16,20}")
"""OCPP 1.6 security whitepaper: 16 to 20 bytes, of which the decoded form is the password."""

SHORTEST = 16
LONGEST = {"2.0.1": 40, "2.1": 64}
"""Characters of a passwordString (2.0.1 part 2 appendix; the schema field of 2.1)."""

_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


REFUSED = "password refused: it does not take the password that it has set; the one before it is used"
"""What a link says of itself that has had to go back to the password before."""

ALARM = "password refused"


def note_state(state: State, turn: Turn, line: Line, error: str) -> None:
    """A link says how it is: it may have had to go back to the password before."""
    if error == REFUSED:
        words = f"{line.route.backoffice} refuses the password that it has set for this charger"
        state.raise_alarm(ALARM, words, turn, str(line.key))


def note_opened(state: State, turn: Turn, line: Line) -> None:
    """A link is open; where it says nothing else, with the password that was meant."""
    if state.alarms and line.error != REFUSED:
        state.clear_alarm(ALARM, turn, str(line.key))


def take(state: State, turn: Turn, line: Line, value: str) -> str:
    """Have this backoffice's link dialled with the password in ``value`` from now on.

    ``value`` is that of AuthorizationKey (1.6) or SecurityCtrlr.BasicAuthPassword (2.x) as it stands on
    the wire. Returns "" where it was taken, to be answered with Accepted; else what is wrong with
    it in words (that never show it), to be answered with Rejected. The charger is not asked.
    """
    password, objection = decoded(state.version, value)
    if password is None:
        return objection
    turn.emit(ChangePassword(line.key, password))
    words = f"{line.route.backoffice} has set another password for its link"
    turn.emit(Report("password", words, route=line.key))
    return ""


def decoded(ocpp_version: str, value: str) -> tuple[bytes | None, str]:
    """The bytes of a password, or None and what is wrong with it in words."""
    if ocpp_version == "1.6":
        if _HEXADECIMAL.fullmatch(value):
            return binascii.unhexlify(value), ""
        return None, f"password: {len(value)} characters are not 16 to 20 bytes in hexadecimal"
    longest = LONGEST[ocpp_version]
    if not SHORTEST <= len(value) <= longest:
        return None, f"password: {len(value)} characters; expected {SHORTEST} to {longest}"
    if _CONTROL.search(value):
        return None, "password: it holds a control character, which HTTP Basic has no place for"
    try:
        return value.encode(), ""
    except UnicodeEncodeError:
        return None, "password: it is not UTF-8"
