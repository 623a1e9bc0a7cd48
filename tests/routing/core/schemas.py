"""The JSON schemas of the ``ocpp`` package as a judge of frames, fast enough for thousands of runs."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import fastjsonschema
import ocpp

FOLDERS = {"1.6": "v16", "2.0.1": "v201", "2.1": "v21"}

Judge = Callable[[Any], Any]


@cache
def _judge(version: str, action: str, kind: str) -> Judge:
    """Compiled once per process. Raises LookupError where the version has no such action."""
    folder = Path(ocpp.__file__).parent / FOLDERS[version] / "schemas"
    names = [f"{action}Response"] if kind == "answer" else [f"{action}Request", action]
    for name in names:
        path = folder / f"{name}.json"
        if path.exists():
            compiled: Judge = fastjsonschema.compile(
                json.loads(path.read_text("utf-8-sig")), use_formats=False
            )
            return compiled
    raise LookupError(f"OCPP {version} has no {kind} {action}")


def judge(version: str, text: str, action: str = "") -> None:
    """Judge one frame: a CALL or SEND by itself, a CALLRESULT as the answer to ``action``.

    Raises AssertionError with the frame and what is wrong with it. CALLERRORs have no schema.
    """
    frame = json.loads(text)
    try:
        if frame[0] in (2, 6):
            _judge(version, frame[2], "request")(frame[3])
        elif frame[0] == 3 and action:
            _judge(version, action, "answer")(frame[2])
        elif frame[0] == 4:
            assert len(frame) == 5
            assert isinstance(frame[4], dict)
            assert len(frame[3]) <= 255
    except (fastjsonschema.JsonSchemaValueException, LookupError, AssertionError) as error:
        raise AssertionError(f"OCPP {version}, {action or 'CALL'}: {error}: {text[:1000]}") from error
