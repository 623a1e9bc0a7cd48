"""A command as a program would give it: for "copy as curl"."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from typing import Any


def as_curl(site: str, charger: Any, verb: str, arguments: Mapping[str, Any]) -> str:
    """The same command to the REST API, with ``$TOKEN`` for a token of whoever pastes it.

    ``site``: such as ``https://proxy.example.org``. ``verb``: a friendly one, or an action with its payload.
    """
    body = json.dumps({"action": verb, "payload": dict(arguments)}, default=str, ensure_ascii=False)
    address = f"{site.rstrip('/')}/api/v1/chargers/{charger.uuid}/commands"
    parts = [
        "curl -X POST",
        shlex.quote(address),
        '-H "Authorization: Bearer $TOKEN"',
        "-H 'Content-Type: application/json'",
        f"-d {shlex.quote(body)}",
    ]
    return " ".join(parts)
