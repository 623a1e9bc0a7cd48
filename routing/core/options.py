"""Options of chargers and routes by name: defaults, checks, and one error that says what is wrong."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, TypeVar

import msgspec

OptionsT = TypeVar("OptionsT", bound=msgspec.Struct)


class OptionError(ValueError):
    """An option with an unknown name or a value of the wrong kind."""


class ChargerOptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Options of one charger; times in seconds (ocpp-semantics 1.2, 1.4, 1.8, 3.1, 4, 5).

    ``pinned``: the only OCPP version to choose, None for the charger's preference.
    ``assume_subprotocol``: taken where the charger offers no subprotocol at all.
    ``ping``: seconds between pings to the charger, 0 for none.
    ``compression``: whether the charger may compress its messages (permessage-deflate).
    ``offline_grace``: how long backoffices stay connected after the charger has gone.
    ``auth_offline``: what an unknown card gets while the owner of the decision is away.
    ``late_reject``: what happens when Billing refuses a session that began without it.
    ``pin_interval``: heartbeat interval told to the charger, None for Billing's.
    ``id_band``: where the numbers begin that the charger gets for things of other backoffices than Billing.
    ``standalone``: accept a boot that Billing has never accepted while Billing is away.
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
    auth_offline: Literal["accept", "reject"] = "reject"
    auth_cache_ttl: float = 86400
    late_reject: Literal["stop", "ignore"] = "stop"
    pin_interval: int | None = None
    standalone: bool = False
    id_band: int = 1_000_000


class RouteOptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Options of one route; times in seconds (ocpp-semantics 1.8, 2.5, 3.1, 4.2, 5.4).

    ``foreign_tx``: what the backoffice sees of sessions that others own; None for the role's
    default (alias for observe, full for the rest).
    ``retry_attempts`` and ``retry_interval``: how often and how long apart a delivery is repeated
    (the interval is multiplied by the number of attempts made) before it is a dead letter.
    """

    T_up: float = 30
    boot_replay: Literal["always", "if_needed", "never"] = "always"
    adopt_running_tx: bool = True
    unknown_tx: Literal["minus_one", "strip", "skip"] = "minus_one"
    foreign_tx: Literal["full", "alias", "hidden"] | None = None
    deny_style: Literal["status", "callerror"] = "status"
    ping: float = 30
    retry_attempts: int = 3
    retry_interval: float = 60


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
