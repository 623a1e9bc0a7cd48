"""Options of chargers and routes by name: defaults, checks, and one error that says what is wrong."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal, TypeVar

import msgspec

from routing.core import patterns

OptionsT = TypeVar("OptionsT", bound=msgspec.Struct)


class OptionError(ValueError):
    """An option with an unknown name or a value of the wrong kind."""


MOST_RULES, MOST_PATTERNS = 1000, 20
"""How many rules about cards a charger may have, and how many of them as regular expressions."""


class AuthRule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Cards that fit are for a backoffice (by name) to decide about (ocpp-semantics 5.1).

    ``match``: how ``value`` is compared, without regard to case: with the beginning of the card, with all
    of it, as a regular expression for all of it, or with its type (2.x, as in ``"eMAID"``).
    """

    match: Literal["prefix", "exact", "regex", "type"]
    value: str
    backoffice: str

    def __post_init__(self) -> None:
        problem = "is empty" if not self.value else ""
        if self.match == "regex":
            problem = problem or patterns.problem(self.value)
        if problem:
            raise ValueError(f'"{self.value[:60]}" {problem}')


class ChargerOptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Options of one charger; times in seconds (ocpp-semantics 1.2, 1.4, 1.8, 3.1, 4, 5).

    ``pinned``: the only OCPP version to choose, None for the charger's preference.
    ``assume_subprotocol``: taken where the charger offers no subprotocol at all.
    ``ping``: seconds between pings to the charger, 0 for none.
    ``compression``: whether the charger may compress its messages (permessage-deflate).
    ``offline_grace``: how long backoffices stay connected after the charger has gone.
    ``authorization``: who decides about a card; ``auth_then``: who does after "local", for other cards.
    ``auth_rules``: for "prefix" and "list", the first that fits counts; Billing decides about the rest.
    ``authorizers``: for "first_accept" and "all_accept", backoffices by name, the first counts most; empty
    for Billing and all routes that may start sessions.
    ``free_id_tag``: the card that backoffices are told of under "free", None for the one presented.
    ``auth_offline``: what an unknown card gets while the owner of the decision is away.
    ``late_reject``: what happens when the owner refuses a session that began without it.
    ``pin_interval``: heartbeat interval told to the charger, None for Billing's.
    ``id_band``: where the numbers begin that the charger gets for things of other backoffices than Billing.
    ``standalone``: accept a boot that Billing has never accepted while Billing is away.
    ``hold_rejected``: keep an earlier acceptance for 15 minutes when Billing rejects the charger.
    ``decouple_boot``: accept every boot at once; what Billing says to it stays between it and the proxy.
    ``on_primary_loss``: without Billing the charger stays, or is closed after ``offline_grace``.
    ``clock_source``: whose time the charger gets in the answer to its boot.
    ``repair``: rules by which what the charger writes is repaired before it is passed on (``repairs``).
    ``smart_charging``: who may have which charging profiles (routing.core.charging_profiles.purposes).
    ``billing_stack_levels``: under ``banded`` the highest stackLevel of Billing's; those above it, up to
    ``max_stack_level`` where the charger does not say how many it has, are the energy owner's.
    ``max_current`` and ``max_power``: the tenant's own limit of the charger in A per phase and in W, None
    for none; ``voltage`` (to neutral, V) and ``phases`` join the two.
    ``energy_ttl``: how long the profiles of an energy manager outlive its link, if they have no end.
    ``file_hosts``: hosts (or "*.suffix") that firmware and logs may come from and go to, empty for any.
    ``data_vendors``: vendorIds that backoffices may send DataTransfer with, empty for all that do not look
    like a way to move the charger.
    ``protected_certificates``: serial numbers or hashes of certificates that no backoffice may delete.
    ``pki``: who may have a certificate of the charger itself signed.
    ``local_list``: whether one backoffice owns the charger's list of cards, or all lists are merged;
    ``local_list_chunk`` and ``local_list_max``: cards that one message and the whole list may have, where
    the charger does not say; None for any number.
    ``log_data_transfer``: whether the audit log keeps the data of DataTransfer, or only how long it was.
    """

    pinned: Literal["1.6", "2.0.1", "2.1"] | None = None
    assume_subprotocol: Literal["ocpp1.6", "ocpp2.0.1", "ocpp2.1"] | None = None
    short_ids: bool = False
    ping: float = 30
    compression: bool = True
    offline_grace: float = 5
    T_auth: float = 8
    T_start: float = 8
    T_stop: float = 8
    T_boot: float = 15
    T_cmd: float = 45
    T_cmd_queue: float = 20
    authorization: Literal["primary", "prefix", "list", "first_accept", "all_accept", "local", "free"] = (
        "primary"
    )
    auth_then: Literal["primary", "prefix", "list", "first_accept", "all_accept", "free"] = "primary"
    auth_rules: tuple[AuthRule, ...] = ()
    authorizers: tuple[str, ...] = ()
    free_id_tag: Annotated[str, msgspec.Meta(min_length=1, max_length=20)] | None = None
    auth_offline: Literal["accept", "reject"] = "reject"
    auth_cache_ttl: float = 86400
    late_reject: Literal["stop", "ignore"] = "stop"
    pin_interval: int | None = None
    standalone: bool = False
    hold_rejected: bool = True
    decouple_boot: bool = False
    on_primary_loss: Literal["hold", "drop"] = "hold"
    clock_source: Literal["backoffice", "proxy"] = "backoffice"
    repair: tuple[Literal["null_members", "timezone", "types"], ...] = ()
    id_band: int = 1_000_000
    smart_charging: Literal["split", "banded"] = "split"
    billing_stack_levels: Annotated[int, msgspec.Meta(ge=0)] = 3
    max_stack_level: Annotated[int, msgspec.Meta(ge=0)] = 8
    max_current: Annotated[float, msgspec.Meta(gt=0)] | None = None
    max_power: Annotated[float, msgspec.Meta(gt=0)] | None = None
    voltage: Annotated[float, msgspec.Meta(gt=0)] = 230
    phases: Literal[1, 2, 3] = 3
    energy_ttl: Annotated[float, msgspec.Meta(ge=0)] = 900
    file_hosts: tuple[str, ...] = ()
    data_vendors: tuple[str, ...] = ()
    protected_certificates: tuple[str, ...] = ()
    pki: Literal["billing", "none"] = "billing"
    local_list: Literal["exclusive", "merged"] = "exclusive"
    local_list_chunk: Annotated[int, msgspec.Meta(ge=1)] = 50
    local_list_max: Annotated[int, msgspec.Meta(ge=1)] | None = None
    log_data_transfer: Literal["keep", "hide"] = "keep"

    def __post_init__(self) -> None:
        if problem := _too_many(self.auth_rules):
            raise ValueError(problem)


class RouteOptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Options of one route; times in seconds (ocpp-semantics 1.8, 2.5, 3.1, 4.2, 5.4).

    ``foreign_tx``: what the backoffice sees of sessions that others own; None for the role's
    default (alias for observe, full for the rest). ``foreign_tag``: the card it is told of under alias,
    None for one that is made of the card. ``hide_cost``: cost and tariff of sessions of others stay hidden.
    ``retry_attempts`` and ``retry_interval``: how often and how long apart a delivery is repeated
    (the interval is multiplied by the number of attempts made) before it is a dead letter.
    ``keep_for``: how long a delivery may wait before it is one too.
    ``queue_limit`` and ``queue_bytes``: how many deliveries, and characters of them, may wait before every
    second periodic meter value is left out.
    ``strict``: members that are null are left out of what this backoffice is sent.
    ``filter_measurands``: leave out of meter values what this backoffice has not asked for.
    ``trigger_limit`` and ``reset_limit``: boots that the backoffice may ask for, and resets, in
    10 minutes (routing.core.rates); 0 for none at all, None for any number.
    """

    T_up: float = 30
    boot_replay: Literal["always", "if_needed", "never"] = "always"
    adopt_running_tx: bool = True
    unknown_tx: Literal["minus_one", "strip", "skip"] = "minus_one"
    foreign_tx: Literal["full", "alias", "hidden"] | None = None
    foreign_tag: Annotated[str, msgspec.Meta(min_length=1, max_length=20)] | None = None
    hide_cost: bool = False
    deny_style: Literal["status", "callerror"] = "status"
    ping: float = 30
    retry_attempts: int = 3
    retry_interval: float = 60
    keep_for: Annotated[float, msgspec.Meta(gt=0)] = 2_592_000
    queue_limit: int = 10_000
    queue_bytes: int = 67_108_864
    strict: bool = False
    filter_measurands: bool = False
    trigger_limit: int | None = 3
    reset_limit: int | None = 3


