"""What would happen to a message: the core's own tables and decisions, told for each route of a charger.

Pure: a snapshot of the charger goes in, whose rights may be those of a form that is not saved.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Literal
from uuid import uuid4

import msgspec
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from routing.core import actions, binding, copies, owners, ownership, policy, reports
from routing.core.actions import Access, Answer, Down, Queue, Receives, Up
from routing.core.charging_profiles import purposes
from routing.core.charging_profiles.profiles import PURPOSES
from routing.core.decisions import Memory
from routing.core.errors import error_code
from routing.core.lines import Line
from routing.core.snapshot import ChargerSnapshot, Role, RouteSnapshot, Verdict
from routing.core.state import State
from routing.core.turn import Turn

Kind = Literal["good", "warn", "bad", "off"]


class Fate(msgspec.Struct, frozen=True, kw_only=True):
    """What one route does or gets.

    ``short``: in a word or two, ``kind`` how that looks. ``words``: in a sentence. ``rule``: what decided,
    as the log will name it, "" where it is the table of the role alone.
    """

    route: int
    backoffice: str
    role: Role
    short: str
    kind: Kind
    words: str
    rule: str = ""


class Foreseen(msgspec.Struct, frozen=True, kw_only=True):
    """``summary``: what the one who speaks gets for an answer. ``fates``: in the order of the routes."""

    summary: str
    fates: tuple[Fate, ...]


# -- a backoffice asks ----------------------------------------------------------------------------------


def asked(charger: ChargerSnapshot, route: int, version: str, action: str, part: str = "") -> Foreseen:
    """What would happen if the backoffice of ``route`` asked the charger for this action (or part of it).

    Raises LookupError where there is no such route, or no backoffice may send this action.
    """
    asker = charger.route(route)
    row = actions.down(version, action)
    if asker is None or row is None:
        raise LookupError(f"{action} is no command of OCPP {version}, or route {route} is not in use")
    fates = tuple(
        _answered(charger, row, one, version, part) if one is asker else _unheard(row, one, version, part)
        for one in charger.routes
    )
    fate = next(fate for fate in fates if fate.route == route)
    return Foreseen(summary=f"{asker.backoffice}: {fate.words}", fates=fates)


def _answered(charger: ChargerSnapshot, row: Down, asker: RouteSnapshot, version: str, part: str) -> Fate:
    verdict, rule = policy.decide_item(row, asker, part)
    if verdict is not Verdict.DENY and (objection := _no_place(charger, row, asker, version, part)):
        verdict, rule = Verdict.DENY, objection
    short, kind, words = _verdict(row, asker, verdict, version)
    return _fate(asker, short, kind, words, rule)


def _no_place(charger: ChargerSnapshot, row: Down, asker: RouteSnapshot, version: str, part: str) -> str:
    """Why a profile of this purpose has no place at the charger, "" where it has, or this brings none."""
    if row.action not in purposes.BRINGING:
        return ""
    purpose = next((one for one in PURPOSES[version] if one.casefold() == part.casefold()), "")
    state = _state(charger, version)
    line = state.lines[asker.key]
    return purposes.place(state, line, purpose, 0, row.action).objection if purpose else ""


def _verdict(row: Down, asker: RouteSnapshot, verdict: Verdict, version: str) -> tuple[str, Kind, str]:
    if verdict is Verdict.DENY:
        words = _("the charger never hears of it; the backoffice gets {answer}")
        return _("blocked"), "bad", words.format(answer=_refusal(row, asker, version))
    if verdict is Verdict.OWN:
        words = _("forwarded if it is about what this backoffice has begun itself, refused otherwise")
        return _("its own only"), "warn", words
    if verdict is Verdict.GUARD:
        words = _("forwarded within limits: the proxy looks at what is in it, and refuses what harms others")
        return _("within limits"), "warn", words
    if row.access.get(asker.role) is Access.VIRTUAL:
        return _("answered here"), "good", _("the proxy answers from what it knows, where it can")
    return _("forwarded"), "good", _("forwarded to the charger; its answer goes to this backoffice alone")


def _refusal(row: Down, asker: RouteSnapshot, version: str) -> str:
    payload = actions.deny_payload(row, "{}")
    if payload is not None and asker.options.deny_style == "status":
        return payload
    if row.denial_items is not None and asker.options.deny_style == "status":
        return row.denial_items.each.answer
    return f"CALLERROR {error_code(version, row.denial_error)}"


def _unheard(row: Down, route: RouteSnapshot, version: str, part: str) -> Fate:
    verdict, rule = policy.decide_item(row, route, part)
    if verdict is Verdict.DENY:
        words = _("hears nothing of it, and may not send it itself")
    else:
        short, _kind, _words = _verdict(row, route, verdict, version)
        words = _("hears nothing of it; what it sent itself would be: {short}").format(short=short)
    return _fate(route, _("not told"), "off", words, rule)


# -- the charger says something -------------------------------------------------------------------------


def said(charger: ChargerSnapshot, version: str, action: str) -> Foreseen:
    """What would become of such a message of the charger, while every backoffice is there.

    Raises LookupError where no charger may send it.
    """
    row = actions.up(version, action)
    if row is None:
        raise LookupError(f"{action} is no message of a charger of OCPP {version}")
    state = _state(charger, version)
    answering = _answerers(state, row)
    fates = tuple(_gets(line, row, asked=line.key in answering) for line in state.lines.values())
    return Foreseen(summary=_summary(state, row, answering), fates=fates)


def _state(charger: ChargerSnapshot, version: str) -> State:
    """A session in which nothing has happened yet."""
    state = State(charger, Memory(), new_id=lambda: uuid4().hex, new_uuid=uuid4)
    state.version = version
    state.lines = {route.key: Line(route) for route in charger.routes}
    return state


def _answerers(state: State, row: Up) -> set[int]:
    """The routes that are asked for the answer to the charger, of a card or session that nobody knows yet."""
    if row.answer in (Answer.ACK, Answer.LOCAL, Answer.NONE):
        return set()
    if row.answer is Answer.ENERGY_OWNER:
        lines: tuple[Line | None, ...] = (owners.car_needs_owner(state),)
    elif row.category == "authorization":
        turn = Turn(0.0, datetime.now(UTC))
        lines = ownership.deciders(state, ownership.NO_CARD, turn) if _is_asked(state) else ()
    else:
        lines = (state.billing,)
    return {line.key for line in lines if line is not None}


def _is_asked(state: State) -> bool:
    return ownership.strategy(state) != "free"


def _summary(state: State, row: Up, answering: set[int]) -> str:
    names = ", ".join(state.lines[key].route.backoffice for key in answering)
    if row.answer is Answer.NONE:
        return _("Nobody answers: the charger expects no answer.")
    if row.answer is Answer.ACK:
        return _("The proxy answers the charger, once the message is safe.")
    if row.answer is Answer.LOCAL or not names:
        return _("The proxy answers the charger itself.")
    if row.answer is Answer.OWNER and row.category == "transaction":
        return _(
            "The backoffice whose session it is answers the charger; for a new session that is {name}, "
            "unless another one has started it or accepted the card."
        ).format(name=names)
    if row.category == "authorization":
        rule = _("{name} decides (authorization: {option}).")
        return rule.format(name=names, option=state.snapshot.options.authorization)
    return _("{name} answers the charger; while it is away the proxy does.").format(name=names)


_KEPT: dict[Queue, Any] = {
    Queue.DURABLE: gettext_lazy("kept for it while it is away"),
    Queue.THIN: gettext_lazy("kept for it while it is away, thinned if there are too many"),
    Queue.SMALL: gettext_lazy("kept for it while it is away, up to a number"),
    Queue.LATEST: gettext_lazy("of those it missed it gets the latest"),
}


def _gets(line: Line, row: Up, *, asked: bool) -> Fate:
    route = line.route
    if asked:
        return _fate(route, _("answers"), "good", _with_queue(row, _("gets it, and its answer counts")))
    if not copies.sees_any(row, route.role):
        return _not_its_kind(route, row)
    sees = row.receives.get(route.role, Receives.NO)
    if sees is not Receives.YES:
        return _own_part(route, row)
    if row.category == "transaction" and (unlike := _foreign(route)):
        return _fate(route, _("copied"), "warn", _with_queue(row, unlike))
    words = _("gets a copy; what it answers changes nothing for the charger")
    return _fate(route, _("copied"), "good", _with_queue(row, words))


def _own_part(route: RouteSnapshot, row: Up) -> Fate:
    if reports.is_owned(row) or row.action in copies.EDITORS:
        words = _("gets it if it is about what this backoffice has asked for or made")
        return _fate(route, _("its own only"), "warn", _with_queue(row, words))
    if route.role is Role.BILLING:
        return _fate(
            route, _("copied"), "good", _with_queue(row, _("gets a copy, as the billing backoffice"))
        )
    return _not_its_kind(route, row)


def _not_its_kind(route: RouteSnapshot, row: Up) -> Fate:
    if row.receives.get(route.role) is Receives.GENERATED:
        return _fate(route, _("its own"), "good", _("does not get it, but messages like it from the proxy"))
    words = _("does not get it: role {role} does not see {action}")
    return _fate(route, _("withheld"), "off", words.format(role=route.role, action=row.action))


def _foreign(route: RouteSnapshot) -> str:
    """What a route gets of sessions of others that is not the whole, "" where it gets that."""
    return {
        "alias": _("gets a copy; in sessions of others with another card number"),
        "hidden": _("gets what belongs to its own sessions; those of others are hidden from it"),
    }.get(binding.foreign_tx(route), "")


def _with_queue(row: Up, words: str) -> str:
    kept = _KEPT.get(row.queue)
    return f"{words}; {kept}" if kept else words


def _fate(route: RouteSnapshot, short: str, kind: Kind, words: str, rule: str = "") -> Fate:
    return Fate(
        route=route.key,
        backoffice=route.backoffice,
        role=route.role,
        short=short,
        kind=kind,
        words=words,
        rule=rule,
    )
