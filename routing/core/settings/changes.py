"""What becomes of one write of one setting: the same for a key of 1.6 and a variable of 2.x (3.9)."""

from __future__ import annotations

from routing.core import guard, metering, owners, policy
from routing.core.charging_profiles import limits
from routing.core.gate import Asked, DownCall
from routing.core.lines import Line
from routing.core.settings import learning, virtual, wishes
from routing.core.settings.keys import Kind, Setting
from routing.core.snapshot import Role, Verdict
from routing.core.state import State
from routing.core.turn import Turn

ACCEPTED = frozenset({"Accepted", "RebootRequired"})
"""Statuses with which a charger takes a value."""

MERGED = frozenset({Kind.INTERVAL, Kind.SET})


class Change:
    """One write. ``value`` is what the route wants, ``sent`` what the charger is told for it.

    ``status`` is the answer to this write, "" while the charger has to give it; ``rule`` says in words
    who decided, where it was the proxy. ``is_tracked``: it is about the charger as a whole, so that
    another route may overwrite it.
    """

    __slots__ = ("is_tracked", "refused", "rule", "sent", "setting", "status", "value")

    def __init__(self, setting: Setting, value: str) -> None:
        self.setting = setting
        self.value = value
        self.sent = value
        self.status = ""
        self.rule = ""
        self.refused = False
        self.is_tracked = True

    def answer(self, status: str, rule: str) -> Change:
        """Decide without the charger."""
        self.status, self.rule = status, rule
        return self


def plan(
    state: State, turn: Turn, line: Line, asked: Asked, setting: Setting, value: str, objection: str
) -> Change:
    """Decide about a write, or say what the charger is to be told. ``objection``: the guard's, in words."""
    change = Change(setting, value)
    verdict, rule = policy.decide_item(asked.row, line.route, setting.name)
    if verdict is Verdict.DENY:
        return change.answer("Rejected", rule)
    if _is_virtual(setting, line):
        return _taken(change, virtual.VIRTUAL[setting.name](state, turn, line, value))
    if objection := (
        limits.keeps(state.snapshot, setting.name, value)
        or guard.let_through(turn, line, asked, objection)
        or _not_its(state, line, setting, verdict)
    ):
        return change.answer("Rejected", objection)
    if setting.kind in MERGED:
        return _merge(state, turn, line, change)
    if setting.kind is Kind.UNKNOWN:
        asked.rule = f"{asked.rule[:180]}; {setting.name[:60]} is a vendor's own"
    return change


def _is_virtual(setting: Setting, line: Line) -> bool:
    billing = setting.guarded_for_billing and line.route.role is Role.BILLING
    return setting.kind is Kind.VIRTUAL and not billing


def _taken(change: Change, objection: str) -> Change:
    if objection:
        return change.answer("Rejected", objection)
    return change.answer("Accepted", f"proxy: each backoffice has its own {change.setting.name}")


def _not_its(state: State, line: Line, setting: Setting, verdict: Verdict) -> str:
    """Why a setting that only one route may write is not this one's, in words; "" when it is.

    An explicit permission for the key says more than its class.
    """
    if verdict is Verdict.ALLOW:
        return ""
    if setting.kind is Kind.ENERGY:
        return "" if owners.energy_owner(state) is line else f"{setting.name} is for who owns the energy"
    if setting.kind in (Kind.BILLING, Kind.UNKNOWN) and line.route.role is not Role.BILLING:
        return f"{setting.name} is for Billing to set ({setting.kind})"
    return ""


def _merge(state: State, turn: Turn, line: Line, change: Change) -> Change:
    """What the charger is to be told, or that it has been already."""
    name = change.setting.name
    if change.setting.kind is Kind.INTERVAL and wishes.interval(change.value) is None:
        return change.answer("Rejected", f"{name} is a number of seconds")
    if len(change.value) > wishes.LONGEST_VALUE:
        return change.answer("Rejected", f"{name} is too long")
    together = wishes.together(state, name, {line.key: change.value})
    change.sent = wishes.merged(state, change.setting, together) or ""
    if change.sent and wishes.charger_has(state, name) == change.sent:
        _granted(state, turn, line, change)
        return change.answer("Accepted", f"proxy: the charger has {name} {change.sent[:60]} already")
    return change


def _granted(state: State, turn: Turn, line: Line, change: Change) -> None:
    wishes.keep(state, turn, line.key, change.setting.name, change.value)
    metering.refresh(state)


# -- the charger's answer ------------------------------------------------------------------------------


def second_try(state: State, line: Line, change: Change, status: str) -> bool:
    """Whether to ask once more, with Billing's measurands alone: the charger cannot do what all want."""
    if change.setting.kind is not Kind.SET or status != "Rejected" or change.refused:
        return False
    own = _of_billing(state, line, change)
    if own is None or own in (change.sent, wishes.charger_has(state, change.setting.name)):
        return False
    change.sent, change.refused = own, True
    return True


def _of_billing(state: State, line: Line, change: Change) -> str | None:
    billing = state.billing
    if billing is None:
        return None
    if billing is line:
        return wishes.union([change.value])
    wish = wishes.of_route(state, billing.key, change.setting.name)
    return None if wish is None else wishes.union([wish])


def was_sent(call: DownCall) -> bool:
    """Whether the charger has got a CALL that it has not answered: who knows what it did."""
    return call.sent_at > 0


def conclude(state: State, turn: Turn, line: Line | None, change: Change, status: str | None) -> None:
    """The charger has answered; None: it has not, and nobody knows what it did.

    ``line`` is None where the route has been switched off meanwhile.
    """
    name = change.setting.name
    change.status = status or "Rejected"
    if change.setting.kind in MERGED:
        _conclude_merged(state, turn, line, change, status)
    elif status in ACCEPTED and change.is_tracked:
        learning.learn(state, turn, name, change.value)
        if line is not None:
            wishes.written(state, turn, line, name, change.value)


def _conclude_merged(state: State, turn: Turn, line: Line | None, change: Change, status: str | None) -> None:
    name = change.setting.name
    if status is None:
        wishes.charger_takes(state, turn, name, None)
    if status not in ACCEPTED:
        return
    wishes.charger_takes(state, turn, name, change.sent)
    only_billing = change.refused and line is not state.billing
    if only_billing:
        change.status, change.rule = "Rejected", "the charger takes Billing's measurands only"
    elif line is not None:
        _granted(state, turn, line, change)
    metering.refresh(state)
