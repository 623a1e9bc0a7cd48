"""/metrics: what it says, to whom, and that it never waits for a database."""

import asyncio
import re
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.db import OperationalError
from django.utils import timezone
from prometheus_client.parser import text_string_to_metric_families

from backoffices.lag import BOUNDS_S, Lag
from backoffices.models import Backoffice
from chargers.models import Charger
from proxy_site.metrics import installation, process
from proxy_site.metrics.installation import Figures, Gatherer, Links
from proxy_site.metrics.page import Page, rendered
from routing.models import (
    Alarm,
    ChargerSession,
    LogReader,
    Route,
    RouteState,
    RuntimeProcess,
    Upkeep,
    WebhookDelivery,
)
from routing.models.traffic import number_at
from tests.routing.webhooks.conftest import event, webhook

TOKEN = "open-sesame-and-be-quick"
AT = datetime(2030, 1, 1, 12, tzinfo=UTC)
FIGURES = Figures(
    at=AT,
    links=(
        Links("Billing AG", "connected", 3, 2, AT - timedelta(seconds=90)),
        Links("Billing AG", "waiting", 1, 5, AT - timedelta(seconds=20)),
        Links('Ene"rgy\n', "connected", 4, 0, None),
    ),
    round_trips_ms={"Billing AG": 250.0},
    dead_letters={"Billing AG": 1},
    alarms={"queue thinned": 2},
    chargers={"online": 3, "offline": 1},
    processes={"alive": 1, "gone": 0},
    lost_rows={"dropped": 0, "refused": 0},
    upkeep={"audit log": AT - timedelta(hours=2)},
    read_until=AT - timedelta(seconds=9),
    astray=3,
    webhook_deliveries={"pending": 4, "failed": 1},
)
REPORT: dict[str, Any] = {
    "version": "1.2.3",
    "role": "all",
    "host": "machine",
    "sessions": 4,
    "online": 3,
    "links": 8,
    "open_links": 7,
    "frames": {"charger_received": 5, "charger_sent": 6, "backoffice_received": 7, "backoffice_sent": 8},
    "writer": {**{name: number for number, name in enumerate(process.WRITER)}, "of_tomorrow": 99},
}


class Slots:
    """Stands for ``backoffices.pacing.Pacer``."""

    def __init__(self):
        self.by_backoffice = {}

    def counts(self):
        return self.by_backoffice


class Runtime:
    """Stands for ``backoffices.runtime.Runtime``, and for its ``life``."""

    away_s: float | None = None

    def __init__(self):
        self.life, self.lag, self.asked = self, Lag(), 0
        self.pacer = Slots()
        self.lag.note(0.003)
        self.lag.note(9.0)

    def database_away_s(self, writer):
        assert writer == REPORT["writer"]
        return self.away_s

    def report(self):
        self.asked += 1
        return REPORT


@pytest.fixture
def runtime(monkeypatch):
    runtime = Runtime()
    monkeypatch.setattr("backoffices.current.get", lambda: runtime)
    return runtime


@pytest.fixture(autouse=True)
def token(settings):
    settings.PROXY_METRICS_TOKEN = TOKEN


class Clock:
    seconds = 0.0

    def __call__(self):
        return self.seconds


class Database:
    """Answers ``figures``, or raises an error, or waits while ``go_on`` is not set."""

    def __init__(self):
        self.answer: Figures | Exception = FIGURES
        self.asked = 0
        self.go_on = threading.Event()
        self.go_on.set()

    def __call__(self):
        self.asked += 1
        assert self.go_on.wait(60)
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


def page_of(database, clock=None, **limits):
    clock = clock or Clock()
    return Page(Gatherer(database, now=clock, **limits), now=clock)


def request(token=None, scheme=b"Bearer"):
    headers = [(b"host", b"proxy")]
    if token is not None:
        headers.append((b"authorization", scheme + b" " + token.encode()))
    return {"path": "/metrics", "headers": headers}


