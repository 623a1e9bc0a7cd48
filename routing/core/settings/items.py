"""The items of SetVariables, GetVariables and NotifyReport (2.x), and results put back in their order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from routing.core import payloads, spans
from routing.core.actions.denials import STATUS_INFO
from routing.core.frames import quote
from routing.core.payloads import Lenient
from routing.core.secrecy import is_secret
from routing.core.settings import elements

ACTUAL = "Actual"
UNANSWERED = '{"reasonCode":"InternalError","additionalInfo":"the charger has not answered this"}'


class _Evse(msgspec.Struct, gc=False):
    id: Lenient = msgspec.UNSET
    connectorId: Lenient = msgspec.UNSET


class _Component(msgspec.Struct, gc=False):
    name: str
    instance: Lenient = msgspec.UNSET
    evse: _Evse | None = None


class _Variable(msgspec.Struct, gc=False):
    name: str
    instance: Lenient = msgspec.UNSET


class Head(msgspec.Struct, gc=False):
    """What names a variable, in a request, a result and a report."""

    component: _Component
    variable: _Variable
    attributeType: Lenient = msgspec.UNSET


_HEAD = msgspec.json.Decoder(Head)

_ONCE = ("$.component", "$.component.name", "$.variable", "$.variable.name")
_AT_MOST_ONCE = ("$.component.instance", "$.component.evse", "$.variable.instance", "$.attributeType")


class Named:
    """A variable as an item names it.

    ``token`` is the item as JSON text, ``name`` its ``Component.Variable``. ``is_plain``: neither names an
    instance or EVSE. ``identity`` is the same in request and result.
    """

    __slots__ = ("attribute", "component", "identity", "instances", "is_plain", "name", "token", "variable")

    def __init__(self, token: str, head: Head) -> None:
        evse = head.component.evse or _Evse()
        where = [payloads.text(r) for r in (head.component.instance, evse.id, evse.connectorId)]
        self.token = token
        self.component, self.variable = head.component.name.strip(), head.variable.name.strip()
        self.instances = (where[0], payloads.text(head.variable.instance))
        self.attribute = payloads.text(head.attributeType) or ACTUAL
        self.name = f"{self.component}.{self.variable}"
        self.is_plain = not any((*where, *self.instances))
        self.identity = (self.name.lower(), *where, self.instances[1], self.attribute)

    @property
    def is_secret(self) -> bool:
        """Whether any of its names is a secret's."""
        return is_secret(self.name, self.component, *self.instances)

    def result(self, status: str, value: str | None = None, info: str = STATUS_INFO) -> str:
        """The result for this item, as JSON text; a refusal says why."""
        parts = [f'"attributeStatus":"{status}"']
        if status == "Rejected":
            parts.append(f'"attributeStatusInfo":{info}')
        for member in ("attributeType", "component", "variable"):
            parts += (f'"{member}":{token}' for token in spans.find(self.token, f"$.{member}")[-1:])
        if value is not None:
            parts.append(f'"attributeValue":{quote(value)}')
        return f"{{{','.join(parts)}}}"


def read(payload: str, path: spans.Path, *required: spans.Path) -> list[Named] | None:
    """The variables that a list names; None where it is none, or can be read in more than one way.

    ``required``: paths of what each item has to have besides.
    """
    arrays = spans.find(payload, path)
    if len(arrays) != 1 or not arrays[0].startswith("["):
        return None
    tokens = elements.texts(arrays[0])
    items = [item for token in tokens if (item := named(token)) and _says_one_thing(token, required)]
    return items if items and len(items) == len(tokens) else None


def named(token: str) -> Named | None:
    """The variable that an item names, None where it names none."""
    try:
        return Named(token, _HEAD.decode(token))
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return None


def _says_one_thing(token: str, required: Sequence[spans.Path]) -> bool:
    once = all(len(spans.find(token, path)) == 1 for path in (*_ONCE, *required))
    return once and all(len(spans.find(token, path)) < 2 for path in _AT_MOST_ONCE)


def matched(asked: Mapping[int, Named], results: str) -> dict[int, str]:
    """The charger's results by the position of the item that they are about.

    By what they name; where that fails and there are as many as were asked for, by their order.
    """
    tokens = elements.texts(results)
    left = {index: item.identity if (item := named(token)) else None for index, token in enumerate(tokens)}
    found: dict[int, str] = {}
    for position, item in asked.items():
        index = next((i for i, identity in left.items() if identity == item.identity), None)
        if index is not None:
            del left[index]
            found[position] = tokens[index]
    if len(tokens) == len(asked):
        rest = (position for position in asked if position not in found)
        found |= {position: tokens[index] for position, index in zip(rest, left, strict=True)}
    return found
