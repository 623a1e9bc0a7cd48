"""Meter values at each backoffice's own rhythm, where the charger sends them more often (3.9).

The charger sends at the shortest interval that anybody wants; every other route gets what falls on its
own, by the timestamps of the values. What is not periodic is never left out.
"""

from __future__ import annotations

import msgspec

from routing.core import payloads, spans
from routing.core.lines import Line
from routing.core.payloads import Lenient
from routing.core.settings import elements, keys, wishes
from routing.core.state import Received, State
from routing.core.turn import Turn

PERIODIC, CLOCK = "Sample.Periodic", "Sample.Clock"
DEFAULT_MEASURAND = "Energy.Active.Import.Register"
TRIGGERS = frozenset({"MeterValuePeriodic", "MeterValueClock"})

CLOCK_TOLERANCE = 5.0
"""Seconds that a sample may be early: clocks and chargers are not exact."""

REMEMBERED = 64
"""Connectors and sessions of which the next sample is known."""


class Sample(msgspec.Struct, gc=False):
    """One sampled value, as far as it says whether it may be left out."""

    context: Lenient = msgspec.UNSET
    format: Lenient = msgspec.UNSET
    measurand: Lenient = msgspec.UNSET
    phase: Lenient = msgspec.UNSET
    signedMeterValue: Lenient = msgspec.UNSET


class Values(msgspec.Struct, gc=False):
    """The values of one moment."""

    timestamp: Lenient = msgspec.UNSET
    sampledValue: list[Sample] = []


class Info(msgspec.Struct, gc=False):
    """What a session is doing."""

    chargingState: Lenient = msgspec.UNSET


class Event(msgspec.Struct, gc=False):
    """A TransactionEvent, as far as it says whether it may be left out."""

    eventType: Lenient = msgspec.UNSET
    triggerReason: Lenient = msgspec.UNSET
    idToken: Lenient = msgspec.UNSET
    transactionInfo: Info = msgspec.field(default_factory=Info)
    meterValue: list[Values] = []


_VALUES = msgspec.json.Decoder(Values)
_SAMPLE = msgspec.json.Decoder(Sample)
_EVENT = msgspec.json.Decoder(Event)
_UNREADABLE = (msgspec.DecodeError, UnicodeError, RecursionError)


class Pace(msgspec.Struct, frozen=True, gc=False):
    """Every so many seconds of one kind of sample; the charger sends every ``charger`` s. 0 is never."""

    wanted: int
    charger: int


class Rhythm:
    """What one route wants of meter values, and how far it is: a line has one only where it has to.

    ``paces`` and ``measurands`` are by the context of a sample; one that is absent has no limits.
    """

    __slots__ = ("charging", "due", "measurands", "paces")

    def __init__(self, paces: dict[str, Pace], measurands: dict[str, frozenset[str]]) -> None:
        self.paces = paces
        self.measurands = measurands
        self.due: dict[object, float] = {}
        self.charging: dict[object, str] = {}

    def is_due(self, context: str, key: object, timestamp: str) -> bool:
        """Whether a sample of this moment is one that the route wants."""
        pace = self.paces.get(context)
        at = payloads.moment(timestamp)
        if pace is None or at is None:
            return True
        if not pace.wanted:
            return False
        if context == CLOCK:
            early = min(pace.charger / 2, CLOCK_TOLERANCE)
            since_midnight = at.hour * 3600 + at.minute * 60 + at.second + at.microsecond / 1e6
            return (since_midnight + early) % pace.wanted < pace.charger
        return self._is_next(key, at.timestamp(), pace)

    def _is_next(self, key: object, at: float, pace: Pace) -> bool:
        """Whether the next moment has come, to half an interval of the charger; gaps are not made up for."""
        due = self.due.pop(key, at)
        set_back = at < due - pace.wanted - pace.charger  # the charger's clock
        wanted = set_back or at >= due - pace.charger / 2
        if wanted:
            due = (due if abs(at - due) < pace.charger else at) + pace.wanted
        self.due[key] = due
        if len(self.due) > REMEMBERED:
            del self.due[next(iter(self.due))]
        return wanted


def refresh(state: State) -> None:
    """Work out anew what each route wants, after a wish, the charger or the routes have changed."""
    for line in state.lines.values():
        made = _rhythm(state, line)
        before: Rhythm | None = line.metering
        if made is not None and before is not None and made.paces == before.paces:
            made.due, made.charging = before.due, before.charging
        line.metering = made


def _rhythm(state: State, line: Line) -> Rhythm | None:
    paces: dict[str, Pace] = {}
    measurands: dict[str, frozenset[str]] = {}
    for context, interval, values in (
        (PERIODIC, keys.SAMPLED, keys.SAMPLED_VALUES),
        (CLOCK, keys.ALIGNED, keys.ALIGNED_VALUES),
    ):
        pace = _pace(state, line, keys.of_version(interval, state.version))
        if pace is not None and (pace.wanted == 0 or pace.wanted > pace.charger) and pace.charger:
            paces[context] = pace
        if line.route.options.filter_measurands:
            wish = wishes.of_route(state, line.key, keys.of_version(values, state.version))
            if wish is not None:
                measurands[context] = frozenset(item.lower() for item in wishes.members(wish))
    return Rhythm(paces, measurands) if paces or measurands else None


