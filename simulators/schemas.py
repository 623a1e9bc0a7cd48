"""The JSON schemas of the ``ocpp`` package as a judge of single payloads."""

from __future__ import annotations

import decimal
import json
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import ocpp
from jsonschema import Draft4Validator

_FOLDERS = {"1.6": "v16", "2.0.1": "v201", "2.1": "v21"}


class Problem(NamedTuple):
    """What is wrong with a payload. ``rule``: the schema's keyword ("required", "type" ...), or "action"."""

    rule: str
    sentence: str


def problems(ocpp_version: str, action: str, payload: Any, *, answer: bool = False) -> list[Problem]:
    """What the schema of this action finds wrong with a payload, nothing where it is right.

    An action without a schema in this version is one problem.
    """
    validator = _validator(ocpp_version, action, answer)
    kind = f"{action} {'answer' if answer else 'call'} of {ocpp_version}"
    if validator is None:
        return [Problem("action", f"{kind}: no such action in the schemas")]
    exact = json.loads(json.dumps(payload), parse_float=decimal.Decimal)
    return [
        Problem(str(error.validator), f"{kind}: {error.message[:200]} at {_path(error.absolute_path)}")
        for error in validator.iter_errors(exact)
    ]


def _path(parts: Iterable[str | int]) -> str:
    return "$" + "".join(f".{part}" for part in parts)


def is_known(ocpp_version: str, action: str) -> bool:
    """Whether this version has such an action."""
    return _validator(ocpp_version, action, False) is not None


@cache
def _validator(ocpp_version: str, action: str, answer: bool) -> Draft4Validator | None:
    # Read here and not through the package: it appends "Request" to NotifyPeriodicEventStream and
    # finds nothing. Numbers are Decimals on both sides, since as floats 21.4 is no multiple of 0.1.
    if not action.isalnum() or action.endswith(("Request", "Response")):
        return None
    folder = Path(ocpp.__file__).parent / _FOLDERS[ocpp_version] / "schemas"
    endings = ["Response"] if answer else ["Request", ""]
    for path in (folder / f"{action}{ending}.json" for ending in endings):
        if path.exists():
            return Draft4Validator(json.loads(path.read_text("utf-8-sig"), parse_float=decimal.Decimal))
    return None
