"""Forms for commands out of tables: of verbs (``Argument``), and of actions out of schemas (``Field``).

A ``Box`` is one input as the template draws it. What comes back is read by the same tables. Pure.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from django.utils.translation import gettext as _

from routing.commands.arguments import Argument
from routing.commands.schemas import Field

Given = Mapping[str, str]
"""What a form has sent, by the names of its inputs."""

Choices = tuple[tuple[str, str], ...]

ROWS, MOST_ROWS = 2, 30
"""Rows of a list in a form, at first and at most."""

SKIPPED = frozenset({"customData"})
"""Members that no form shows: what a vendor defines, nobody can describe. The raw editor takes them."""

LONGEST_JSON = 200_000


class BadForm(ValueError):
    """What a form has sent can't be read. ``problems``: a sentence each."""

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("; ".join(problems))
        self.problems = list(problems)


class Box(NamedTuple):
    """One input. ``kind``: text, number, select, datetime, lines, json, group, rows (groups, one each)."""

    name: str
    label: str
    kind: str
    required: bool = False
    value: str = ""
    help: str = ""
    choices: Choices = ()
    max_length: int | None = None
    minimum: float | None = None
    maximum: float | None = None
    step: str = "any"
    parts: tuple[Box, ...] = ()

    @property
    def is_filled(self) -> bool:
        """Whether something is in it, so that it is not to be folded away."""
        return bool(self.value) or any(part.is_filled for part in self.parts)


# -- of verbs ------------------------------------------------------------------------------------------

_KINDS = {"integer": "number", "boolean": "select", "choice": "select", "list": "lines", "object": "json"}


def boxes_of(arguments: Iterable[Argument], given: Given) -> list[Box]:
    """The inputs for the arguments of a verb."""
    return [_box_of(argument, given) for argument in arguments]


def _box_of(argument: Argument, given: Given) -> Box:
    name = f"a.{argument.name}"
    choices: Choices = tuple((choice, choice) for choice in argument.choices)
    if argument.type == "boolean":
        choices = (("true", _("yes")), ("false", _("no")))
    if choices and argument.default is None:
        choices = (("", "-"), *choices)
    default = "" if argument.default is None else _plain(argument.default)
    return Box(
        name=name,
        label=str(argument.label),
        kind=_KINDS.get(argument.type, argument.type),
        required=argument.required and not argument.blank,
        value=given.get(name, default),
        choices=choices,
        step="1" if argument.type == "integer" else "any",
    )


def arguments_of(arguments: Iterable[Argument], given: Given) -> dict[str, Any]:
    """What was filled in, by the names of arguments. Raises BadForm."""
    found: dict[str, Any] = {}
    problems: list[str] = []
    for argument in arguments:
        text = given.get(f"a.{argument.name}", "").strip()
        if not text and not (argument.blank and f"a.{argument.name}" in given):
            continue
        try:
            found[argument.name] = _read(argument.type, text, "")
        except ValueError as error:
            problems.append(f"{argument.label}: {error}")
    if problems:
        raise BadForm(problems)
    return found


# -- of actions ----------------------------------------------------------------------------------------


def boxes_for(fields: Iterable[Field], given: Given, rows: int = ROWS, prefix: str = "p") -> tuple[Box, ...]:
    """The inputs for the payload of an action; ``rows`` of each list."""
    return tuple(_box_for(one, given, rows, prefix) for one in fields if one.name not in SKIPPED)


def _box_for(one: Field, given: Given, rows: int, prefix: str) -> Box:
    name = f"{prefix}.{one.name}"
    box = Box(name, one.name, _kind_for(one), one.required, given.get(name, ""), one.description)
    if box.kind == "group":
        return box._replace(parts=boxes_for(one.fields, given, rows, name))
    if box.kind == "rows":
        many = range(_rows_of(one, rows))
        return box._replace(
            parts=tuple(
                Box(
                    f"{name}.{n}",
                    f"{n + 1}",
                    "group",
                    one.required and not n,
                    parts=boxes_for(one.fields, given, rows, f"{name}.{n}"),
                )
                for n in many
            )
        )
    choices: Choices = (("true", _("yes")), ("false", _("no"))) if one.type == "boolean" else ()
    if box.kind == "select":
        choices = (("", "-"), *(choices or tuple((choice, choice) for choice in one.choices)))
    return box._replace(
        choices=choices,
        max_length=one.max_length,
        minimum=one.minimum,
        maximum=one.maximum,
        step="1" if one.type == "integer" else "any",
    )


