"""The columns of the action tables (ocpp-semantics 2.1): what a row can say, and nothing that acts on it."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Literal

import msgspec

from routing.core.errors import Condition
from routing.core.snapshot import Role


class Answer(StrEnum):
    """Who answers a CALL of the charger.

    ``ACK``: the proxy, with the empty payload, once the message is safe.
    ``LOCAL``: the proxy, from what it knows.
    ``OWNER``: the route that owns what the message is about: the transaction, the authorisation of the
    card, or else the object that the first of ``to_route`` names; Billing where nobody else does.
    ``ENERGY_OWNER``: the route that manages energy, else Billing.
    ``NONE``: nobody, the message is a SEND.
    """

    ACK = "ACK"
    LOCAL = "LOCAL"
    OWNER = "OWNER"
    BILLING = "BILLING"
    ENERGY_OWNER = "ENERGY_OWNER"
    NONE = "NONE"


class Queue(StrEnum):
    """What is kept for a backoffice that is away.

    ``DURABLE``: every message, never dropped. ``THIN``: durable, may be thinned when there are too many.
    ``SMALL``: durable, bounded. ``LATEST``: the newest per key. ``REGENERATED``: nothing, made anew from
    what the proxy knows. ``NEVER``: nothing.
    """

    DURABLE = "Q!"
    THIN = "Q thin"
    SMALL = "Q"
    LATEST = "L"
    REGENERATED = "REG"
    NEVER = "N"


class Receives(StrEnum):
    """What a route sees of a message of the charger.

    ``FILTERED``: only what is its own (or what its options let through). ``GENERATED``: a copy of its own,
    made by the proxy.
    """

    YES = "R"
    FILTERED = "F"
    GENERATED = "G"
    NO = "-"


class Access(StrEnum):
    """What becomes of a CALL of a route toward the charger.

    ``GUARD``: allowed within limits. ``OWN``: only on its own objects. ``VIRTUAL``: allowed, and answered
    from what the proxy knows where it can.
    """

    ALLOW = "A"
    GUARD = "G"
    OWN = "O"
    VIRTUAL = "V"
    DENY = "D"


class Kind(StrEnum):
    """What is found at the path of a ``Rewrite``.

    The first group are identifiers that differ per route. The second are contents that differ per route:
    ``ABSENT`` never crosses the proxy, ``ID_TAG`` is replaced under ``foreign_tx: alias`` (with
    ``ID_TOKEN_TYPE`` beside it), ``SEQUENCE`` is renumbered where a report is split, ``COST`` is for the
    owner only, ``SETTING`` is a configuration value (virtual, merged or secret), ``URL`` is allow-listed.
    """

    TRANSACTION = "transaction"
    RESERVATION = "reservation"
    PROFILE = "profile"
    STACK_LEVEL = "stack_level"
    REQUEST = "request"
    REMOTE_START = "remote_start"
    MONITOR = "monitor"
    DISPLAY_MESSAGE = "display_message"
    LIST_VERSION = "list_version"
    STREAM = "stream"
    DER = "der"

    ABSENT = "absent"
    BOOT_REASON = "boot_reason"
    CLOCK = "clock"
    COST = "cost"
    ID_TAG = "id_tag"
    ID_TOKEN_TYPE = "id_token_type"
    INTERVAL = "interval"
    LOCAL_LIST = "local_list"
    OFFLINE = "offline"
    QUEUE_STATE = "queue_state"
    SEQUENCE = "sequence"
    SETTING = "setting"
    URL = "url"


Unknown = Literal["delete", "deny", "filter", "keep", "new"]


class Rewrite(msgspec.Struct, frozen=True, gc=False):
    """A place in a payload that is not the same for everybody.

    ``path`` starts at the payload and names the member as it stands in the JSON (``"$.messageInfo[].id"``).
    ``unknown`` says what happens where there is no value for the other side: ``delete`` the member,
    ``deny`` the whole message (up: this route does not get it; down: it is refused), ``filter`` the array
    item out, ``keep`` the value, or take it as ``new`` and open a mapping.
    A transaction unknown to a route is a matter of the route's option ``unknown_tx`` instead.
    """

    path: str
    kind: Kind
    unknown: Unknown = "keep"


class Compose(msgspec.Struct, frozen=True, gc=False):
    """An answer made of a fixed part and of members repeated from the request.

    ``answer`` is a raw JSON object. Without one of ``required`` there is no such answer.
    """

    answer: str
    required: tuple[str, ...] = ()
    optional: tuple[str, ...] = ()


class PerItem(msgspec.Struct, frozen=True, gc=False):
    """A denial with one result for each item of the request.

    ``items`` and ``results`` name the arrays in request and response. ``plain``: the items are values, not
    objects, and go into the result under the one name in ``each.required``.
    ``absent_is_all``: no list in the request means everything, and gets one result.
    """

    items: str
    results: str
    each: Compose
    plain: bool = False
    absent_is_all: bool = False


class Up(msgspec.Struct, frozen=True, gc=False):
    """What happens to a message of the charger.

    ``latest_key``: the paths that tell one latest value from another. ``fallback``: raw JSON payload that
    the charger gets while whoever answers is away; None where it depends on more than the action.
    ``fallback_composed``: the same, with members of the request. With neither, and nothing else
    to say, the charger gets a CALLERROR InternalError.
    ``to_route`` is rewritten in the CALL to a route, ``from_owner`` in the answer to the charger.
    """

    action: str
    category: str
    receives: Mapping[Role, Receives]
    answer: Answer
    queue: Queue
    latest_key: tuple[str, ...] = ()
    fallback: str | None = None
    to_route: tuple[Rewrite, ...] = ()
    from_owner: tuple[Rewrite, ...] = ()
    is_send: bool = False
    fallback_composed: Compose | None = None


class Qualifier(msgspec.Struct, frozen=True, gc=False):
    """What a permission may name besides the action, as in ``Reset:Hard`` (routing.core.policy).

    ``what``: in words. ``paths``: where it stands in the payload; several are joined by a dot. ``items``:
    the elements that each have one, and are decided one by one; the paths then start at the element.
    ``known``: the values there are, none where any text or (``is_number``) number may stand. ``absent``:
    what a payload without it means.
    """

    what: str
    paths: tuple[str, ...]
    known: tuple[str, ...] = ()
    is_number: bool = False
    absent: str = ""
    items: str = ""


class Down(msgspec.Struct, frozen=True, gc=False):
    """What happens to a CALL of a backoffice toward the charger.

    ``denial``: raw JSON payload of the action's own negative answer; ``denial_items`` where the answer
    has one result per item of the request. With neither a CALLERROR with ``denial_error`` says no.
    ``to_charger`` is rewritten in the CALL, ``to_asker`` in the charger's answer. ``qualifier``: what
    permissions may tell apart, None where they are for the action as a whole. ``unknown``: the answer
    where it names something that this backoffice has never made, None for the denial.
    """

    action: str
    category: str
    access: Mapping[Role, Access]
    denial: str | None = None
    denial_error: Condition = Condition.SECURITY
    to_charger: tuple[Rewrite, ...] = ()
    to_asker: tuple[Rewrite, ...] = ()
    priority_class: Literal["safety", "normal"] = "normal"
    denial_items: PerItem | None = None
    qualifier: Qualifier | None = None
    unknown: str | None = None


class Both(msgspec.Struct, frozen=True, gc=False):
    """An action that either side may send: DataTransfer."""

    up: Up
    down: Down


Row = Up | Down | Both
Table = Mapping[str, Row]


def by_name(*rows: Row) -> Table:
    """Rows as a table. An action that stands twice raises ValueError."""
    named = {row.up.action if isinstance(row, Both) else row.action: row for row in rows}
    if len(named) != len(rows):
        raise ValueError(f"{len(rows)} rows name only {len(named)} actions; give each action one row")
    return MappingProxyType(named)
