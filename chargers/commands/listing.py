"""What became of commands, as lines of a page."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any, NamedTuple

from django.urls import reverse

from routing.commands.presenting import BADGES, TONES, name_of, took, who
from routing.commands.telling import answer_text, as_curl, payload_text
from routing.models import Command, Upload

MOST = 20


class Line(NamedTuple):
    """A command as a page shows it. ``upload``: the address of the file that it has brought, or ""."""

    key: str
    name: str
    action: str
    tone: str
    badge: str
    sentence: str
    at: Any
    who: str
    took: str
    request: str
    answer: str
    curl: str
    json: str
    log: str
    upload: str
    is_open: bool


def lines(commands: Iterable[Command], charger: Any, site: str, *, cards: bool) -> list[Line]:
    """Lines for commands of one charger. ``cards``: whether whole numbers of cards are shown."""
    rows = list(commands)
    files = _files(rows)
    return [_line(command, charger, site, files.get(command.pk, ""), cards=cards) for command in rows]


def _line(command: Command, charger: Any, site: str, upload: str, *, cards: bool) -> Line:
    request, answer = payload_text(command, sees_cards=cards), answer_text(command, sees_cards=cards)
    payload = json.loads(request)
    told = {
        "action": command.action,
        "payload": payload,
        "state": command.state,
        "words": command.words,
        "answer": json.loads(answer) if answer else None,
        "sent_at": _time(command.sent_at),
        "finished_at": _time(command.finished_at),
    }
    return Line(
        key=str(command.uuid),
        name=name_of(command),
        action=command.action,
        tone=TONES[command.state],
        badge=str(BADGES[command.state]),
        sentence=command.sentence,
        at=command.created_at,
        who=who(command),
        took=took(command),
        request=request,
        answer=answer,
        curl=as_curl(site, charger, command.action, payload),
        json=json.dumps(told, indent=2, ensure_ascii=False),
        log=_log(command),
        upload=upload,
        is_open=not command.is_finished,
    )


def _time(moment: Any) -> str | None:
    return None if moment is None else moment.isoformat()


def _log(command: Command) -> str:
    """Where the log has it, "" where nothing was sent."""
    if command.exchange is None:
        return ""
    return reverse("admin:routing_message_exchange", args=[command.charger_id, command.exchange])


def _files(commands: list[Command]) -> dict[int, str]:
    found = Upload.objects.filter(command__in=[command.pk for command in commands]).exclude(received_at=None)
    pages = found.values_list("command_id", "pk")
    return {key: reverse("admin:routing_upload_change", args=[pk]) for key, pk in pages if key is not None}


class Sum(NamedTuple):
    """How many of many commands are in a state."""

    badge: str
    tone: str
    number: int


def sums(commands: Iterable[Command]) -> list[Sum]:
    """How many are in each state, in the order of the states."""
    states = [command.state for command in commands]
    counts = ((state, states.count(state)) for state in Command.State.values)
    return [Sum(str(BADGES[state]), TONES[state], count) for state, count in counts if count]
