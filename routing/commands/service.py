"""Giving commands: the one way for the admin, the API, tasks and many chargers at once.

``submit`` stores a command, then wakes the process that holds the charger's session (``waking``); what
becomes of it is written to its row (``claims``). Who may is asked here, with ``commandable_by``.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID, uuid4

import msgspec
from django.apps import apps
from django.db import IntegrityError, transaction
from django.utils import timezone

from accounts.acting import acting, current
from accounts.deeds import did
from accounts.models import User
from routing.commands import schemas, waking
from routing.commands.arguments import BadArguments
from routing.commands.building import Facts, Running
from routing.commands.classes import CommandClass, class_of
from routing.commands.verbs import VERBS, Verb
from routing.core import redaction
from routing.core.options import ChargerOptions, OptionError, charger_options
from routing.fields import Unreadable
from routing.models import ChargerSession, Command, Skipped, Transaction

log = logging.getLogger(__name__)

MARGIN = timedelta(seconds=5)
"""Behind the charger's own deadlines: then nobody is there any more who would tell how a command ended."""

POLL_S = 0.1

NEWS = ("state", "words", "error_code", "answer", "late", "sent_at", "finished_at", "exchange")
"""The columns in which it is written what has become of a command."""


class CommandError(Exception):
    """A command that is not given; the message is a sentence for whoever gave it."""


class NoSuchCharger(CommandError):
    """The charger is not there, or not for this user to know of."""


class Forbidden(CommandError):
    """The user sees the charger, and may not give commands of this class."""


class Invalid(CommandError):
    """The arguments or the payload don't fit. ``problems``: a sentence each."""

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("; ".join(problems))
        self.problems = list(problems)


class KeyReused(CommandError):
    """The idempotency key was used before, for another command."""


@dataclass(frozen=True)
class Wish:
    """What is asked for. ``verb``: a name of ``VERBS``, or an action of OCPP with its payload as arguments.

    ``dangerous``: the raw action may change how the charger connects; it is then of that class.
    ``valid_until``: so long it waits for a charger that is away; None: it ends as offline at once.
    ``classes``: those that whoever asks may give at all, a token its scopes; None: all that the user may.
    """

    verb: str
    arguments: Mapping[str, Any] = field(default_factory=dict)
    dangerous: bool = False
    valid_until: datetime | None = None
    not_before: datetime | None = None
    group: UUID | None = None
    after: Command | None = None
    classes: Collection[str] | None = None


# -- giving one ----------------------------------------------------------------------------------------


def submit(
    user: User | None,
    charger: Any,
    verb: str,
    arguments: Mapping[str, Any] | None = None,
    *,
    via: str,
    actor_name: str = "",
    idempotency_key: str | None = None,
    dangerous: bool = False,
    valid_until: datetime | None = None,
    not_before: datetime | None = None,
    group: UUID | None = None,
    after: Command | None = None,
    classes: Collection[str] | None = None,
) -> Command:
    """Ask a charger something, and return at once with the command; ``wait`` returns when it has ended.

    ``verb``: one of ``VERBS`` with its arguments, or any action of the charger's OCPP version with its
    payload as ``arguments``. ``user`` None: the proxy itself (a task), named by ``actor_name``.
    The same ``idempotency_key`` of the same user again returns the command that it was used for.
    Raises NoSuchCharger, Forbidden, Invalid or KeyReused.
    """
    wish = Wish(verb, arguments or {}, dangerous, valid_until, not_before, group, after, classes)
    key = _stored_key(user, actor_name, idempotency_key)
    made = _made(user, charger, wish, key)
    if isinstance(made, tuple):
        command, sealed = made
        command.via, command.user = via, user
        command.actor_name = (actor_name if user is None else user.get_username())[:255]
        return _store(command, sealed, key)
    return made


def check(user: User | None, charger: Any, verb: str, arguments: Mapping[str, Any] | None = None) -> Command:
    """The command that ``submit`` would store, for a form that shows it first (and for "copy as curl").

    Raises what that raises.
    """
    made = _made(user, charger, Wish(verb, arguments or {}), None)
    return made[0] if isinstance(made, tuple) else made


def _made(user: User | None, charger: Any, wish: Wish, key: str | None) -> tuple[Command, bytes] | Command:
    """A new command with what is sent, or the one for which the key was used."""
    model = apps.get_model("chargers", "Charger")
    if user is not None and not model.objects.visible_to(user).filter(pk=charger.pk).exists():
        raise NoSuchCharger("there is no such charger")
    if key is not None and (known := Command.objects.filter(idempotency=key).first()) is not None:
        return _same(known, charger, wish)
    state = ChargerSession.objects.filter(pk=charger.pk).first()
    command, sealed, command_class = _prepared(charger, state, wish)
    if wish.classes is not None and command_class not in wish.classes:
        raise Forbidden(f'the token lacks the scope "commands:{command_class}" that this command needs')
    if user is not None and not _may(user, charger, command_class):
        raise Forbidden(f"your role does not give {command_class} commands to {charger}")
    _time(command, charger, state, wish)
    return command, sealed


