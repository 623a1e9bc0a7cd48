"""``manage.py apply FILE``: the configuration of a YAML file into the database."""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from accounts.acting import Via, acting, system_user
from proxy_site.configuration.applying import apply
from proxy_site.configuration.document import Refused


class Command(BaseCommand):
    help = "Apply a configuration file (docs/configuration.md): once or often, in one transaction."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", metavar="FILE", help="a YAML file, - for standard input")
        parser.add_argument("--prune", action="store_true", help="remove what the file does not name")
        parser.add_argument("--dry-run", action="store_true", help="say what would change, write nothing")

    def handle(self, *, file: str, prune: bool, dry_run: bool, **options: Any) -> None:
        name, content = _read(file)
        try:
            with acting(via=Via.APPLY, actor_name=f"{system_user()} ({name})"):
                changes = apply(name, content, prune=prune, dry_run=dry_run)
        except Refused as refused:
            count = len(refused.faults)
            problems = "1 error" if count == 1 else f"{count} errors"
            raise CommandError(f"{problems} in {name}, nothing was changed\n{refused}") from None
        for change in changes:
            self.stdout.write(f"would {change}" if dry_run else change)
        self.stdout.write(_summary(len(changes), dry_run=dry_run))


def _read(file: str) -> tuple[str, bytes]:
    if file == "-":
        return "stdin", sys.stdin.buffer.read()
    try:
        return file, Path(file).read_bytes()
    except OSError as error:
        raise CommandError(
            f"{file} can't be read: {error.strerror}; name a YAML file, or - for stdin"
        ) from None


def _summary(count: int, *, dry_run: bool) -> str:
    if not count:
        return "no changes"
    changes = "1 change" if count == 1 else f"{count} changes"
    return f"{changes}, none written (dry run)" if dry_run else changes
