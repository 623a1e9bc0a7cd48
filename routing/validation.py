"""What may stand in the options and permissions of a charger or route; one rule for admin and apply."""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterable, Iterator, Mapping
from types import NoneType, UnionType
from typing import Any, Literal, NamedTuple, Union, get_args, get_origin, get_type_hints

import msgspec

from routing.core import actions
from routing.core.snapshot import OCPP_VERSIONS, Role, Verdict


class Problem(NamedTuple):
    """What is wrong with the value under ``key`` ("" for the whole), in a sentence."""

    key: str
    sentence: str

    def __str__(self) -> str:
        return f"{self.key}: {self.sentence}" if self.key else self.sentence


def shown(value: object) -> str:
    """A value as an error names it: in quotes where it is text, shortened."""
    text = value if isinstance(value, str) else msgspec.json.encode(value, enc_hook=str).decode()
    text = text if len(text) <= 60 else text[:60] + "..."
    return f'"{text}"' if isinstance(value, str) else text


def did_you_mean(name: object, known: Iterable[str]) -> str:
    """A suggestion to append to an error, empty where nothing is close."""
    by_lower = {k.lower(): k for k in known}
    close = difflib.get_close_matches(str(name).lower(), by_lower, n=1)
    return f'; did you mean "{by_lower[close[0]]}"?' if close else ""


def role_problem(role: object) -> str | None:
    """Why this is not a role, None if it is one."""
    roles = [r.value for r in Role]
    return None if role in roles else f"{shown(role)} is not a role ({', '.join(roles)})"


def preset_problem(name: str, preset_role: str, role: str) -> str | None:
    """Why a route of this role can't use this preset, None if it can."""
    if preset_role == role:
        return None
    return (
        f"preset {shown(name)} is for routes with role {preset_role}, this one has role {role}; "
        "choose another preset or role"
    )


def permission_problems(permissions: object) -> Iterator[Problem]:
    """What is wrong with the permissions of a route or preset.

    They name actions of a backoffice, or a part of one (routing.core.policy), each with a verdict.
    """
    if not isinstance(permissions, Mapping):
        yield Problem(
            "", f"{shown(permissions)} are not permissions; expected actions with verdicts, like Reset: deny"
        )
        return
    verdicts = [v.value for v in Verdict]
    yield from _written_twice(permissions)
    for action, verdict in permissions.items():
        if sentence := _action_problem(action):
            yield Problem(str(action), sentence)
        if verdict not in verdicts:
            yield Problem(str(action), f"{shown(verdict)} is not a verdict ({', '.join(verdicts)})")


def option_problems(options: object, kind: type[msgspec.Struct]) -> Iterator[Problem]:
    """What is wrong with options of ``kind`` (ChargerOptions or RouteOptions)."""
    if not isinstance(options, Mapping):
        yield Problem("", f"{shown(options)} are not options; expected names with values, like ping: 30")
        return
    types = get_type_hints(kind)
    for name, value in options.items():
        if name not in types:
            hint = did_you_mean(name, types) or f"; expected one of {', '.join(types)}"
            yield Problem(str(name), f"{shown(name)} is not an option{hint}")
        elif not _fits(value, types[name]):
            yield Problem(name, f"{shown(value)} does not fit; expected {expectation(types[name])}")
        elif sentence := _refusal(name, value, kind):
            yield Problem(name, sentence)


def _refusal(name: str, value: object, kind: type[msgspec.Struct]) -> str:
    """Why the core does not take a value of the right type, "" when it does."""
    try:
        msgspec.convert({name: value}, kind)
    except msgspec.ValidationError as error:
        sentence, _, path = str(error).partition(" - at `$.")
        inside = path.rstrip("`").removeprefix(name)
        return f"{inside} {sentence[:1].lower()}{sentence[1:]}".strip()
    return ""


def expectation(kind: Any) -> str:
    """What an option of this type takes, in words."""
    words = {
        bool: "true or false",
        int: "a whole number, 0 or more",
        float: "a number, 0 or more",
        NoneType: "null",
        str: "text",
    }
    if kind in words:
        return words[kind]
    if get_origin(kind) is Literal:
        return "one of " + ", ".join(f'"{value}"' for value in get_args(kind))
    if get_origin(kind) is tuple:
        return f"a list of {expectation(get_args(kind)[0])}"
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        return "entries with " + ", ".join(kind.__struct_fields__)
    return " or ".join(expectation(part) for part in get_args(kind))


def _fits(value: Any, kind: Any) -> bool:
    if get_origin(kind) in (Union, UnionType):
        return any(_fits(value, part) for part in get_args(kind))
    if get_origin(kind) is Literal:
        return value in get_args(kind)
    if get_origin(kind) is tuple:
        return isinstance(value, list | tuple)
    if kind in (int, float):
        # true is an int to Python, and neither a time nor a count to anybody else
        number = isinstance(value, int | kind) and not isinstance(value, bool)
        return number and math.isfinite(value) and value >= 0
    return type(value) is kind


def _written_twice(permissions: Mapping[object, object]) -> Iterator[Problem]:
    """Keys that only differ in what is not looked at: case and spaces of what is behind the colon."""
    seen: dict[str, str] = {}
    for key in map(str, permissions):
        name, colon, part = key.partition(":")
        first = seen.setdefault(f"{name}{colon}{part.strip().casefold()}", key)
        if first != key:
            yield Problem(key, f"{shown(key)} says the same as {shown(first)}; keep one of them")


def _action_problem(key: object) -> str | None:
    action, colon, part = str(key).partition(":")
    rows = [row for version in OCPP_VERSIONS if (row := actions.down(version, action))]
    if rows:
        return _part_problem(action, part.strip(), rows) if colon else None
    if actions.any_version(action):
        return f"{shown(action)} is sent by chargers; permissions are for what a backoffice sends"
    down = {name for v in OCPP_VERSIONS for name in actions.names(v) if actions.down(v, name)}
    return f"{shown(action)} is not an action of OCPP {', '.join(OCPP_VERSIONS)}{did_you_mean(action, down)}"


def _part_problem(action: str, part: str, rows: Iterable[actions.Down]) -> str | None:
    """What is wrong with the part of an action that a permission names behind the colon."""
    qualifiers = [row.qualifier for row in rows if row.qualifier]
    if not qualifiers:
        return f"{action} is permitted as a whole; leave out what is behind it"
    what = qualifiers[-1].what
    if not part or "*" in part[:-1]:
        return f"behind {action}: stands one {what}, or the beginning of some and *"
    return _value_problem(part, what, qualifiers)


def _value_problem(part: str, what: str, qualifiers: Iterable[actions.Qualifier]) -> str | None:
    known = list(dict.fromkeys(value for qualifier in qualifiers for value in qualifier.known))
    if known and not any(_is_meant(part, value) for value in known):
        return f"{shown(part)} is not a {what} ({', '.join(known)}){did_you_mean(part, known)}"
    if any(q.is_number for q in qualifiers) and not (part.isdecimal() or part == "*"):
        return f"{shown(part)} is not a number; expected the number of one ({what})"
    if any(len(q.paths) > 1 for q in qualifiers) and not part.endswith("*") and "." not in part:
        return f"{shown(part)} is not a {what}, as in OCPPCommCtrlr.HeartbeatInterval"
    return None


def _is_meant(part: str, value: str) -> bool:
    part, value = part.casefold(), value.casefold()
    return value.startswith(part[:-1]) if part.endswith("*") else part == value