def _same(known: Command, charger: Any, wish: Wish) -> Command:
    given = {known.verb, known.action}
    if known.charger_id != charger.pk or wish.verb not in given:
        raise KeyReused("this idempotency key was used for another command")
    return known


def _may(user: User, charger: Any, command_class: CommandClass) -> bool:
    rows = type(charger).objects.commandable_by(user, command_class)
    return bool(rows.filter(pk=charger.pk).exists())


def _stored_key(user: User | None, actor_name: str, key: str | None) -> str | None:
    if not key:
        return None
    if len(key) > 255:
        raise Invalid(["an idempotency key has at most 255 characters"])
    return f"{'' if user is None else user.pk}/{actor_name[:200] if user is None else ''}/{key}"


def _prepared(charger: Any, state: ChargerSession | None, wish: Wish) -> tuple[Command, bytes, CommandClass]:
    """The command in the charger's version of OCPP. Raises Invalid."""
    version = (state.ocpp_version if state is not None else "") or (charger.options or {}).get("pinned", "")
    if not version:
        raise Invalid(["this charger has never connected, so that nobody knows which OCPP it speaks"])
    verb = VERBS.get(wish.verb)
    if verb is not None:
        try:
            action, payload = verb.call(_facts(charger, version), wish.arguments)
        except BadArguments as error:
            raise Invalid([str(error)]) from None
    else:
        action, payload = wish.verb, dict(wish.arguments)
    if problems := schemas.problems(action, version, payload):
        raise Invalid(problems)
    command_class = _class(verb, action, payload, wish)
    text = msgspec.json.encode(payload).decode()
    command = Command(
        charger=charger,
        verb=verb.name if verb is not None else "",
        action=action,
        ocpp_version=version,
        payload=msgspec.json.decode(redaction.redacted(action, text)),
        command_class=command_class,
        group=wish.group,
        after=wish.after,
    )
    return command, text.encode(), command_class


def _class(verb: Verb | None, action: str, payload: Mapping[str, Any], wish: Wish) -> CommandClass:
    """A verb is of its own class, unless with these arguments it may take the charger away."""
    found = class_of(action, payload)
    if wish.dangerous or found is CommandClass.DANGEROUS or verb is None:
        return CommandClass.DANGEROUS if wish.dangerous else found
    return verb.command_class


def _facts(charger: Any, version: str) -> Facts:
    rows = Transaction.objects.filter(charger=charger, closed=None).exclude(charger_transaction_id=None)
    running = tuple(
        Running(str(row.pk), row.charger_transaction_id or "", row.evse_id, row.connector_id) for row in rows
    )
    return Facts(version, timezone.now(), uuid4().int % MOST_NUMBER + 1, running)


def _time(command: Command, charger: Any, state: ChargerSession | None, wish: Wish) -> None:
    """When it is due and by when it has ended; one for a charger that is away has ended now."""
    now = timezone.now()
    command.not_before = wish.not_before or now
    command.valid_until = wish.valid_until
    command.deadline = max(command.not_before + patience(charger), wish.valid_until or now)
    if wish.after is not None:
        command.deadline = max(command.deadline, wish.after.deadline + patience(charger))
    is_due = command.not_before <= now and wish.after is None
    if is_due and wish.valid_until is None and (state is None or not state.online):
        command.state, command.finished_at = Command.State.OFFLINE, now


def patience(charger: Any) -> timedelta:
    """How long a command may take from when it is due: to be sent, and to be answered."""
    try:
        options = charger_options(charger.options)
    except OptionError:
        options = ChargerOptions()
    return timedelta(seconds=options.T_cmd + options.T_cmd_queue) + MARGIN


def _store(command: Command, sealed: bytes, key: str | None) -> Command:
    """The row first, then the message: what is stored is found even if nobody hears of it."""
    if not command.is_finished:
        command.sealed = sealed
    command.idempotency = key
    try:
        with transaction.atomic():
            command.save()
            _tell(command)
    except IntegrityError:
        if key is None or (known := Command.objects.filter(idempotency=key).first()) is None:
            raise
        return known
    if not command.is_finished and command.after_id is None:
        transaction.on_commit(partial(waking.wake, command.charger_id))
    return command


