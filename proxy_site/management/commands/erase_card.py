"""``manage.py erase_card NUMBER``: one person's card out of everything that is kept."""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from accounts.models import Organisation
from routing import erasing


class Command(BaseCommand):
    help = "Take a person's card out of everything that is kept (docs/operators.md)."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("number", metavar="NUMBER", help="of the card, - to read it from standard input")
        parser.add_argument("--organisation", metavar="NAME", help="only at chargers of this organisation")
        parser.add_argument("--dry-run", action="store_true", help="only count, change nothing")

    def handle(self, *, number: str, organisation: str | None, dry_run: bool, **options: Any) -> None:
        number = sys.stdin.readline() if number == "-" else number
        whose = None if organisation is None else _named(organisation)
        try:
            done = erasing.erase(number, None if whose is None else [whose.pk], dry_run=dry_run)
        except (ValueError, erasing.StillSpooled) as problem:
            raise CommandError(str(problem)) from None
        if not dry_run:
            erasing.note(done, whose)
        self.stdout.write(f"would be erased: {done}" if dry_run else f"erased: {done}")
        if not done.is_all and not dry_run:
            self.stdout.write("repeat this when those are over (docs/operators.md, Erasing a person's card)")


def _named(organisation: str) -> Organisation:
    found = Organisation.objects.filter(name=organisation).first()
    if found is None:
        raise CommandError(f'"{organisation[:100]}" is no organisation; expected the name of one')
    return found
