"""CALLs of backoffices toward the charger: may they, and what becomes of them."""

from __future__ import annotations

from collections.abc import Callable

from routing.core import (
    actions,
    calls,
    certificates,
    der_controls,
    display_messages,
    guard,
    leases,
    local_list,
    monitoring,
    policy,
    rates,
    registration,
    remote_starts,
    reports,
    rewriting,
    spelling,
    streams,
    triggers,
)
from routing.core.actions import Down
from routing.core.charging_profiles import clearing, dynamic, reading, setting
from routing.core.errors import Condition
from routing.core.frames import Call
from routing.core.gate import Asked, DownCall, Reply
from routing.core.lines import Line, Phase
from routing.core.settings import configuration, variables, views
from routing.core.snapshot import Role, Verdict
from routing.core.state import State
from routing.core.turn import Turn

PRIORITIES = {Role.BILLING: 1, Role.CONTROL: 2, Role.ENERGY: 2, Role.SERVICE: 3, Role.OBSERVE: 4}

SESSION_COMMANDS = frozenset(
    {
        "RemoteStartTransaction",
        "RemoteStopTransaction",
        "RequestStartTransaction",
        "RequestStopTransaction",
    }
)

NOT_ITS_OWN = "{action} is allowed on what this backoffice has begun itself only"

Check = Callable[[State, Turn, Line, Asked], str]
"""The objection to a CALL, in words; "" for none."""

Handler = Callable[[State, Turn, Line, Asked, Verdict], None]
"""What becomes of a CALL that may go on: it is answered, or the charger is asked (``calls.submit``)."""

Observer = Callable[[State, Turn, DownCall, Reply], None]
"""Who takes note of how a CALL ended that was simply forwarded, before the asker is answered."""


def backoffice_call(state: State, turn: Turn, line: Line, call: Call) -> None:
    """Take a CALL of a backoffice: deny it, answer it, or ask the charger."""
    row = actions.down(state.version, call.action)
    asked = _asked(state, turn, line, call, row)
    if registration.shuts_out(line, call.action):
        return calls.keep_silent(state, turn, asked)
    if row is None:
        return _unknown(state, turn, call, asked)
    verdict, asked.rule = policy.decide(row, line.route, call.payload)
    if verdict is Verdict.DENY and guard.opens(turn, line, asked):
        verdict = Verdict.GUARD
    if verdict is not Verdict.DENY and _is_too_early(line, row):
        return _deny_early(state, turn, asked)
    if verdict is Verdict.DENY:
        return calls.deny(state, turn, asked, asked.rule)
    for check in CHECKS:
        if objection := check(state, turn, line, asked):
            return calls.deny(state, turn, asked, objection)
    HANDLERS.get(row.action, forward)(state, turn, line, asked, verdict)


def _asked(state: State, turn: Turn, line: Line, call: Call, row: Down | None) -> Asked:
    row = row or Down(call.action, "unknown", {})
    return Asked(
        row,
        call.payload,
        route=line.key,
        exchange=state.next_seq(turn.utc),
        at=turn.utc,
        queued_at=turn.now,
        priority=calls.SAFETY if row.priority_class == "safety" else PRIORITIES[line.route.role],
        message_id=call.message_id,
        raw_id=call.raw_id,
        text=call.text,
    )


def _unknown(state: State, turn: Turn, call: Call, asked: Asked) -> None:
    known = actions.up(state.version, call.action) is not None
    condition = Condition.NOT_SUPPORTED if known else Condition.UNKNOWN_ACTION
    words = "is for the charger to send" if known else f"is not an action of OCPP {state.version}"
    calls.refuse(state, turn, asked, condition, f'"{call.action[:50]}" {words}', "denied")


def _is_too_early(line: Line, row: Down) -> bool:
    """Whether a backoffice that has not accepted the charger wants a session begun or ended.

    Source: OCPP 1.6 edition 2, section 4.2; 2.0.1 part 2, B02 and B03.
    """
    return (
        row.action in SESSION_COMMANDS and line.phase is not Phase.READY and line.registration != "Accepted"
    )


def _deny_early(state: State, turn: Turn, asked: Asked) -> None:
    reason = "" if state.version == "1.6" else ',"statusInfo":{"reasonCode":"CSNotAccepted"}'
    rule = "this backoffice has not accepted the charger yet"
    calls.deny_with(state, turn, asked, f'{{"status":"Rejected"{reason}}}', rule)


