"""TriggerMessage: what the proxy knows, it tells the asker itself, and nobody else (ocpp-semantics 3.11).

The asker is answered first, as by a charger (OCPP 1.6 edition 2, section 5.17; 2.0.1 part 2, F06).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from routing.core import actions, calls, dispatch, meter_triggers, registration, reports, spans
from routing.core.frames import Call
from routing.core.gate import Asked
from routing.core.leases import DIAGNOSTICS, OVER, held_by
from routing.core.lines import Item, Kind, Line, Phase
from routing.core.meter_triggers import numbered
from routing.core.payloads import strings, word
from routing.core.rows import LatestRow
from routing.core.snapshot import Verdict
from routing.core.state import Received, State
from routing.core.turn import Turn

ACCEPTED = '{"status":"Accepted"}'
IDLE = '{"status":"Idle"}'

PROGRESS: Mapping[str, str] = MappingProxyType(
    {
        "DiagnosticsStatusNotification": "diagnostics",
        "FirmwareStatusNotification": "firmware",
        "LogStatusNotification": "log",
        "PublishFirmwareStatusNotification": "published_fw",
        "SignedFirmwareStatusNotification": "signed_fw",
    }
)
"""Messages that say how far something is, with the kind under which the last one is remembered."""

REAL = frozenset({"MeterValues", "TransactionEvent"})
"""What only the charger can say, and any backoffice may ask for."""

_CHARGERS_OWN = frozenset({"SignChargePointCertificate", "SignChargingStationCertificate"})

_SIGNING = _CHARGERS_OWN | {"SignCombinedCertificate", "SignV2GCertificate", "SignV2G20Certificate"}
"""What only who signs the certificates asks for: the answer comes to Billing alone."""

Trigger = Callable[[State, Turn, Line, Asked], None]


def trigger(state: State, turn: Turn, line: Line, asked: Asked, verdict: Verdict) -> None:
    """Take a TriggerMessage or ExtendedTriggerMessage."""
    wanted = set(strings(asked.payload, "$.requestedMessage"))
    if len(wanted) > 1:
        return calls.deny(state, turn, asked, "trigger: it asks for two messages at once")
    message = next(iter(wanted), "")
    if _MEANT.get(message.strip().casefold(), message) != message:
        return calls.deny(state, turn, asked, f"trigger: {message[:60]!a} is not how a message is spelled")
    if asked.action == "ExtendedTriggerMessage" and message == "FirmwareStatusNotification":
        message = "SignedFirmwareStatusNotification"  # 1.6 security whitepaper, ExtendedTriggerMessage
    if message in PROGRESS and actions.up(state.version, message) is not None:
        return _progress(state, turn, line, asked, message)
    handler = HANDLERS.get(message)
    if handler is not None:
        return handler(state, turn, line, asked)
    may = line is state.billing if message in _SIGNING else verdict is Verdict.ALLOW
    if message not in REAL and not may:  # Billing may, and who is expressly allowed to
        return calls.deny(state, turn, asked, f"trigger: {message[:60] or 'this'} is for Billing to ask for")
    if message in _CHARGERS_OWN and state.snapshot.options.pki == "none":
        return calls.deny(state, turn, asked, "trigger: nobody may sign certificates of this charger")
    calls.submit(state, turn, asked, asked.payload)


def _accept(state: State, turn: Turn, asked: Asked, rule: str) -> None:
    calls.answer(state, turn, asked, ACCEPTED, f"trigger: {rule}")


# -- what the proxy knows ------------------------------------------------------------------------------


def _boot(state: State, turn: Turn, line: Line, asked: Asked) -> None:
    """Replay the boot to this backoffice; its answer concerns nobody else."""
    if state.remembered("boot") is None:
        calls.submit(state, turn, asked, asked.payload)
        return
    _accept(state, turn, asked, "the last boot is replayed")
    registration.boot_again(state, turn, line)
    if line.boot_due is not None:
        line.boot_due.payload = spans.patch(line.boot_due.payload, {"$.reason": '"Triggered"'})
        line.boot_due.replayed = False


def _heartbeat(state: State, turn: Turn, line: Line, asked: Asked) -> None:
    if line.phase is not Phase.READY:
        return calls.deny(state, turn, asked, "trigger: no heartbeat before the boot is accepted")
    _accept(state, turn, asked, "a heartbeat of the proxy's own")
    dispatch.heartbeat(state, turn, line)


def _status(state: State, turn: Turn, line: Line, asked: Asked) -> None:
    """Replay the statuses of the connectors that are meant; with none the charger is asked."""
    known = _statuses(state, asked.payload)
    if not known:
        calls.submit(state, turn, asked, asked.payload)
        return
    _accept(state, turn, asked, "the last statuses are replayed")
    for key, row in known:
        _send(state, turn, line, f"StatusNotification/{key}", "StatusNotification", row.payload)


def _statuses(state: State, payload: str) -> list[tuple[str, LatestRow]]:
    """What is known since the last boot of the connectors that a trigger names, lowest first."""
    boot = state.remembered("boot")
    evse = numbered(payload, "$.evse.id")
    connector = numbered(payload, "$.connectorId" if state.version == "1.6" else "$.evse.connectorId")
    if state.version == "1.6":
        evse = None if connector is None else 0
    found = []
    for key, row in sorted(state.all_remembered("status").items()):
        of_evse, _, of_connector = key.partition("/")
        meant = evse is None or of_evse == str(evse)
        meant = meant and (connector is None or of_connector == str(connector))
        if meant and (boot is None or row.at >= boot.at):
            found.append((key, row))
    return found


def _progress(state: State, turn: Turn, line: Line, asked: Asked, message: str) -> None:
    _accept(state, turn, asked, "the last known state is told")
    _send(state, turn, line, f"{message}/", message, _last_known(state, turn, line, message))


def _last_known(state: State, turn: Turn, line: Line, message: str) -> str:
    """What is still going on of this backoffice's own (firmware of 1.6: of anybody's), else Idle.

    Source: OCPP 1.6 edition 2, section 7.25; a station that is not busy says Idle, without a requestId.
    """
    last, row = state.remembered(PROGRESS[message]), actions.up(state.version, message)
    if last is None or row is None or word(last.payload, "$.status") in OVER:
        return IDLE
    if message == "DiagnosticsStatusNotification":
        return last.payload if line is (held_by(state, turn, DIAGNOSTICS) or state.billing) else IDLE
    has_number = spans.value(last.payload, "$.requestId") is not None
    if has_number is not reports.is_owned(row):  # what the charger has said in another version
        return IDLE
    if not has_number:
        return last.payload
    received = Received(Call("", '""', message, last.payload, ""), row, 0, turn)
    return reports.own_part(state, turn, line, received) or IDLE


def _send(state: State, turn: Turn, line: Line, key: str, action: str, payload: str) -> None:
    seq = state.next_seq(turn.utc)
    item = Item(Kind.STATUS, action, payload, seq=0, exchange=seq, at=turn.utc, replayed=True)
    item.edited = True
    line.put_status(key, item)
    turn.touched.add(line.key)


HANDLERS: Mapping[str, Trigger] = MappingProxyType(
    {
        "BootNotification": _boot,
        "Heartbeat": _heartbeat,
        "MeterValues": meter_triggers.ask,
        "StatusNotification": _status,
    }
)
"""Messages that the charger is not, or not always, asked for."""

_MEANT: Mapping[str, str] = MappingProxyType(
    {name.casefold(): name for name in (*HANDLERS, *PROGRESS, *REAL, *_SIGNING)}
)
"""Messages by what a charger may take for their names."""
