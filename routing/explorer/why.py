"""Why a session began, went and ended as it did: a few plain sentences, made of the audit log.

``told`` is pure: what a session is, and the exchanges of its time, in; sentences out. ``why`` reads them for
a row of the database. Cards are masked, whoever reads.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Protocol
from uuid import UUID

from django.db.models import Count, F, Q
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from routing.core import frames, spans
from routing.core.masking import masked
from routing.core.rows import MessageRow
from routing.explorer import words
from routing.explorer.folding import Exchange, fold
from routing.models import Delivery, Message, Route, Transaction
from routing.models.traffic import number_at

REMOTE_STARTS = ("RemoteStartTransaction", "RequestStartTransaction")
REMOTE_STOPS = ("RemoteStopTransaction", "RequestStopTransaction")
LIMITS = ("SetChargingProfile",)
CAUSES = {
    "HardReset": ("Reset",),
    "SoftReset": ("Reset",),
    "ImmediateReset": ("Reset",),
    "Reboot": ("Reset", "UpdateFirmware", "SignedUpdateFirmware"),
    "UnlockCommand": ("UnlockConnector",),
}
"""What a backoffice may have asked for, where a charger gives such a reason."""

OF_SESSIONS = ("StartTransaction", "StopTransaction", "TransactionEvent")
COMMANDS = {*REMOTE_STARTS, *REMOTE_STOPS, *LIMITS, *(name for names in CAUSES.values() for name in names)}

YES = ("Accepted", "ConcurrentTx")
DONE = ("AcceptedCanceled", "RebootRequired", "Scheduled", "Unlocked")
AROUND = timedelta(minutes=5)
MARGIN = timedelta(seconds=1)
"""A session is closed, and an exchange begins, at about the time that they say."""

MOST_ROWS = 2000
MOST_REFUSALS = 3


class Session(Protocol):
    """What is to be known of a session: its row, of the core or of the database."""

    @property
    def id(self) -> UUID: ...
    @property
    def id_tag(self) -> str: ...
    @property
    def evse_id(self) -> int | None: ...
    @property
    def connector_id(self) -> int | None: ...
    @property
    def charger_transaction_id(self) -> str | None: ...
    @property
    def stop_reason(self) -> str: ...
    @property
    def created(self) -> datetime: ...
    @property
    def closed(self) -> datetime | None: ...


@dataclass(frozen=True, slots=True)
class Names:
    """Backoffices by route. ``waiting`` and ``given_up``: messages of the session that they have not got."""

    routes: Mapping[int, str]
    waiting: Mapping[int, int] = field(default_factory=dict)
    given_up: Mapping[int, int] = field(default_factory=dict)

    def of(self, route: int | None) -> str:
        return self.routes.get(route, _("a backoffice that is gone")) if route is not None else _("the proxy")


def why(transaction: Transaction) -> list[str]:
    """The sentences about a session; three queries, each bounded by its charger and its time."""
    charger = transaction.charger_id
    owed = Delivery.objects.filter(charger_id=charger, transaction_id=transaction.pk)
    counted = owed.order_by().values_list("route_id", "dead").annotate(Count("pk"))
    missing = {(route, dead): count for route, dead, count in counted}
    names = Names(
        dict(Route.objects.filter(charger_id=charger).values_list("pk", "backoffice__name")),
        {route: count for (route, dead), count in missing.items() if not dead},
        {route: count for (route, dead), count in missing.items() if dead},
    )
    return told(transaction, fold(_rows(transaction)), names)


def told(session: Session, exchanges: Iterable[Exchange], names: Names) -> list[str]:
    """The sentences about a session from the exchanges of its time, oldest matter first."""
    story = sorted(exchanges, key=lambda one: one.key)
    found = [
        _beginning(session, story, names),
        _ending(session, story, names),
        _limits(session, story, names),
        *_refusals(session, story, names),
        _deliveries(session, story, names),
    ]
    return [sentence for sentence in found if sentence]


def why_refused(exchange: Exchange) -> str:
    """Who refused what was asked, and with which word or rule; "" where nothing was refused.

    ``refused by billing: Blocked``, ``refused by the proxy (preset control: Reset is deny): Rejected``.
    """
    head = exchange.head
    if head is None or not head.answer or exchange.group == "unanswered":
        return ""
    if exchange.group == "well" and head.status in ("", *YES, *DONE):
        return ""
    said = head.status or head.error_code
    word = f": {said}" if said else ""
    if exchange.group == "blocked" or exchange.answered_by == "proxy":
        return _("refused by the proxy (%(rule)s)") % {"rule": _rule(head.rule)} + word
    who = _("the charger") if exchange.answered_by == "charger" else exchange.answered_by
    return _("refused by %(who)s") % {"who": who} + word


# -- how it began --------------------------------------------------------------------------------------


def _beginning(session: Session, story: Sequence[Exchange], names: Names) -> str:
    asked = _last(story, lambda one: _starts(one, session))
    where = _place(session)
    told = {"place": where, "card": masked(session.id_tag)}
    if asked is not None:
        how = _("%(who)s started it from afar%(place)s with card %(card)s") % {
            "who": _who(asked, names),
            **told,
        }
    elif session.id_tag:
        how = _("Card %(card)s was presented at the charger%(place)s") % told
    else:
        how = _("It began%(place)s without a card") % told
    verdicts = [_verdict(one) for one in story if _is_about_card(one, session)]
    said = "; ".join(dict.fromkeys(filter(None, verdicts)))
    return f"{_upper(how)}; {said}." if said else f"{_upper(how)}."


def _starts(exchange: Exchange, session: Session) -> bool:
    """Whether a command that was accepted has begun this session."""
    is_one = exchange.action in REMOTE_STARTS and _is_before(exchange, session) and _is_done(exchange)
    return is_one and _is_of_card(exchange, session)


def _place(session: Session) -> str:
    if session.connector_id is not None and session.evse_id is None:
        return _(" at connector %(number)s") % {"number": session.connector_id}
    return _(" at EVSE %(number)s") % {"number": session.evse_id} if session.evse_id is not None else ""


def _is_of_card(exchange: Exchange, session: Session) -> bool:
    return bool(session.id_tag) and exchange.id_tag.upper() == session.id_tag.upper()


def _is_about_card(exchange: Exchange, session: Session) -> bool:
    """Whether the charger asks about the card with which the session goes on."""
    if exchange.kind != "charger" or not _is_of_card(exchange, session):
        return False
    mine = exchange.transaction == str(session.id)
    return (exchange.action == "Authorize" and _is_before(exchange, session)) or (
        mine and exchange.action in ("StartTransaction", "TransactionEvent")
    )


def _is_before(exchange: Exchange, session: Session) -> bool:
    return session.created - AROUND <= exchange.at <= session.created + AROUND


def _verdict(exchange: Exchange) -> str:
    """What was said of a card, and by whom."""
    head = exchange.head
    if head is None or not head.status:
        return ""
    if exchange.answered_by == "proxy":
        return _("the proxy said %(status)s (%(rule)s)") % {"status": head.status, "rule": _rule(head.rule)}
    told = {"who": exchange.answered_by, "status": head.status}
    return _("%(who)s said %(status)s") % told if exchange.answered_by else ""


# -- how it ended --------------------------------------------------------------------------------------


def _ending(session: Session, story: Sequence[Exchange], names: Names) -> str:
    if session.closed is None:
        stop = _stopped_by(session, story, names)
        return (
            _("It is still running, though %(stop)s.") % {"stop": stop} if stop else _("It is still running.")
        )
    end = _last(story, lambda one: one.transaction == str(session.id) and _ends(one))
    if end is None and not session.stop_reason:
        return _("The charger has not told its end, or the log holds it no more.")
    reason = session.stop_reason or _reason_in(end) or "Local"
    told = {"reason": reason, "cause": _cause(reason, session, story, names)}
    if end is None:
        return _("It ended (%(reason)s): %(cause)s") % told
    return _("It ended at %(time)s UTC (%(reason)s): %(cause)s") % {
        "time": f"{end.at:%Y-%m-%d %H:%M}",
        **told,
    }


def _cause(reason: str, session: Session, story: Sequence[Exchange], names: Names) -> str:
    if (stop := _stopped_by(session, story, names)) and reason in ("Remote", "DeAuthorized", "Other"):
        return f"{stop}."
    if reason == "DeAuthorized" and (refused := _refuser(session, story)):
        return _("the charger stopped it, for %(refusal)s.") % {"refusal": refused}
    asked = _last(
        story,
        lambda one: one.action in CAUSES.get(reason, ()) and _is_done(one) and _is_within(one, session),
    )
    if asked is not None:
        return _("after %(action)s by %(who)s.") % {"action": asked.action, "who": _who(asked, names)}
    return _lower(words.of_word(reason)) or _("the charger gives no other reason.")


def _stopped_by(session: Session, story: Sequence[Exchange], names: Names) -> str:
    """Who has asked the charger to end this session, in words; "" for nobody."""
    asked = _last(story, lambda one: one.action in REMOTE_STOPS and _names(one, session) and _is_done(one))
    if asked is None:
        return ""
    if asked.kind == "proxy":
        return _("the proxy had it stopped (%(rule)s)") % {"rule": _rule(asked.rule)}
    return _("%(who)s had it stopped from afar") % {"who": _who(asked, names)}


def _names(exchange: Exchange, session: Session) -> bool:
    """Whether a command that reached the charger is about this session."""
    for leg in exchange.copies:
        asked = frames.parse(exchange.frame(leg))
        if leg.route is None and isinstance(asked, frames.Call):
            return str(spans.value(asked.payload, "$.transactionId")) == session.charger_transaction_id
    return False


def _refuser(session: Session, story: Sequence[Exchange]) -> str:
    """Who has said no to the card of a session that was running."""
    refusals = [
        _verdict(one)
        for one in story
        if one.transaction == str(session.id) and one.head is not None and one.head.status not in ("", *YES)
    ]
    return refusals[-1] if refusals else ""


def _ends(exchange: Exchange) -> bool:
    return exchange.action == "StopTransaction" or _said(exchange, "$.eventType") == "Ended"


def _reason_in(end: Exchange | None) -> str:
    if end is None:
        return ""
    return _said(end, "$.reason") or _said(end, "$.transactionInfo.stoppedReason")


# -- what else happened in its time --------------------------------------------------------------------


def _limits(session: Session, story: Sequence[Exchange], names: Names) -> str:
    last: dict[str, Exchange] = {}
    count: Counter[str] = Counter()
    for one in story:
        if one.action in LIMITS and one.kind == "backoffice" and _is_done(one) and _is_within(one, session):
            last[_who(one, names)] = one
            count[_who(one, names)] += 1
    parts = [_limited(who, one, count[who]) for who, one in last.items()]
    return _("Limits set: %(limits)s.") % {"limits": ", ".join(parts)} if parts else ""


def _limited(who: str, one: Exchange, times: int) -> str:
    told = {"who": who, "limit": _limit(one), "time": f"{one.at:%H:%M}", "times": times}
    if times > 1:
        return _("%(who)s %(times)s times, last %(limit)s at %(time)s UTC") % told
    return _("%(who)s %(limit)s at %(time)s UTC") % told


def _limit(exchange: Exchange) -> str:
    """The first limit of a profile, as ``16 A``."""
    for path in ("$.csChargingProfiles.chargingSchedule", "$.chargingProfile.chargingSchedule[]"):
        unit = _said(exchange, f"{path}.chargingRateUnit")
        amount = _value(exchange, f"{path}.chargingSchedulePeriod[].limit")
        if unit and amount is not None:
            return f"{amount:g} {unit}" if isinstance(amount, int | float) else f"{amount} {unit}"
    return _("a charging profile")


def _refusals(session: Session, story: Sequence[Exchange], names: Names) -> list[str]:
    count: Counter[tuple[str, str, str]] = Counter()
    for one in story:
        if one.kind == "backoffice" and one.group == "blocked" and _is_within(one, session):
            count[_who(one, names), one.action, _rule(one.rule)] += 1
    found = [
        _refused(who, action, rule, times) for (who, action, rule), times in count.most_common(MOST_REFUSALS)
    ]
    more = len(count) - len(found)
    if more > 0:
        found.append(_("%(number)s more kinds of commands were refused.") % {"number": more})
    return found


def _refused(who: str, action: str, rule: str, times: int) -> str:
    told = {"who": who, "action": action, "rule": rule, "times": times}
    if times > 1:
        return _("The proxy refused %(action)s by %(who)s %(times)s times (%(rule)s).") % told
    return _("The proxy refused %(action)s by %(who)s (%(rule)s).") % told


def _deliveries(session: Session, story: Sequence[Exchange], names: Names) -> str:
    mine = [one for one in story if one.transaction == str(session.id) and one.action in OF_SESSIONS]
    got = {leg.route for one in mine for leg in one.copies if leg.route is not None and leg.group == "well"}
    parts = []
    if have := sorted(names.of(route) for route in got):
        parts.append(_("told to %(names)s") % {"names": _and(have)})
    parts += [
        _("%(who)s still waits for %(messages)s") % {"who": names.of(route), "messages": _messages(count)}
        for route, count in names.waiting.items()
    ]
    parts += [
        _("%(messages)s for %(who)s given up") % {"who": names.of(route), "messages": _messages(count)}
        for route, count in names.given_up.items()
    ]
    return _("Its messages: %(parts)s.") % {"parts": "; ".join(parts)} if parts else ""


# -- small words ---------------------------------------------------------------------------------------


def _last(story: Sequence[Exchange], fits: Any) -> Exchange | None:
    return next((one for one in reversed(story) if fits(one)), None)


def _is_within(exchange: Exchange, session: Session) -> bool:
    until = session.closed
    return session.created - AROUND <= exchange.at and (until is None or exchange.at <= until + MARGIN)


def _is_done(exchange: Exchange) -> bool:
    """Whether a command was accepted: by the charger, or by the proxy for it."""
    leg = exchange.head or exchange.copies[-1]
    return exchange.group == "well" and leg.status in ("", "Accepted", *DONE)


def _who(exchange: Exchange, names: Names) -> str:
    return _("the proxy") if exchange.head is None else names.of(exchange.head.route)


def _said(exchange: Exchange, path: str) -> str:
    found = _value(exchange, path)
    return found if isinstance(found, str) else ""


def _value(exchange: Exchange, path: str) -> object | None:
    call = frames.parse(exchange.first.text)
    return spans.value(call.payload, path) if isinstance(call, frames.Call) else None


def _rule(rule: str) -> str:
    return rule.removeprefix("proxy: ")


def _upper(text: str) -> str:
    return text[:1].upper() + text[1:] if text.startswith(_("the proxy")) else text


def _lower(text: str) -> str:
    return text[:1].lower() + text[1:]


def _and(names: Sequence[str]) -> str:
    first, last = ", ".join(names[:-1]), names[-1]
    return _("%(first)s and %(last)s") % {"first": first, "last": last} if first else last


def _messages(count: int) -> str:
    return ngettext("%(number)s message", "%(number)s messages", count) % {"number": count}


# -- the rows ------------------------------------------------------------------------------------------


def _rows(transaction: Transaction) -> list[MessageRow]:
    """What the log holds of the time of a session, and is of use here."""
    begin, end = transaction.created - AROUND, (transaction.closed or timezone.now()) + AROUND
    soon, late = number_at(transaction.created + AROUND), number_at(end - 2 * AROUND)
    at_the_ends = Q(exchange__lte=soon) | Q(exchange__gte=late)
    of_it = Q(transaction_id=transaction.pk, action__in=OF_SESSIONS)
    wanted = (
        (of_it & (~Q(action="TransactionEvent") | at_the_ends))
        | Q(action="Authorize", exchange__lte=soon)
        | Q(direction="down", action__in=COMMANDS)
        | Q(direction="down", outcome="denied")
    )
    of_charger = Message.objects.filter(
        charger_id=transaction.charger_id, exchange__gte=number_at(begin), exchange__lte=number_at(end)
    )
    # Of a session since its charger has come to its organisation nothing is told from before that.
    came = F("charger__owned_from")
    of_charger = of_charger.filter(
        Q(exchange__gte=came) | Q(charger__owned_from__gt=number_at(transaction.created))
    )
    found = of_charger.filter(wanted).order_by("-exchange").values_list(*_COLUMNS)[:MOST_ROWS]
    return [MessageRow(**dict(zip(_FIELDS, row, strict=True))) for row in found]


_FIELDS = MessageRow.__struct_fields__
_KEYS = {"charger": "charger_id", "route": "route_id", "transaction": "transaction_id"}
_COLUMNS = [_KEYS.get(name, name) for name in _FIELDS]
