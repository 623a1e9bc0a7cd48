"""What ``benchmarks.readers`` measures, once Django is set up: passes over a log that it fills."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from django.core.management import call_command
from django.utils import timezone

from benchmarks import stock
from benchmarks.frames import METER
from routing.models import Event, LogReader, Message, Reading, Transaction
from routing.models.traffic import number_at
from routing.readings.following import Follower
from routing.webhooks.making import Maker

SESSIONS = 200
LASTED = timedelta(minutes=10)
"""How long each session has run."""

SPAN = timedelta(seconds=50)
"""In which all was said, up to now."""


def fill(rows: int) -> None:
    """Sessions that run, and what they have said of late, evenly."""
    chargers = stock.fleet(SESSIONS, 1).chargers
    now = timezone.now()
    begun: dict[str, Any] = {"ocpp_version": "1.6", "connector_id": 1, "created": now - LASTED}
    sessions = [Transaction(charger=one, **begun) for one in chargers]
    stock.add(sessions)
    start = now - SPAN

    def said(number: int) -> Message:
        session, at = sessions[number % SESSIONS], start + number * SPAN / rows
        text = f'[2,"{number}","MeterValues",{(METER % (7, number)).decode()}]'
        return Message(
            charger_id=session.charger_id, transaction_id=session.pk, connector_id=1, at=at,
            exchange=number_at(at), direction="up", action="MeterValues", message_id=str(number),
            text=text, answer="[]", outcome="answered",
        )  # fmt: skip

    stock.add(said(number) for number in range(rows))


def cost(what: str, run: Callable[[], object], done: Callable[[], int]) -> int:
    """Do it, tell what one of what was done took of our CPU; how many that are."""
    began, cpu = time.perf_counter(), time.process_time()
    run()
    cpu, took = time.process_time() - cpu, time.perf_counter() - began
    count = done()
    print(f"| {what} | {count:,} | {cpu * 1e6 / max(1, count):.0f} | {took:.1f} |", flush=True)
    return count


def here(rows: int) -> bool:
    """Measure on the database of the settings, which is empty; whether all was found."""
    call_command("migrate", verbosity=0)
    maker, follower = Maker(), Follower()
    maker.run(lambda: True)  # what there is at its first look is no news
    fill(rows)
    LogReader.objects.update(until=timezone.now() - SPAN)  # between two passes readers rest
    stock.analyse()
    print(f"\n{stock.place()}\n\n| | number | CPU µs each | seconds |\n|---|---:|---:|---:|", flush=True)
    read = cost("MeterValues read", lambda: follower.run(lambda: True), lambda: follower.passed)
    made = cost("events made", lambda: maker.run(lambda: True), Event.objects.count)
    return read == rows and Reading.objects.count() > 0 and made >= SESSIONS


def main() -> None:
    """Argument: how many MeterValues. Exit code 1: not all was found."""
    sys.exit(0 if here(int(sys.argv[1])) else 1)