def _too_many(rules: tuple[AuthRule, ...]) -> str:
    """Each card is held against all rules, while nothing else happens."""
    patterns_ = sum(rule.match == "regex" for rule in rules)
    if patterns_ > MOST_PATTERNS:
        return f"{patterns_} of auth_rules are regular expressions; at most {MOST_PATTERNS} may be"
    return f"{len(rules)} are too many auth_rules; at most {MOST_RULES}" if len(rules) > MOST_RULES else ""


def charger_options(values: Mapping[str, Any]) -> ChargerOptions:
    """Options of a charger from plain values. Raises OptionError naming the option."""
    return _options(values, ChargerOptions)


def route_options(values: Mapping[str, Any]) -> RouteOptions:
    """Options of a route from plain values. Raises OptionError naming the option."""
    return _options(values, RouteOptions)


def _options(values: Mapping[str, Any], kind: type[OptionsT]) -> OptionsT:
    unknown = sorted(set(values) - set(kind.__struct_fields__))
    if unknown:
        known = ", ".join(kind.__struct_fields__)
        raise OptionError(f'"{unknown[0]}" is not an option; expected one of {known}')
    try:
        return msgspec.convert(values, kind)
    except msgspec.ValidationError as error:
        raise OptionError(str(error)) from error


for _kind in (ChargerOptions, RouteOptions):
    # msgspec 0.22 studies a class when it is first converted, and a second thread that comes meanwhile
    # crashes the process. Chargers are loaded in several threads; modules are imported in one.
    msgspec.convert({}, _kind)
