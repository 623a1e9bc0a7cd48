"""A command as people see it, and as a program would give it ("copy as curl")."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from typing import Any

from routing.core import masking
from routing.models import Command


def as_curl(site: str, charger: Any, verb: str, arguments: Mapping[str, Any]) -> str:
    """The same command to the REST API, with ``$TOKEN`` for a token of whoever pastes it.

    ``site``: such as ``https://proxy.example.org``. ``verb``: a friendly one, or an action with its payload.
    """
    body = json.dumps({"action": verb, "payload": dict(arguments)}, default=str, ensure_ascii=False)
    address = f"{site.rstrip('/')}/api/v1/chargers/{charger.uuid}/commands/"
    parts = [
        "curl -X POST",
        shlex.quote(address),
        '-H "Authorization: Bearer $TOKEN"',
        "-H 'Content-Type: application/json'",
        f"-d {shlex.quote(body)}",
    ]
    return " ".join(parts)


def payload_text(command: Command, *, sees_cards: bool) -> str:
    """What was sent, as indented JSON for people; numbers of cards masked for who may not see them."""
    return _text(command.payload, sees_cards=sees_cards)


def answer_text(command: Command, *, sees_cards: bool) -> str:
    """What the charger has answered, likewise; "" where nothing came."""
    return "" if command.answer is None else _text(command.answer, sees_cards=sees_cards)


def _text(value: Any, *, sees_cards: bool) -> str:
    plain = json.dumps(value, ensure_ascii=False)
    shown = plain if sees_cards else masking.frame(plain)
    return json.dumps(json.loads(shown), indent=2, ensure_ascii=False)