def _kind_for(one: Field) -> str:
    if one.type == "array":
        return "rows" if one.fields else "lines"
    if one.type == "object":
        return "group" if one.fields else "json"
    if one.choices or one.type == "boolean":
        return "select"
    if one.type in ("integer", "number"):
        return "number"
    return "datetime" if one.format == "date-time" else "text"


def _rows_of(one: Field, rows: int) -> int:
    """One of what has lists in it itself: a form grows by the product."""
    has_lists = any(part.type == "array" and part.fields and part.name not in SKIPPED for part in one.fields)
    return 1 if has_lists else rows


def payload_of(fields: Iterable[Field], given: Given, rows: int = ROWS) -> dict[str, Any]:
    """The payload that was filled in; what is empty is left out. Raises BadForm."""
    problems: list[str] = []
    found = _object(fields, given, rows, "p", problems)
    if problems:
        raise BadForm(problems)
    return found


def _object(
    fields: Iterable[Field], given: Given, rows: int, prefix: str, problems: list[str]
) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for one in fields:
        if one.name in SKIPPED:
            continue
        value = _value(one, given, rows, f"{prefix}.{one.name}", problems)
        if value is not None and (value not in ({}, []) or one.required):
            found[one.name] = value
    return found


def _value(one: Field, given: Given, rows: int, name: str, problems: list[str]) -> Any:
    kind = _kind_for(one)
    if kind == "group":
        return _object(one.fields, given, rows, name, problems)
    if kind == "rows":
        many = (_object(one.fields, given, rows, f"{name}.{n}", problems) for n in range(_rows_of(one, rows)))
        return [item for item in many if item]
    text = given.get(name, "").strip()
    if not text:
        return None
    try:
        return _read("datetime" if kind == "datetime" else one.type, text, one.item_type)
    except ValueError as error:
        problems.append(f"{name.removeprefix('p.')}: {error}")
        return None


# -- both ----------------------------------------------------------------------------------------------


def _read(kind: str, text: str, item_kind: str) -> Any:
    """A text of a form as a value. Raises ValueError with a sentence."""
    match kind:
        case "integer":
            return _number(text, int)
        case "number":
            number = _number(text, float)
            return int(number) if number == int(number) else number
        case "boolean":
            return text == "true"
        case "datetime":
            return _moment(text)
        case "list" | "array":
            return [_read(item_kind, line.strip(), "") for line in text.splitlines() if line.strip()]
        case "object":
            return read_json(text)
    return text


def _number(text: str, kind: Any) -> Any:
    try:
        number = kind(text)
    except ValueError:
        raise ValueError(_("a number is expected, not %s") % text[:40]) from None
    if not -1e15 < number < 1e15:
        raise ValueError(_("%s is too large") % text[:40])
    return number


def _moment(text: str) -> str:
    """As browsers give a time, without a zone, it is UTC."""
    if "Z" in text or "+" in text[10:] or "-" in text[10:]:
        return text
    return f"{text}:00Z" if len(text) == len("2030-01-31T12:00") else f"{text}Z"


def read_json(text: str) -> dict[str, Any]:
    """An object of JSON. Raises ValueError with a sentence."""
    if len(text) > LONGEST_JSON:
        raise ValueError(_("this is too long"))
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ValueError(_("this is no JSON: %s") % error) from None
    if not isinstance(found, dict):
        raise ValueError(_('a JSON object is expected: {"name": "value"}'))
    return found


def _plain(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