def _pace(state: State, line: Line, name: str) -> Pace | None:
    wish = wishes.of_route(state, line.key, name)
    wanted = None if wish is None else wishes.interval(wish)
    if wanted is None:
        return None
    has = wishes.charger_has(state, name) or wishes.merged(
        state, keys.find(state.version, name), wishes.together(state, name)
    )
    return Pace(wanted, wishes.interval(has or "") or 0)


# -- copies --------------------------------------------------------------------------------------------


def meter_values(state: State, turn: Turn, line: Line, received: Received) -> str | None:
    """MeterValues as a route wants them, None where nothing in them is for it now."""
    rhythm: Rhythm | None = line.metering
    payload = received.call.payload
    if rhythm is None:
        return payload
    key = _key(received)
    return _with_values(rhythm, payload, lambda token: _wanted(rhythm, key, token))


def transaction_event(state: State, turn: Turn, line: Line, received: Received) -> str | None:
    """A TransactionEvent as a route wants it: only the values of a periodic Updated may be left out.

    The event stays: a gap in ``seqNo`` means that a message was lost (OCPP 2.0.1 part 2, TransactionEvent).
    """
    rhythm: Rhythm | None = line.metering
    payload = received.call.payload
    if rhythm is None:
        return payload
    try:
        event = _EVENT.decode(payload)
    except _UNREADABLE:
        return payload
    news = _has_news(rhythm, received, event)
    if payloads.text(event.eventType) != "Updated":
        return payload
    if payloads.text(event.triggerReason) in TRIGGERS and event.meterValue:
        key = _key(received)
        due = [_is_wanted(rhythm, key, values) for values in event.meterValue]
        if not any(due) and not news:
            return spans.patch(payload, {"$.meterValue": None})
    filtered = _with_values(rhythm, payload, lambda token: _asked_for(rhythm, token))
    return spans.patch(payload, {"$.meterValue": None}) if filtered is None else filtered


def _has_news(rhythm: Rhythm, received: Received, event: Event) -> bool:
    """Whether an event says more than its values do: a card, or that the session does something else."""
    key, doing = _key(received), payloads.text(event.transactionInfo.chargingState)
    before = rhythm.charging.pop(key, "")
    rhythm.charging[key] = doing or before
    if len(rhythm.charging) > REMEMBERED:
        del rhythm.charging[next(iter(rhythm.charging))]
    return event.idToken is not msgspec.UNSET or bool(doing and doing != before)


def _key(received: Received) -> object:
    """What the samples are of: a session, else a connector or EVSE."""
    if received.transaction is not None:
        return received.transaction.id
    return received.connector_id or payloads.text(_evse(received))


def _evse(received: Received) -> Lenient:
    found = spans.find(received.call.payload, "$.evseId")
    return msgspec.Raw(found[-1].encode()) if found else msgspec.UNSET


def _with_values(rhythm: Rhythm, payload: str, edit: elements.Edit) -> str | None:
    """The payload with its values edited; None where none of several is left."""
    edited = elements.edited(payload, "$.meterValue", edit)
    return None if edited != payload and not spans.find(edited, "$.meterValue[]") else edited


def _wanted(rhythm: Rhythm, key: object, token: str) -> str | None:
    """The values of one moment as a route wants them, None for nothing."""
    try:
        values = _VALUES.decode(token)
    except _UNREADABLE:
        return token
    return _asked_for(rhythm, token) if _is_wanted(rhythm, key, values) else None


def _is_wanted(rhythm: Rhythm, key: object, values: Values) -> bool:
    contexts = {_context(sample) for sample in values.sampledValue}
    if not contexts or not contexts <= {PERIODIC, CLOCK} or any(map(_is_signed, values.sampledValue)):
        return True
    timestamp = payloads.text(values.timestamp)
    due = [rhythm.is_due(context, key, timestamp) for context in contexts]
    return any(due)


def _asked_for(rhythm: Rhythm, token: str) -> str | None:
    """The values of one moment without measurands that the route has not asked for, None without any left."""
    if not rhythm.measurands:
        return token
    edited = elements.edited(token, "$.sampledValue", lambda sample: _measured(rhythm, sample))
    return None if edited != token and not spans.find(edited, "$.sampledValue[]") else edited


def _measured(rhythm: Rhythm, token: str) -> str | None:
    try:
        sample = _SAMPLE.decode(token)
    except _UNREADABLE:
        return token
    asked = rhythm.measurands.get(_context(sample))
    if asked is None or _is_signed(sample):
        return token
    measurand = (payloads.text(sample.measurand) or DEFAULT_MEASURAND).lower()
    phase = payloads.text(sample.phase).lower()
    return token if measurand in asked or f"{measurand}.{phase}" in asked else None


def _context(sample: Sample) -> str:
    return payloads.text(sample.context) or PERIODIC


def _is_signed(sample: Sample) -> bool:
    return sample.signedMeterValue is not msgspec.UNSET or payloads.text(sample.format) == "SignedData"
