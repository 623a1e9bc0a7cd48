"""What may stand in a raw command: from the JSON schemas of the ``ocpp`` package.

Read when a person gives a command, never while frames pass.
"""

from __future__ import annotations

import decimal
import json
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import ocpp
from jsonschema import Draft4Validator

from routing.core import actions
from routing.core.snapshot import OCPP_VERSIONS
from routing.validation import did_you_mean

_FOLDERS = {"1.6": "v16", "2.0.1": "v201", "2.1": "v21"}

DEEPEST = 12
"""Levels of a schema that a form shows; none of the standard's has more."""

MOST_PROBLEMS = 10


class Field(NamedTuple):
    """One member of a payload, for a form. ``type``: string, integer, number, boolean, object, array.

    ``choices``: the values of an enumeration. ``fields``: the members of an object, or of the elements of
    an array (``item_type`` says what those are). ``format``: ``date-time``, ``uri`` or "".
    """

    name: str
    type: str
    required: bool
    description: str = ""
    choices: tuple[str, ...] = ()
    format: str = ""
    max_length: int | None = None
    minimum: float | None = None
    maximum: float | None = None
    item_type: str = ""
    fields: tuple[Field, ...] = ()


def actions_of(version: str) -> tuple[str, ...]:
    """Every CALL that a charger of this version may be sent, in order of the alphabet."""
    return tuple(
        name
        for name in sorted(actions.names(version))
        if actions.down(version, name) is not None and _schema(version, name) is not None
    )


def form_of(action: str, version: str) -> tuple[Field, ...]:
    """The members of an action's payload. Raises KeyError where the version has no such action."""
    schema = _known(version, action)
    return _members(schema, schema, 0)


def problems(action: str, version: str, payload: object) -> list[str]:
    """What is wrong with a payload in words, nothing where it may be sent as it is."""
    if version not in OCPP_VERSIONS:
        return [f'"{version}" is not a version of OCPP that is spoken here ({", ".join(OCPP_VERSIONS)})']
    if action not in actions_of(version):
        close = did_you_mean(action, actions_of(version))
        return [f'"{action[:50]}" is not something to ask a charger in OCPP {version}{close}']
    if not isinstance(payload, dict):
        return [f"a payload is an object, not {type(payload).__name__}"]
    exact = json.loads(json.dumps(payload), parse_float=decimal.Decimal)
    found = sorted(_validator(version, action).iter_errors(exact), key=lambda error: str(error.path))
    return [_sentence(error) for error in found[:MOST_PROBLEMS]]


def _sentence(error: Any) -> str:
    where = _path(error.absolute_path)
    if error.validator == "enum":
        expected = ", ".join(map(str, error.validator_value))
        return f"{where}: {_shown(error.instance)} is not one of {expected}"
    if error.validator == "required":
        missing = [name for name in error.validator_value if name not in error.instance]
        return f"{where}: {', '.join(missing)} is missing"
    if error.validator == "additionalProperties":
        known = error.schema.get("properties", {})
        unknown = [name for name in error.instance if name not in known]
        return f"{where}: {', '.join(unknown)} is not known here{did_you_mean(unknown[0], known)}"
    if error.validator == "type":
        return f"{where}: {_shown(error.instance)} is not of type {error.validator_value}"
    if error.validator == "maxLength":
        return f"{where}: {_shown(error.instance)} has more than {error.validator_value} characters"
    return f"{where}: {error.message[:200]}"


def _path(parts: Iterable[str | int]) -> str:
    return "$" + "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in parts)


def _shown(value: object) -> str:
    text = json.dumps(value, default=str)
    return text if len(text) <= 60 else f"{text[:60]}..."


def _members(schema: Mapping[str, Any], root: Mapping[str, Any], depth: int) -> tuple[Field, ...]:
    required = set(schema.get("required", ()))
    named = schema.get("properties", {})
    fields = [_field(name, part, root, name in required, depth) for name, part in named.items()]
    return tuple(sorted(fields, key=lambda field: not field.required))


def _field(name: str, part: Mapping[str, Any], root: Mapping[str, Any], required: bool, depth: int) -> Field:
    part = _resolved(part, root)
    kind = part.get("type", "object")
    inner = _resolved(part.get("items", {}), root) if kind == "array" else part
    deep = depth < DEEPEST and inner.get("type") == "object"
    return Field(
        name=name,
        type=kind,
        required=required,
        description=str(part.get("description") or ""),
        choices=tuple(map(str, inner.get("enum", ()))),
        format=str(part.get("format", "")),
        max_length=part.get("maxLength"),
        minimum=_number(part.get("minimum")),
        maximum=_number(part.get("maximum")),
        item_type=str(inner.get("type", "")) if kind == "array" else "",
        fields=_members(inner, root, depth + 1) if deep else (),
    )


def _number(value: Any) -> float | None:
    return None if value is None else float(value)


def _resolved(part: Mapping[str, Any], root: Mapping[str, Any]) -> Mapping[str, Any]:
    """A part of a schema, or what it refers to, with the part's own words where it has some."""
    reference = part.get("$ref")
    if reference is None:
        return part
    found: Any = root
    for step in reference.removeprefix("#/").split("/"):
        found = found[step]
    return {**found, **{name: value for name, value in part.items() if name != "$ref"}}


def _known(version: str, action: str) -> Mapping[str, Any]:
    schema = _schema(version, action) if actions.down(version, action) is not None else None
    if schema is None:
        raise KeyError(f"{action} is not something to ask a charger in OCPP {version}")
    return schema


@cache
def _validator(version: str, action: str) -> Draft4Validator:
    return Draft4Validator(_known(version, action))


@cache
def _schema(version: str, action: str) -> Mapping[str, Any] | None:
    # Read here and not through the package: it appends "Request" to names that don't have it.
    # Numbers are Decimals on both sides, since as floats 21.4 is no multiple of 0.1.
    folder = Path(ocpp.__file__).parent / _FOLDERS[version] / "schemas"
    for path in (folder / f"{action}{ending}.json" for ending in ("Request", "")):
        if action.isalnum() and path.exists():
            found: Mapping[str, Any] = json.loads(path.read_text("utf-8-sig"), parse_float=decimal.Decimal)
            return found
    return None
