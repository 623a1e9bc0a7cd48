"""Brings the files of the languages up to date with the code: what is new gets an empty translation."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandParser

from proxy_site.translating import catalogue, extracting


class Command(BaseCommand):
    help = "Collects what is to be translated into locale/<language>, and compiles it; says what is missing."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("languages", nargs="*", help="those of the settings, if none is named")

    def handle(self, *args: Any, **options: Any) -> None:
        wanted = extracting.wanted()
        named = options["languages"] or [code for code, _ in settings.LANGUAGES if code != "en"]
        for language in named:
            entries = refresh(Path(settings.BASE_DIR) / "locale", language, wanted)
            wrong = [fault for entry in entries for fault in catalogue.faults(entry)]
            for fault in wrong:
                self.stdout.write(f"{language}: {fault}")
            self.stdout.write(f"{language}: {len(entries)} texts, {len(wrong)} of them wanting.")


def refresh(root: Path, language: str, wanted: list[catalogue.Entry]) -> list[catalogue.Entry]:
    """Write both files of a language; what is in them."""
    folder = root / language / "LC_MESSAGES"
    folder.mkdir(parents=True, exist_ok=True)
    po = folder / "django.po"
    known = catalogue.read(po.read_text(encoding="utf-8")) if po.exists() else {}
    entries = catalogue.merged(wanted, known)
    po.write_text(catalogue.write(language, entries), encoding="utf-8")
    po.with_suffix(".mo").write_bytes(catalogue.compiled(language, entries))
    return entries
