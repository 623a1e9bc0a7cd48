"""What ``benchmarks.pages`` measures, once Django is set up: the lists of an admin that it fills."""

from __future__ import annotations

import sys
from collections.abc import Iterator

from django.contrib import admin
from django.core.management import call_command
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.models import User
from benchmarks import stock
from benchmarks.reads import HEAD, Result, measured
from routing import snapshots

MOST_MS = 300.0
"""What is promised: the median of each page."""

CHARGERS = "/admin/chargers/charger/"
PAGE = 50


def pages(client: Client, chargers: int) -> Iterator[tuple[str, str]]:
    """What each page is, and its address: all that this person may see."""
    client.get("/admin/")  # templates are read
    yield "dashboard", "/admin/"
    yield "chargers, a late page", f"{CHARGERS}?p={max(1, chargers // PAGE)}"
    yield "chargers, part of a name", f"{CHARGERS}?q=47"
    yield "chargers, sorted by another column", f"{CHARGERS}?o=2"
    for model in sorted(admin.site._registry, key=lambda model: model._meta.label_lower):
        address = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")
        if client.get(address).status_code == 200:
            yield f"list of {model._meta.verbose_name_plural}", address


def seen_by(user: User, chargers: int, times: int) -> list[Result]:
    """Every page that this person may see, measured."""
    client = Client()
    client.force_login(user)
    print(f"\n### {stock.place()}, {user}\n\n{HEAD}", flush=True)
    results = []
    for what, address in pages(client, chargers):
        results.append(measured(client, what, [address], times))
        print(results[-1].line(), flush=True)
    return results


def here(chargers: int, times: int) -> bool:
    """Measure on the database of the settings, which is empty; whether the promise is kept."""
    call_command("migrate", verbosity=0)
    fleet = stock.fleet(chargers, chargers // 10)
    stock.furnish(fleet)
    snapshots.take(timezone.now())
    stock.analyse()
    root = User.objects.create_superuser("root")
    results = [result for user in (root, fleet.installer) for result in seen_by(user, chargers, times)]
    return max(result.median for result in results) <= MOST_MS


def main() -> None:
    """Arguments: chargers, and how often each page is read. Exit code 1: a page is too slow."""
    sys.exit(0 if here(*map(int, sys.argv[1:3])) else 1)