def forward(state: State, turn: Turn, line: Line, asked: Asked, verdict: Verdict) -> None:
    """Ask the charger what was asked, with its own identifiers, and the asker gets its answer."""
    foreign = verdict is Verdict.OWN and line.route.role is not Role.BILLING
    if foreign and not rewriting.names_object(asked.row, asked.payload):
        return calls.deny(state, turn, asked, NOT_ITS_OWN.format(action=asked.action))
    payload, opened = rewriting.to_charger(state, turn, line, asked.row, asked.payload)
    if payload is None:
        words = "an identifier that this backoffice was never given"
        if asked.row.unknown is not None:
            return calls.deny_with(state, turn, asked, asked.row.unknown, words)
        return calls.deny(state, turn, asked, words)
    call = calls.submit(state, turn, asked, payload, _observe)
    if call is None:
        return rewriting.take_back(state, turn, opened, known=True)
    call.opened = opened


def _observe(state: State, turn: Turn, call: DownCall, reply: Reply) -> None:
    for observer in OBSERVERS.get(call.action, ()):
        observer(state, turn, call, reply)
    calls.relay(state, turn, call, reply)


def _of_own_session(state: State, turn: Turn, line: Line, asked: Asked, verdict: Verdict) -> None:
    """A session may be ended by who began it, and by whom the permissions let end any."""
    transaction = rewriting.named_transaction(state, line, asked.row, asked.payload)
    own = transaction is not None and transaction.row.owner == line.key
    if verdict is Verdict.OWN and not own:
        return calls.deny(state, turn, asked, NOT_ITS_OWN.format(action=asked.action))
    forward(state, turn, line, asked, Verdict.ALLOW)


def _shows_own(state: State, turn: Turn, line: Line, asked: Asked, verdict: Verdict) -> None:
    """What is read comes as a report, and that shows its asker no more than its own."""
    forward(state, turn, line, asked, Verdict.ALLOW)


ITEM_BY_ITEM = frozenset({"ChangeConfiguration", "SetVariables"})
"""Actions whose handler, where there is one, asks the guard about each key."""


def _guarded(state: State, turn: Turn, line: Line, asked: Asked) -> str:
    if asked.action in ITEM_BY_ITEM and asked.action in HANDLERS:
        return ""
    return guard.check(state, turn, line, asked)


CHECKS: tuple[Check, ...] = (
    spelling.check,
    _guarded,
    leases.check,
    display_messages.check,
    setting.check_start,
    rates.check,
)
"""Why a CALL that the permissions let through is denied all the same; the rates last, for they count."""

HANDLERS: dict[str, Handler] = {
    "ChangeConfiguration": configuration.change,
    "ClearChargingProfile": clearing.clear,
    "ClearDERControl": der_controls.clear,
    "GetChargingProfiles": reading.get_profiles,
    "SetChargingProfile": setting.set_profile,
    "UpdateDynamicSchedule": dynamic.update,
    "GetConfiguration": views.get_configuration,
    "GetDisplayMessages": _shows_own,
    "RemoteStopTransaction": _of_own_session,
    "RequestStopTransaction": _of_own_session,
    "GetVariables": views.get_variables,
    "SetVariables": variables.change,
    "SetVariableMonitoring": monitoring.set_monitors,
    "TriggerMessage": triggers.trigger,
    "ExtendedTriggerMessage": triggers.trigger,
    "ClearVariableMonitoring": monitoring.clear_monitors,
    "GetPeriodicEventStream": streams.list_streams,
    "SendLocalList": local_list.send_list,
    "GetLocalListVersion": local_list.get_version,
}
"""Actions that are not simply forwarded."""

OBSERVERS: dict[str, tuple[Observer, ...]] = {
    **dict.fromkeys(leases.FLOWS, (leases.note,)),
    "CertificateSigned": (certificates.note_signed,),
    "DeleteCertificate": (certificates.note_deleted,),
    "InstallCertificate": (certificates.note_installed,),
    "CancelReservation": (reports.cancelled,),
    "ClearDisplayMessage": (display_messages.note_cleared,),
    "RequestBatterySwap": (reports.note_swap,),
    "SetDERControl": (der_controls.note_set,),
    "RemoteStartTransaction": (remote_starts.note, setting.note_start),
    "RequestStartTransaction": (remote_starts.note, setting.note_start),
    "SetMonitoringBase": (monitoring.base_was_set,),
}
"""Who takes note of the answers to what is."""
