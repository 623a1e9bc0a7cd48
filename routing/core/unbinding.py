"""What a backoffice was sent, with the charger's identifiers again: the opposite of ``binding``."""

from __future__ import annotations

from routing.core import actions, frames, spans
from routing.core.actions import Kind

BOUND = frozenset({Kind.ID_TAG, Kind.ID_TOKEN_TYPE, Kind.RESERVATION, Kind.REMOTE_START})
"""Identifiers that ``binding`` makes out of the charger's own. The number of a session it does not: that
comes from the session, whatever stands in the payload."""


def payload_of(text: str) -> str:
    """The payload of a CALL as the audit log holds it, "" where it is no CALL."""
    frame = frames.parse(text) if text else None
    return frame.payload if isinstance(frame, frames.Call) else ""


def unbound(version: str, action: str, sent: str, said: str) -> str:
    """What is to be queued so that a route gets ``sent`` once more, of what the charger has ``said``.

    What was left out of ``sent`` for this route stays out.
    """
    row = actions.up(version, action)
    edits: dict[str, str | None] = {}
    for rewrite in row.to_route if row is not None else ():
        if rewrite.kind in BOUND and (tokens := spans.find(said, rewrite.path)):
            edits[rewrite.path] = tokens[-1]
    return spans.patch(sent, edits)
