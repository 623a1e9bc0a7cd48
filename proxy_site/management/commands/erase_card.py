"""``manage.py erase_card NUMBER``: one person's card out of everything that is kept."""

from __future__ import annotations

import getpass
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
        try:
            done = erasing.erase(number, _within(organisation), dry_run=dry_run)
        except (ValueError, erasing.StillSpooled) as problem:
            raise CommandError(str(problem)) from None
        if not dry_run:
            where = "everywhere" if organisation is None else f"at {organisation}"
            erasing.note(done, f"manage.py of {getpass.getuser()}", where)
        self.stdout.write(f"would be erased: {done}" if dry_run else f"erased: {done}")
        if not done.is_all and not dry_run:
            self.stdout.write("repeat this when those are over (docs/operators.md, Erasing a person's card)")


def _within(organisation: str | None) -> list[int] | None:
    if organisation is None:
        return None
    keys = list(Organisation.objects.filter(name=organisation).values_list("pk", flat=True))
    if not keys:
        raise CommandError(f'"{organisation[:100]}" is no organisation; expected the name of one')
    return keys
