"""Which OCPP version a charger and its backoffices agree on, where some take only some (ocpp-semantics 1.2).

A link is dialled with exactly the version that the charger speaks. Which ones Billing takes is learned
from how its handshakes end; the door (``chargers.admission``) reads that when the charger connects.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta

import msgspec

from routing.core.decisions import CloseCharger
from routing.core.lines import Line
from routing.core.payloads import moment, wire_time
from routing.core.rows import LatestRow
from routing.core.state import State
from routing.core.turn import Turn

KIND = "billing_versions"
"""What is remembered under this kind, by the primary key of Billing's route: a ``Known`` as JSON."""

ALARM = "version mismatch"

MISMATCH = "version_mismatch"
"""How the error of a link begins whose handshake has failed over the version."""

FORGIVEN = timedelta(days=1)
"""How long a refusal counts; then the version is tried again when the charger connects."""

WRITTEN = 1.0
"""Seconds until what was learned can be read at the door, where the charger is to find it."""


class Known(msgspec.Struct):
    """What Billing takes: versions of successful handshakes, and those refused with their time."""

    accepted: list[str] = []
    refused: dict[str, str] = {}

    def refuses(self, version: str, utc: datetime) -> bool:
        """Whether it has lately refused a version."""
        at = moment(self.refused.get(version, ""))
        return at is not None and utc < at + FORGIVEN


def known(payload: str) -> Known:
    """What was learned, from its stored form; nothing where that cannot be read."""
    try:
        return msgspec.json.decode(payload, type=Known)
    except (msgspec.DecodeError, UnicodeError):
        return Known()


def preferred(offered: Sequence[str], accepted: Collection[str], refused: Collection[str]) -> str:
    """The version to speak, of those offered (at least one) in the charger's order.

    ``accepted``: those that Billing is known to take; without any, the first that it has not refused. Where
    it has refused every one, what is said of it (``accepted``) counts again.
    """
    usable = [version for version in offered if version not in refused] or list(offered)
    return next((version for version in usable if version in accepted), usable[0])


def _learned(state: State, line: Line) -> Known:
    row: LatestRow | None = state.remembered(KIND, str(line.key))
    return Known() if row is None else known(row.payload)


def _keep(state: State, turn: Turn, line: Line, learned: Known) -> None:
    state.remember(KIND, str(line.key), msgspec.json.encode(learned).decode(), turn)


def opened(state: State, turn: Turn, line: Line) -> None:
    """A backoffice has taken the charger's version."""
    state.clear_alarm(ALARM, turn, str(line.key))
    if line is not state.billing:
        return
    state.cancel(KIND)
    learned = _learned(state, line)
    if state.version not in learned.accepted or state.version in learned.refused:
        learned.accepted = [*(v for v in learned.accepted if v != state.version), state.version]
        learned.refused.pop(state.version, None)
        _keep(state, turn, line, learned)


def refused(state: State, turn: Turn, line: Line, error: str) -> bool:
    """A backoffice does not take the charger's version; True where the charger is to come with another.

    That is Billing's right alone, and only where the charger has offered one that Billing has not refused.
    The others, and Billing without a choice, count as away and are asked again every five minutes.
    """
    state.raise_alarm(
        ALARM, f"{line.route.backoffice}: {error.partition(': ')[2] or error}", turn, str(line.key)
    )
    if line is not state.billing or state.snapshot.options.pinned is not None:
        return False
    learned = _learned(state, line)
    learned.accepted = [version for version in learned.accepted if version != state.version]
    learned.refused[state.version] = wire_time(turn.utc)
    _keep(state, turn, line, learned)
    others = [version for version in state.offered if not learned.refuses(version, turn.utc)]
    if not others or not state.online:
        return False
    state.call_at(KIND, turn.now + WRITTEN, _come_again)
    return True


def _come_again(state: State, turn: Turn) -> None:
    if state.online:
        turn.emit(CloseCharger(1012, f"Billing does not speak ocpp{state.version}; connect again"))