def _tell(command: Command) -> None:
    """A deed of whoever asks."""
    name = command.verb or command.action
    words = f"Asked {command.charger} for {name}."
    details = {"command": str(command.uuid), "action": command.action, "class": command.command_class}
    with acting(command.user, actor_name=command.actor_name or None, via=_via(command.via)):
        did(command.charger, words, details=details)


def _via(via: str) -> str | None:
    """None where whoever acts now came that way already: its address stays known."""
    return None if current().via == via else via


def by(command: Command) -> str:
    """Who asks, in words, for the log."""
    return f"asked by {command.actor_name or 'the proxy'} through {_WAYS.get(command.via, command.via)}"


_WAYS = {"admin": "the admin", "api": "the API", "task": "a task", "command": "a command line"}

MOST_NUMBER = 2**31 - 2


# -- many ----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Bulk:
    """Commands that were given together. ``skipped``: chargers (primary keys) not asked, with the reason.

    The reason is ``skipped_forbidden`` where the user may not (or may not know of it), else a sentence.
    """

    group: UUID
    commands: list[Command]
    skipped: dict[Any, str]


SKIPPED_FORBIDDEN = "skipped_forbidden"


def submit_many(
    user: User | None,
    chargers: Iterable[Any],
    verb: str,
    arguments: Mapping[str, Any] | None = None,
    *,
    via: str,
    actor_name: str = "",
    idempotency_key: str | None = None,
    dangerous: bool = False,
    valid_until: datetime | None = None,
    wave_size: int = 0,
    pause_s: float = 0.0,
    classes: Collection[str] | None = None,
    missing: Iterable[UUID] = (),
) -> Bulk:
    """Ask many chargers the same: ``wave_size`` of them at once (0: all), more ``pause_s`` seconds later.

    Each command ends on its own: ``Command.objects.visible_to(user).in_group(bulk.group)``.
    ``missing``: what the user has named besides, and may not know of; ``skipped_of`` tells of it later.
    """
    chargers = list(chargers)
    group, now = uuid4(), timezone.now()
    bulk = Bulk(group, [], {})
    for charger in chargers:
        wave = len(bulk.commands) // wave_size if wave_size > 0 else 0
        try:
            command = submit(
                user,
                charger,
                verb,
                arguments,
                via=via,
                actor_name=actor_name,
                idempotency_key=f"{idempotency_key}/{charger.pk}" if idempotency_key else None,
                dangerous=dangerous,
                valid_until=valid_until,
                not_before=now + timedelta(seconds=wave * pause_s) if wave else None,
                group=group,
                classes=classes,
            )
        except (NoSuchCharger, Forbidden):
            bulk.skipped[charger.pk] = SKIPPED_FORBIDDEN
        except CommandError as error:
            bulk.skipped[charger.pk] = str(error)
        else:
            bulk.commands.append(command)
    known = next((command.group for command in bulk.commands if command.group is not None), group)
    if user is not None:
        skipped = {
            charger.uuid: bulk.skipped[charger.pk] for charger in chargers if charger.pk in bulk.skipped
        }
        _note_skipped(user, known, dict.fromkeys(missing, SKIPPED_FORBIDDEN) | skipped)
    return replace(bulk, group=known)


SKIPPED_KEPT = timedelta(days=30)


def _note_skipped(user: User, group: UUID, skipped: Mapping[UUID, str]) -> None:
    now = timezone.now()
    Skipped.objects.filter(at__lt=now - SKIPPED_KEPT).delete()
    if skipped:
        reasons = msgspec.json.encode(skipped)
        Skipped.objects.update_or_create(group=group, defaults={"user": user, "at": now, "reasons": reasons})


def skipped_of(user: User, group: UUID) -> dict[UUID, str]:
    """Why chargers (by UUID) were not asked, of commands that this user has given together; for a month."""
    row = Skipped.objects.visible_to(user).filter(group=group).first()
    try:
        reasons = row.reasons if row is not None else None
    except Unreadable as error:
        log.error("who was not asked with the commands %s can't be told: %s", group, error)
        reasons = None
    return msgspec.json.decode(reasons or b"{}", type=dict[UUID, str])


# -- waiting -------------------------------------------------------------------------------------------


def wait(
    command: Command, seconds: float, poll_s: float = POLL_S, between: Callable[[], None] | None = None
) -> Command:
    """The command when it has ended, or as it is after so many seconds. Blocks: not for the event loop.

    ``between`` is called each time before it waits a little more.
    """
    until = time.monotonic() + seconds
    while not command.is_finished and (left := until - time.monotonic()) > 0:
        if between is not None:
            between()
        time.sleep(min(poll_s, left))
        command.refresh_from_db(fields=NEWS)
    return command
