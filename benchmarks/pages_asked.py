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


def pages(client: Client, chargers: int, only: str) -> Iterator[tuple[str, str]]:
    """What each page is, and its address: all that this person may see; with ``only`` in what it is."""
    client.get("/admin/")  # templates are read
    found = {
        "dashboard": "/admin/",
        "chargers, a late page": f"{CHARGERS}?p={max(1, chargers // PAGE)}",
        "chargers, part of a name": f"{CHARGERS}?q=47",
        "chargers, sorted by another column": f"{CHARGERS}?o=2",
    }
    for model in sorted(admin.site._registry, key=lambda model: model._meta.label_lower):
        address = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")
        found[f"list of {model._meta.verbose_name_plural}"] = address
    for what, address in found.items():
        if only in what and client.get(address).status_code == 200:
            yield what, address


def seen_by(user: User, chargers: int, times: int, only: str) -> list[Result]:
    """Every page that this person may see, measured."""
    client = Client()
    client.force_login(user)
    print(f"\n### {stock.place()}, {user}\n\n{HEAD}", flush=True)
    results = []
    for what, address in pages(client, chargers, only):
        results.append(measured(client, what, [address], times))
        print(results[-1].line(), flush=True)
    return results


def here(chargers: int, times: int, only: str) -> bool:
    """Measure on the database of the settings, which is empty; whether the promise is kept."""
    call_command("migrate", verbosity=0)
    fleet = stock.fleet(chargers, chargers // 10)
    stock.furnish(fleet)
    snapshots.take(timezone.now())
    stock.analyse()
    root = User.objects.create_superuser("root")
    people = (root, fleet.installer)
    results = [result for user in people for result in seen_by(user, chargers, times, only)]
    if not results:
        sys.exit(f'--only "{only}": no page has this in its name; without --only all names are printed')
    return max(result.median for result in results) <= MOST_MS


def main() -> None:
    """Arguments: chargers, how often each page is read, and which. Exit code 1: a page is too slow."""
    chargers, times, only = sys.argv[1:]
    sys.exit(0 if here(int(chargers), int(times), only) else 1)
