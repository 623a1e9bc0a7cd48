"""The arguments of friendly commands: fields of a form, and whether what is given fits. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any, NamedTuple

Arguments = Mapping[str, Any]


class BadArguments(ValueError):
    """The arguments of a verb do not fit; the message is a sentence for whoever gave them."""


class Argument(NamedTuple):
    """One field of a verb's form.

    ``type``: text, integer, number, boolean, datetime, choice, list, object. ``blank``: "" is a value too.
    """

    name: str
    type: str
    label: Any
    required: bool = False
    choices: tuple[str, ...] = ()
    default: Any = None
    blank: bool = False


_TYPES: Mapping[str, tuple[type, ...]] = MappingProxyType(
    {
        "text": (str,),
        "choice": (str,),
        "integer": (int,),
        "number": (int, float),
        "boolean": (bool,),
        "datetime": (datetime, str),
        "list": (list, tuple),
        "object": (dict,),
    }
)


def checked(verb: str, known_arguments: Iterable[Argument], arguments: Arguments) -> dict[str, Any]:
    """The arguments of a verb (by name) with defaults, each of its type. Raises BadArguments."""
    known = {argument.name: argument for argument in known_arguments}
    for name in arguments:
        if name not in known:
            expected = ", ".join(known) or "nothing"
            raise BadArguments(f"{verb} takes {expected}; {name[:50]!r} is not known")
    found = {}
    for name, argument in known.items():
        value = arguments.get(name)
        if value is None or (value == "" and not argument.blank):
            value = argument.default
        if value is None:
            if argument.required:
                raise BadArguments(f"{verb} needs {name}")
            continue
        found[name] = _of_type(argument, value)
    return found


def _of_type(argument: Argument, value: Any) -> Any:
    fits = isinstance(value, _TYPES[argument.type])
    if not fits or (isinstance(value, bool) and argument.type != "boolean"):
        raise BadArguments(f"{argument.name} is {argument.type}, not {str(value)[:50]!r}")
    if argument.type == "choice" and value not in argument.choices:
        raise BadArguments(f"{argument.name} is one of {', '.join(argument.choices)}, not {value[:50]!r}")
    if argument.type == "datetime":
        return _moment(argument.name, value)
    return value


def _moment(name: str, value: datetime | str) -> datetime:
    try:
        moment = value if isinstance(value, datetime) else datetime.fromisoformat(value)
    except ValueError:
        raise BadArguments(f"{name} is a time like 2030-01-31T12:00:00Z, not {str(value)[:50]!r}") from None
    if moment.tzinfo is None:
        raise BadArguments(f"{name} needs its time zone, such as 2030-01-31T12:00:00Z")
    return moment.astimezone(UTC)
