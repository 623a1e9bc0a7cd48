"""Brings known operators of the repository's list into the database."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from accounts.acting import Via, acting
from backoffices import catalogue
from backoffices.models import CatalogueEntry


class Command(BaseCommand):
    help = "Add known operators of the repository's list that are missing; yours stay as they are."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--anew", action="store_true", help="set those that are there as the list says, too"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        with acting(via=Via.COMMAND):
            added, changed = catalogue.load(CatalogueEntry, anew=options["anew"])
        self.stdout.write(f"{added} known operators added, {changed} changed.")
