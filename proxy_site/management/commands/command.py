"""``manage.py command CHARGER VERB [ARGUMENTS]``: ask a charger something, as the admin and the API do."""

from __future__ import annotations

import json
import sys
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from accounts.acting import system_user
from accounts.models import User
from chargers.models import Charger
from routing.commands import service
from routing.models import Command as Row


class Command(BaseCommand):
    help = "Ask a charger something, and say what it has answered (docs/commands.md)."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("charger", help="its identity; - reads lines CHARGER VERB [ARGUMENTS] from input")
        parser.add_argument("verb", nargs="?", help="such as limit, or an action of OCPP such as Reset")
        parser.add_argument("arguments", nargs="?", default="{}", help="as JSON")
        parser.add_argument(
            "--user", metavar="NAME", help="whose rights count; without: everything is allowed"
        )
        parser.add_argument(
            "--wait", type=float, default=75, help="seconds to wait for the end (%(default)s)"
        )
        parser.add_argument("--dangerous", action="store_true", help="it may change how the charger connects")

    def handle(self, *, charger: str, verb: str | None, arguments: str, **options: Any) -> None:
        user = _named(options["user"])
        if charger == "-":
            for line in sys.stdin:
                self._each(user, line, options)
        elif verb is None:
            raise CommandError("say what to ask it: manage.py command CHARGER VERB [ARGUMENTS]")
        else:
            command = _ask(user, charger, verb, arguments, options)
            self.stdout.write(_told(command))

    def _each(self, user: User | None, line: str, options: dict[str, Any]) -> None:
        """One command of many: what is wrong with it is told in its place, and the next one is read."""
        charger, verb, *rest = [*line.strip().split(" ", 2), ""][:3]
        try:
            told = _told(_ask(user, charger, verb, "".join(rest) or "{}", options))
        except CommandError as error:
            told = json.dumps({"error": str(error)})
        self.stdout.write(told)
        self.stdout.flush()


def _named(name: str | None) -> User | None:
    user = None if name is None else User.objects.filter(username=name).first()
    if name is not None and user is None:
        raise CommandError(f'"{name[:100]}" is no user')
    return user


def _ask(user: User | None, identity: str, verb: str, arguments: str, options: dict[str, Any]) -> Row:
    charger = Charger.objects.filter(identity=identity).first()
    if charger is None:
        raise CommandError(f'"{identity[:100]}" is no charger')
    try:
        command = service.submit(
            user,
            charger,
            verb,
            _read(arguments),
            via="command",
            actor_name=system_user(),
            dangerous=options["dangerous"],
        )
    except service.CommandError as error:
        raise CommandError(str(error)) from None
    return service.wait(command, options["wait"])


def _read(arguments: str) -> dict[str, Any]:
    """Arguments as a mapping. Raises CommandError, which does not show them: one may be a password."""
    try:
        given, wrong = json.loads(arguments), "they are something else"
    except (json.JSONDecodeError, RecursionError) as error:
        given, wrong = None, f"they are not JSON: {error}"
    if not isinstance(given, dict):
        raise CommandError(f'the arguments: expected an object, such as {{"type": "Soft"}}; {wrong}')
    return given


def _told(command: Row) -> str:
    """The command as one line of JSON."""
    return json.dumps(
        {
            "uuid": str(command.uuid),
            "action": command.action,
            "state": command.state,
            "words": command.words,
            "answer": command.answer,
        }
    )
