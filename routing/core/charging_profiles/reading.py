"""A backoffice reads what profiles the charger has: its own, under its own ids and stackLevels.

What comes from outside the station is everybody's to see, and Billing also sees what is older than the
proxy. Of a report of which nothing is left the last part still goes, since the asker waits for it: with
one entry, the limit of somebody else as ChargingStationExternalConstraints, without names or prices. That
is what such a limit is to the asker.

Source: ocpp-semantics 3.5 and 6; OCPP 2.0.1 part 2, K09.
"""

from __future__ import annotations

from routing.core import calls, frames, owners, rewriting, spans
from routing.core.actions import Kind
from routing.core.charging_profiles import purposes, store, upkeep
from routing.core.charging_profiles.profiles import EXTERNAL, STATION_MAX, whole
from routing.core.gate import Asked
from routing.core.identifiers import identifier
from routing.core.lines import Line
from routing.core.payloads import INT32_MAX
from routing.core.snapshot import Verdict
from routing.core.state import Received, State
from routing.core.turn import Turn

IDS = "$.chargingProfile.chargingProfileId"
LEVEL = "$.chargingProfile.stackLevel"
PURPOSE = "$.chargingProfile.chargingProfilePurpose"

PRIVATE = ("salesTariff", "absolutePriceSchedule", "priceLevelSchedule", "digestValue", "signatureId")
"""Members of a schedule that are between the one who made it and the driver."""


def get_profiles(state: State, turn: Turn, line: Line, asked: Asked, verdict: Verdict) -> None:
    """Take a GetChargingProfiles: what names only what is not the asker's need not be asked."""
    wanted = _wanted(state, line, asked.payload)
    if wanted is None:
        return calls.deny(state, turn, asked, "no profile of this backoffice is meant")
    payload, opened = rewriting.to_charger(state, turn, line, asked.row, wanted)
    if payload is None:
        return calls.deny(state, turn, asked, "an identifier that this backoffice was never given")
    call = calls.submit(state, turn, asked, payload)
    if call is None:
        return rewriting.take_back(state, turn, opened)
    call.opened = opened


def _wanted(state: State, line: Line, payload: str) -> str | None:
    """The payload without ids that are not the asker's; None where no other was named.

    A stackLevel without a purpose means several levels at the charger where the asker's are shifted: such
    a question is put by ids.
    """
    if spans.value(payload, IDS) is not None:
        tokens = spans.find(payload, f"{IDS}[]")
        own = [token for token in tokens if _is_own(state, line, token)]
        return payload if own == tokens and own else _by_ids(payload, own)
    level = whole(payload, LEVEL)
    if level is None or spans.value(payload, PURPOSE) is not None or not purposes.shifts(state, line):
        return payload
    meant = [one.route_id for one in store.of(state, line.key) if one.level == level]
    return _by_ids(spans.patch(payload, {LEVEL: None}), meant)


def _by_ids(payload: str, ids: list[str]) -> str | None:
    return spans.insert(payload, IDS, f"[{','.join(ids)}]") if ids else None


def _is_own(state: State, line: Line, token: str) -> bool:
    route_id = identifier(Kind.PROFILE, token)
    return route_id is not None and rewriting.charger_id(state, line, Kind.PROFILE, route_id) is not None


def report(state: State, turn: Turn, line: Line, received: Received) -> str | None:
    """What a route may see of a ReportChargingProfiles, None where it has not asked or nothing is left."""
    payload = received.call.payload
    tokens = spans.find(payload, "$.requestId")
    number = identifier(Kind.REQUEST, tokens[-1]) if tokens else None
    request = None if number is None else rewriting.route_id(state, line, Kind.REQUEST, number)
    if request is None:
        return None
    profiles = spans.find(payload, "$.chargingProfile[]")
    kept = [own for one in profiles if (own := _own(state, line, one)) is not None]
    if profiles and not kept:
        foreign = next((p for p in profiles if _purpose(p) in STATION_MAX), profiles[0])
        if spans.value(payload, "$.tbc") is True or foreign[0] != "{":
            return None
        source = frames.quote(_source(state, foreign))
        payload = spans.patch(payload, {"$.chargingLimitSource": source})
        kept = [_as_external(state, line, foreign)]
    if kept != profiles:
        payload = spans.patch(payload, {"$.chargingProfile": f"[{','.join(kept)}]"})
    return payload if request == tokens[-1] else spans.patch(payload, {"$.requestId": request})


def _own(state: State, line: Line, profile: str) -> str | None:
    if _purpose(profile) == EXTERNAL:
        return profile
    tokens = spans.find(profile, "$.id")
    charger_id = identifier(Kind.PROFILE, tokens[-1]) if tokens else None
    mine = None if charger_id is None else rewriting.route_id(state, line, Kind.PROFILE, charger_id)
    if mine is None:
        return None
    stored = store.get(state, f"{line.key}/{charger_id}")
    level = whole(profile, "$.stackLevel")
    edits: dict[str, str | None] = {} if mine == tokens[-1] else {"$.id": mine}
    if stored is not None and level == stored.charger_level != stored.level:
        edits["$.stackLevel"] = str(stored.level)
    return spans.patch(profile, edits) if edits else profile


def _purpose(profile: str) -> object:
    return spans.value(profile, "$.chargingProfilePurpose")


def _source(state: State, foreign: str) -> str:
    """Who sets a limit that is not the asker's, in the protocol's words."""
    number = identifier(Kind.PROFILE, (spans.find(foreign, "$.id") or ["null"])[-1])
    holders = [] if number is None else state.identifiers.holders(Kind.PROFILE, number)
    energy = owners.energy_owner(state)
    routes = {mapping.route for mapping in holders}
    if upkeep.PROXY in routes:
        return "Other"
    return "EMS" if energy is not None and energy.key in routes and energy is not state.billing else "CSO"


def _as_external(state: State, line: Line, foreign: str) -> str:
    """Somebody else's profile as the limit from outside that it is to this route."""
    taken = state.identifiers.named(Kind.PROFILE, line.key, "0") is not None
    edits: dict[str, str | None] = {
        "$.id": str(INT32_MAX) if taken else "0",
        "$.stackLevel": "0",
        "$.chargingProfilePurpose": f'"{EXTERNAL}"',
        "$.transactionId": None,
        "$.customData": None,
    }
    return spans.rewrite(spans.patch(foreign, edits), "$.chargingSchedule[]", _without_private)


def _without_private(schedule: str) -> str:
    return spans.patch(schedule, {f"$.{name}": None for name in (*PRIVATE, "customData")})
