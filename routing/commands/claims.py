"""The rows of commands as the processes that hold sessions see them: claimed, sent, ended. Plain ORM.

A conditional UPDATE decides who sends a command, and how it ends: both happen once, whoever dies meanwhile.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from contextlib import suppress
from datetime import datetime
from functools import partial
from typing import Any

import msgspec
from django.db import transaction
from django.db.models import F, Q
from django.utils import timezone

from routing.commands import results, service
from routing.core import redaction
from routing.core.commands import Command as ToSend
from routing.core.decisions import CommandEnded, CommandSent
from routing.fields import Unreadable
from routing.models import Command, CommandQuerySet
from routing.tables import storable

logger = logging.getLogger(__name__)

AT_ONCE = 50
"""Commands of one charger that are claimed together; more of them wait for the next look."""

State = Command.State

GIVEN_UP = frozenset({State.TIMED_OUT, State.OFFLINE})
"""States after which the commands behind one are not sent any more."""


def _due(now: datetime) -> CommandQuerySet:
    """Commands that nobody has taken, and that may go now."""
    ready = Q(after=None) | ~Q(after__state__in=Command.UNFINISHED)
    return Command.objects.filter(ready, state=State.QUEUED, claimed_by="", not_before__lte=now)


def waiting_at(runtime: str) -> list[int]:
    """Chargers (primary keys) whose sessions are this process's, and that a command waits for."""
    due = _due(timezone.now()).filter(charger__session__runtime=runtime, charger__session__online=True)
    return list(due.order_by().values_list("charger", flat=True).distinct())


def claim(charger: int, runtime: str) -> list[ToSend]:
    """Take what waits for a charger, in the order it was asked for: from now on this process sends it."""
    taken = []
    for command in (
        _due(timezone.now()).filter(charger=charger).select_related("charger").order_by("pk")[:AT_ONCE]
    ):
        deadline = timezone.now() + service.patience(command.charger)
        mine = Command.objects.filter(pk=command.pk, state=State.QUEUED, claimed_by="")
        if mine.update(claimed_by=runtime, deadline=deadline) and (ready := _opened(command)) is not None:
            taken.append(ready)
    return taken


def _opened(command: Command) -> ToSend | None:
    """What is to be sent; what can't be read any more has failed."""
    try:
        payload = command.sealed
    except Unreadable as error:
        _finish(command, State.FAILED, str(error))
        return None
    return ToSend(
        id=str(command.uuid),
        action=command.action,
        payload=(payload or b"{}").decode(),
        by=service.by(command),
        dangerous=command.command_class == "dangerous",
    )


# -- what becomes of it --------------------------------------------------------------------------------


def note(told: Iterable[CommandSent | CommandEnded]) -> list[int]:
    """Write down what sessions have told, in order; chargers for which a command may go now."""
    free = []
    for one in told:
        command = Command.objects.select_related("charger").filter(uuid=one.id).first()
        if command is None:
            continue  # its charger is gone
        if isinstance(one, CommandSent):
            _sent(command, one)
        elif one.late:
            _answered_late(command, one)
        elif _ended(command, one):
            free.append(command.charger_id)
    return free


def _sent(command: Command, told: CommandSent) -> None:
    Command.objects.filter(pk=command.pk, state=State.QUEUED).update(
        state=State.SENT, sent_at=timezone.now(), exchange=told.exchange
    )


def _ended(command: Command, told: CommandEnded) -> bool:
    was_sent = command.sent_at is not None
    if told.outcome == "lost" and not was_sent:
        return _not_there(command)
    state, words, answer = _result(command, told)
    return _finish(command, state, words, answer=answer, code=told.code)


def _not_there(command: Command) -> bool:
    """The charger had left before it was asked: what may wait for it waits on."""
    now = timezone.now()
    if command.valid_until is not None and command.valid_until > now:
        again = Command.objects.filter(pk=command.pk, state=State.QUEUED)
        again.update(claimed_by="", deadline=F("valid_until"))
        return False
    return _finish(command, State.OFFLINE, "")


def _answered_late(command: Command, told: CommandEnded) -> None:
    """It ended as timed out and does so still; what the charger has said after all stands beside it."""
    state, words, answer = _result(command, told)
    label = str(State(state).label)
    text = f"answered late: {label}" + (f" ({words})" if words else "")
    Command.objects.filter(pk=command.pk).update(late=True, answer=answer, words=storable(text)[:255])


def _result(command: Command, told: CommandEnded) -> tuple[str, str, dict[str, Any] | None]:
    """The state in which it ends, words and the answer, as those see them who see the command."""
    hide = partial(redaction.quoted, command.action, _asked(command))
    answer = None if told.payload is None else _shown(command, told.payload, hide)
    words = hide(told.words) if told.outcome == "error" else told.words
    return *results.of_end(command.action, told.outcome, answer, told.code, words), answer


def _asked(command: Command) -> str:
    """The payload as it was sent; of a command that has ended already, or can't be read, as it is kept."""
    with suppress(Unreadable):
        if command.sealed is not None:
            return command.sealed.decode()
    return msgspec.json.encode(command.payload).decode()


def _shown(command: Command, payload: str, hide: Callable[[str], str]) -> dict[str, Any]:
    """An answer without the values of secrets, and with ``hide`` done to what it says in words of its own."""
    frame = redaction.told(command.action, f'[3,"-",{payload}]')
    try:
        found = msgspec.json.decode(frame)[2]
    except (msgspec.DecodeError, IndexError):
        return {}
    return _said(found, hide) if isinstance(found, dict) else {}


def _said(value: Any, hide: Callable[[str], str]) -> Any:
    if isinstance(value, list):
        return [_said(one, hide) for one in value]
    if isinstance(value, dict):
        own = value.get("additionalInfo")
        value = {**value, "additionalInfo": hide(own)} if isinstance(own, str) else value
        return {storable(name): _said(one, hide) for name, one in value.items()}
    return storable(value) if isinstance(value, str) else value


def _finish(command: Command, state: str, words: str, *, answer: Any = None, code: str = "") -> bool:
    """End a command, and with it what waits behind one that came to nothing. False: it had ended."""
    with transaction.atomic():
        done = (
            Command.objects.unfinished()
            .filter(pk=command.pk)
            .update(
                state=state,
                words=storable(words)[:255],
                answer=answer,
                error_code=storable(code)[:64],
                finished_at=timezone.now(),
                sealed=None,
            )
        )
        if done and state in GIVEN_UP:
            _give_up_behind([command.pk])
    return bool(done)


def _give_up_behind(keys: list[int]) -> None:
    """Commands that were to follow one of which nobody knows what became."""
    while keys:
        behind = Command.objects.unfinished().filter(after__in=keys)
        keys = list(behind.values_list("pk", flat=True))
        words = "not sent: the one before it was not answered"
        Command.objects.unfinished().filter(pk__in=keys).update(
            state=State.FAILED, words=words, finished_at=timezone.now(), sealed=None
        )


def end_overdue() -> int:
    """End what nobody will tell the end of any more: its process is gone, or its charger never came.

    What was taken by a process may have been done; of the rest it is certain that it was not.
    """
    now, count = timezone.now(), 0
    for command in Command.objects.unfinished().filter(deadline__lt=now).order_by("pk")[:AT_ONCE]:
        if command.claimed_by or command.state == State.SENT:
            count += _finish(command, State.TIMED_OUT, results.TIMEOUT_WORDS)
        else:
            count += _finish(command, State.OFFLINE, "")
    return count
