"""ChangeConfiguration of OCPP 1.6 by several backoffices (3.9)."""

from __future__ import annotations

import msgspec

from routing.core import calls, guard, payloads, spans
from routing.core.frames import quote
from routing.core.gate import Asked, DownCall, Reply
from routing.core.lines import Line
from routing.core.settings import changes, keys, present, settling
from routing.core.settings.changes import Change
from routing.core.snapshot import Verdict
from routing.core.state import State
from routing.core.turn import Turn


def change(state: State, turn: Turn, line: Line, asked: Asked, verdict: Verdict) -> None:
    """Take a ChangeConfiguration: answer it, or tell the charger what comes of all wishes."""
    key = only_text(asked.payload, "$.key")
    if key is not None:
        missing = present.missing(state, line, asked, [keys.find(state.version, key)])
        if missing:
            return present.ask(state, turn, asked, missing, _change)
    _change(state, turn, line, asked)


def _change(state: State, turn: Turn, line: Line, asked: Asked) -> None:
    key, value = only_text(asked.payload, "$.key"), only_text(asked.payload, "$.value")
    if key is None or value is None:
        return calls.deny(state, turn, asked, "a change names one key and one value")
    setting = keys.find(state.version, key)
    made = changes.plan(state, turn, line, asked, setting, value, guard.key_objection(key, value))
    if made.status == "Rejected":
        return calls.deny(state, turn, asked, made.rule)
    if made.status:
        return calls.answer(state, turn, asked, _status(made.status), made.rule)
    _submit(state, turn, asked, made)


def only_text(payload: str, path: spans.Path) -> str | None:
    """The text or number at a path; None where there is none, or another kind of value, or two of them."""
    found = spans.find(payload, path)
    if len(found) != 1:
        return None
    value = payloads.scalar(msgspec.Raw(found[0].encode()))
    return None if value is None or isinstance(value, bool) else str(value)


def _submit(state: State, turn: Turn, asked: Asked, made: Change) -> None:
    payload = asked.payload
    if made.sent != made.value:
        payload = spans.patch(payload, {"$.value": quote(made.sent)})
        asked.rule = f"merged with what others want: {made.setting.name} {made.sent[:60]}"
    calls.submit(state, turn, asked, payload, lambda s, t, call, reply: _answered(s, t, call, reply, made))


def _answered(state: State, turn: Turn, call: DownCall, reply: Reply, made: Change) -> None:
    asked = call.asked
    if asked is None:
        return
    line = state.lines.get(asked.route)
    status = None if reply.payload is None else str(spans.value(reply.payload, "$.status"))
    if line is not None and status is not None and changes.second_try(state, line, made, status):
        return _submit(state, turn, asked, made)
    if status is not None or changes.was_sent(call):
        changes.conclude(state, turn, line, made, status)
    settling.after_answer(state, turn, made)
    if status is not None and made.status != status:
        return calls.deny_with(state, turn, asked, _status(made.status), made.rule)
    calls.relay(state, turn, call, reply)


def _status(status: str) -> str:
    return f'{{"status":"{status}"}}'
