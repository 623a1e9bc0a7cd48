"""``manage.py export``: the configuration as YAML that ``apply`` takes, without secrets."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand

from proxy_site.configuration.exporting import export


class Command(BaseCommand):
    help = "Print the configuration as a file for apply (docs/configuration.md). Passwords are left out."

    def handle(self, **options: Any) -> None:
        self.stdout.write(export(), ending="")