def samples(text):
    """By name and labels, and proof that it is the format of Prometheus."""
    return {
        (sample.name, *sorted(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


async def shown(page, *credentials):
    answer = await page.answer(request(*credentials))
    assert answer.status == 200
    assert answer.content_type.startswith("text/plain; version=")
    return answer.text, samples(answer.text)


# What a process says


async def test_everybody_sees_totals_of_the_process(runtime):
    database = Database()
    text, found = await shown(page_of(database))
    assert found[("ocpp_chargers_connected",)] == 3
    assert found[("ocpp_links_open",)] == 7
    assert found[("ocpp_frames_total", ("direction", "sent"), ("peer", "backoffice"))] == 8
    assert found[("ocpp_database_up",)] == 1
    assert found[("ocpp_loop_tasks",)] >= 1
    assert found[("process_resident_memory_bytes",)] > 1_000_000
    assert not re.search(r"Billing|Ene|1\.2\.3|machine", text)
    assert database.asked == 0


async def test_each_figure_of_the_writer_is_told_also_one_of_tomorrow(runtime):
    _, found = await shown(page_of(Database()))
    for key, figure in process.WRITER.items():
        name = f"ocpp_{figure.name}" + ("_total" if figure.kind == "counter" else "")
        assert found[(name,)] == REPORT["writer"][key]
    assert found[("ocpp_writer_of_tomorrow",)] == 99


async def test_how_many_catch_up_is_told_to_everybody_and_who_to_those_with_the_token(runtime):
    runtime.pacer.by_backoffice = {"Billing AG": (20, 400), 'Ene"rgy\n': (3, 0)}
    text, found = await shown(page_of(Database()))
    assert (found[("ocpp_slots_out",)], found[("ocpp_slots_waited_for",)]) == (23, 400)
    assert "backoffice_slots" not in text

    _, found = await shown(page_of(Database()), TOKEN)
    assert found[("ocpp_slots_out",)] == 23
    assert found[("ocpp_backoffice_slots_out", ("backoffice", "Billing AG"))] == 20
    assert found[("ocpp_backoffice_slots_waited_for", ("backoffice", "Billing AG"))] == 400
    assert found[("ocpp_backoffice_slots_waited_for", ("backoffice", 'Ene"rgy\n'))] == 0


async def test_the_lag_of_the_loop_is_a_histogram(runtime):
    _, found = await shown(page_of(Database()))
    buckets = [found[("ocpp_loop_lag_seconds_bucket", ("le", str(bound)))] for bound in (*BOUNDS_S, "+Inf")]
    assert buckets == [0] + [1] * 10 + [2]
    assert found[("ocpp_loop_lag_seconds_sum",)] == pytest.approx(9.003)


async def test_a_process_without_sessions_has_figures_too():
    _, found = await shown(page_of(Database()))
    assert ("process_cpu_seconds_total",) in found
    assert ("ocpp_sessions",) not in found


async def test_whoever_asks_all_the_time_gets_what_was_told_within_a_second(runtime):
    clock = Clock()
    page = page_of(Database(), clock)
    for clock.seconds in (0, 0.5, 0.9):
        await shown(page)
    assert runtime.asked == 1
    clock.seconds = 1.0
    await shown(page)
    assert runtime.asked == 2


# Who may see what


@pytest.mark.parametrize("scheme", [b"Bearer", b"bearer"], ids=str)
async def test_who_knows_the_token_sees_names(runtime, scheme):
    answer = await page_of(Database()).answer(request(TOKEN, scheme))
    found = samples(answer.text)
    assert found[("ocpp_routes", ("backoffice", "Billing AG"), ("state", "connected"))] == 3
    assert found[("ocpp_route_queue_depth", ("backoffice", "Billing AG"))] == 7
    assert found[("ocpp_route_queue_depth", ("backoffice", 'Ene"rgy\n'))] == 0
    assert found[("ocpp_route_queue_oldest_seconds", ("backoffice", "Billing AG"))] == 90
    assert found[("ocpp_route_queue_oldest_seconds", ("backoffice", 'Ene"rgy\n'))] == 0
    assert found[("ocpp_dead_letters", ("backoffice", "Billing AG"))] == 1
    assert found[("ocpp_upstream_rtt_seconds", ("backoffice", "Billing AG"))] == 0.25
    assert found[("ocpp_alarms", ("kind", "queue thinned"))] == 2
    assert found[("ocpp_chargers", ("state", "offline"))] == 1
    assert found[("ocpp_upkeep_age_seconds", ("step", "audit log"))] == 7200
    assert found[("ocpp_readings_behind_seconds",)] == 9
    assert found[("ocpp_log_rows_astray",)] == 3
    assert found[("ocpp_webhook_deliveries", ("state", "pending"))] == 4
    assert found[("ocpp_proxy_info", ("host", "machine"), ("role", "all"), ("version", "1.2.3"))] == 1


@pytest.mark.parametrize(
    ("token", "scheme"),
    [
        ("wrong", b"Bearer"),
        ("", b"Bearer"),
        (TOKEN[:-1], b"Bearer"),
        ("ümlaut", b"Bearer"),
        (TOKEN, b"Basic"),
    ],
)
async def test_a_wrong_token_is_refused(runtime, token, scheme, caplog):
    database = Database()
    answer = await page_of(database).answer(request(token, scheme))
    assert answer.status == 401
    assert (b"www-authenticate", b"Bearer") in answer.headers
    assert "PROXY_METRICS_TOKEN" in answer.text
    assert database.asked == 0
    assert TOKEN not in answer.text + caplog.text


@pytest.mark.parametrize("given", ["", "anything"])
async def test_where_no_token_is_set_none_is_right(runtime, settings, given):
    settings.PROXY_METRICS_TOKEN = ""
    answer = await page_of(Database()).answer(request(given))
    assert (answer.status, answer.text[:20]) == (401, "no token is set here")


# The database


async def test_the_database_is_asked_once_in_a_while(runtime):
    database, clock = Database(), Clock()
    page = page_of(database, clock, fresh_s=10)
    for clock.seconds in (0, 4, 9):
        await shown(page, TOKEN)
    assert database.asked == 1
    clock.seconds = 10
    await shown(page, TOKEN)
    assert database.asked == 2


async def test_many_at_once_ask_it_once(runtime):
    database = Database()
    database.go_on.clear()
    page = page_of(database, patience_s=60)
    scrapes = [asyncio.create_task(shown(page, TOKEN)) for _ in range(5)]
    await asyncio.sleep(0)
    database.go_on.set()
    assert all(
        ("ocpp_alarms", ("kind", "queue thinned")) in found for _, found in await asyncio.gather(*scrapes)
    )
    assert database.asked == 1


async def test_a_database_that_refuses_costs_its_figures_only(runtime, caplog):
    database, clock = Database(), Clock()
    database.answer = OperationalError("password of Billing AG is wrong")
    page = page_of(database, clock, fresh_s=10)
    text, found = await shown(page, TOKEN)
    assert found[("ocpp_database_up",)] == 0
    assert found[("ocpp_chargers_connected",)] == 3
    assert "Billing" not in text + caplog.text
    assert "OperationalError" in caplog.text

    database.answer, clock.seconds = FIGURES, installation.FAILED_S
    _, found = await shown(page, TOKEN)
    assert found[("ocpp_database_up",)] == 1


async def test_a_database_that_hangs_is_not_waited_for_nor_asked_again(runtime):
    database, clock = Database(), Clock()
    database.go_on.clear()
    page = page_of(database, clock, patience_s=0.01)
    for clock.seconds in (0, 100, 200):
        _, found = await shown(page, TOKEN)
        assert found[("ocpp_database_up",)] == 0
    assert database.asked == 1

    database.go_on.set()
    page._gatherer._patience_s = 60
    _, found = await shown(page, TOKEN)
    assert found[("ocpp_database_up",)] == 1


async def test_a_mistake_of_ours_is_logged_and_answered(runtime, caplog):
    database = Database()
    database.answer = ZeroDivisionError("ours")
    _, found = await shown(page_of(database), TOKEN)
    assert found[("ocpp_database_up",)] == 0
    assert "ZeroDivisionError: ours" in caplog.text


@pytest.mark.parametrize("credentials", [(), (TOKEN,)], ids=["everybody", "token"])
async def test_a_database_that_is_known_to_be_away_is_not_asked(runtime, credentials):
    runtime.away_s, database = 33.0, Database()
    _, found = await shown(page_of(database), *credentials)
    assert found[("ocpp_database_up",)] == 0
    assert found[("ocpp_database_away_seconds",)] == 33
    assert database.asked == 0


# What the database tells


def route(charger, backoffice, *, role="control", enabled=True, **state):
    row = Route.objects.create(charger=charger, backoffice=backoffice, role=role, enabled=enabled)
    if state:
        RouteState.objects.create(route=row, since=AT, **state)
    return row


@pytest.fixture
def fleet(db):
    """Five chargers with two backoffices, a charger and a route that are switched off."""
    billing, energy = (Backoffice.objects.create(name=name, url="ws://x/") for name in ("billing", "energy"))
    chargers = [Charger.objects.create(identity=f"ZEBRA-{number}") for number in range(5)]
    for number, charger in enumerate(chargers):
        ChargerSession.objects.create(charger=charger, online=number < 2)
        route(
            charger, billing, role="billing", state="connected", round_trip_ms=10.0 * (number + 1), waiting=2
        )
    dead = route(chargers[0], energy, state="waiting", waiting=4, oldest=timezone.now() - timedelta(hours=1))
    route(chargers[1], energy)
    route(chargers[2], energy, enabled=False, state="closed", waiting=1000)
    off = Charger.objects.create(identity="ZEBRA-OFF", enabled=False)
    route(off, energy, state="closed", waiting=1000)
    for seq, is_dead in enumerate((True, True, False)):
        dead.charger.deliveries.create(
            route=dead, seq=seq, exchange=seq, at=AT, action="Heartbeat", payload="{}", dead=is_dead
        )
    for kind, cleared in (("clock differs", None), ("queue thinned", None), ("queue thinned", AT)):
        Alarm.objects.create(
            charger=chargers[0], kind=kind, key=str(cleared), text="ZEBRA", raised=AT, cleared=cleared
        )
    lost = {"writer": {"dropped": 3, "refused": 1, "written": 9}}
    RuntimeProcess.objects.create(id="here", beat_at=timezone.now(), report=lost)
    RuntimeProcess.objects.create(id="there", beat_at=timezone.now() - timedelta(hours=2), report=lost)
    RuntimeProcess.objects.create(id="old version", beat_at=timezone.now())
    Upkeep.objects.create(step="audit log", tried_at=AT, done_at=AT - timedelta(hours=1), left=7)
    Upkeep.objects.create(step="days", tried_at=AT, error="no lock")
    LogReader.objects.create(name="readings", exchange=number_at(AT))
    LogReader.objects.create(name="thinned to a minute", exchange=1)


def test_what_the_database_tells(fleet, django_assert_num_queries):
    with django_assert_num_queries(11):
        figures = installation.gather()
    found = {(links.backoffice, links.state): (links.routes, links.waiting) for links in figures.links}
    assert found == {
        ("billing", "connected"): (5, 10),
        ("energy", "waiting"): (1, 4),
        ("energy", "not_dialled"): (1, 0),
    }
    assert figures.round_trips_ms == {"billing": 30.0}
    assert figures.dead_letters == {"energy": 2}
    assert figures.alarms == {"clock differs": 1, "queue thinned": 1}
    assert figures.chargers == {"online": 2, "offline": 3}
    assert figures.processes == {"alive": 2, "gone": 1}
    assert figures.lost_rows == {"dropped": 6, "refused": 2}
    assert figures.upkeep == {"audit log": AT - timedelta(hours=1), "days": AT}
    assert figures.astray == 7
    assert figures.read_until == AT

    found = samples(rendered(installation.metrics(figures)))
    assert found[("ocpp_route_queue_oldest_seconds", ("backoffice", "energy"))] == pytest.approx(
        3600, abs=600
    )
    assert found[("ocpp_dead_letters", ("backoffice", "billing"))] == 0


def test_deliveries_that_wait_are_counted_up_to_a_bound(db, monkeypatch):
    on, off = (webhook("https://hooks.example/", enabled=enabled) for enabled in (True, False))
    for state in ("pending", "pending", "pending", "failed", "delivered", "given_up"):
        WebhookDelivery.objects.create(webhook=on, event=event(), state=state)
    WebhookDelivery.objects.create(webhook=off, event=event())
    assert installation.gather().webhook_deliveries == {"pending": 3, "failed": 1}
    monkeypatch.setattr(installation, "MOST_DELIVERIES", 2)
    assert installation.gather().webhook_deliveries == {"pending": 2, "failed": 1}


def test_no_charger_has_a_label(fleet):
    assert "ZEBRA" not in rendered(installation.metrics(installation.gather()))


def test_an_empty_installation_has_figures(db):
    found = samples(rendered(installation.metrics(installation.gather())))
    assert found[("ocpp_chargers", ("state", "online"))] == 0


# The manual


async def test_each_metric_is_in_the_manual(runtime):
    text, _ = await shown(page_of(Database()), TOKEN)
    names = {family.name for family in text_string_to_metric_families(text)} - {"ocpp_writer_of_tomorrow"}
    manual = (Path(django_settings.BASE_DIR) / "docs" / "operators.md").read_text(encoding="utf-8")
    missing = {name for name in names if f"`{name}" not in manual}
    assert not missing
    documented = set(re.findall(r"^\| `(ocpp_\w+)", manual, flags=re.MULTILINE))
    assert {name.removesuffix("_total") for name in documented} <= names


async def test_who_reads_help_knows_what_is_the_same_everywhere(runtime):
    text, _ = await shown(page_of(Database()), TOKEN)
    for name in ("routes", "dead_letters", "alarms", "chargers"):
        assert re.search(rf"^# HELP ocpp_{name} .*every process says the same", text, flags=re.MULTILINE)
