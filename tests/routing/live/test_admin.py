"""The page of a live view, and what it asks for where it has no socket."""

import re

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from routing.live.rows import MOST_ROWS, OVERLAP
from routing.models.traffic import number_at
from tests.routing.live.conftest import CARD, World

pytestmark = pytest.mark.django_db


@pytest.fixture
def world(db):
    return World()


@pytest.fixture
def installer(world):
    client = Client()
    client.force_login(world.user())
    return client


def address(kind, page, pk):
    app = {"charger": "chargers", "backoffice": "backoffices"}[kind]
    return reverse(f"admin:{app}_{kind}_{page}", args=[pk])


def ids(answer):
    return [row["message_id"] for row in answer.json()["rows"]]


@pytest.mark.parametrize("kind", ["charger", "backoffice"])
def test_the_page_is_linked_and_holds_no_script_or_style_of_its_own(world, installer, kind):
    pk = getattr(world, kind).pk
    assert address(kind, "live", pk) in installer.get(address(kind, "change", pk)).content.decode()
    page = installer.get(address(kind, "live", pk)).content.decode()
    assert f'data-socket="/ws/v1/{kind}s/{pk}/messages"' in page
    ours = page[page.index('id="live"') :]
    assert not re.search(r"<style|\sstyle=|\son\w+=", ours)
    assert not re.search(r"<script(?![^>]*\ssrc=)", ours)


@pytest.mark.parametrize("page", ["live", "live_rows"])
def test_a_foreign_one_and_a_missing_one_are_404(world, installer, page):
    for kind, pk in (("charger", world.foreign.pk), ("charger", 999_999), ("backoffice", 999_999)):
        assert installer.get(address(kind, page, pk)).status_code == 404
    world.backoffice.organisation = world.theirs
    world.backoffice.save()
    assert installer.get(address("backoffice", page, world.backoffice.pk)).status_code == 404


@pytest.mark.parametrize("page", ["live", "live_rows"])
def test_who_is_not_logged_in_is_asked_to(world, client, page):
    answer = client.get(address("charger", page, world.charger.pk))
    assert answer.status_code == 302
    assert "/login/" in answer["location"]


def test_a_poll_reads_what_is_new_with_an_overlap(world, installer):
    rows = [world.row(number * 1000) for number in range(100)]
    world.keep(*rows)
    where = address("charger", "live_rows", world.charger.pk)
    assert ids(installer.get(where)) == [row.message_id for row in rows[50:]]
    after = rows[90].exchange
    again = OVERLAP // 1_000_000
    assert ids(installer.get(f"{where}?after={after}")) == [row.message_id for row in rows[90 - again :]]


def test_a_poll_says_that_there_is_more_than_it_brings(world, installer):
    rows = [world.row(number) for number in range(MOST_ROWS + 10)]
    world.keep(*rows)
    where = address("charger", "live_rows", world.charger.pk)
    answer = installer.get(f"{where}?after={rows[0].exchange}").json()
    assert answer["more"]
    assert len(answer["rows"]) == MOST_ROWS
    assert not installer.get(f"{where}?after={rows[-20].exchange}").json()["more"]


@pytest.mark.parametrize("after", ["x", "-1", "1" * 19, "1.5"])
def test_what_is_no_exchange_is_404(world, installer, after):
    where = address("charger", "live_rows", world.charger.pk)
    assert installer.get(f"{where}?after={after}").status_code == 404


def test_who_only_reads_sees_cards_masked(world):
    world.keep(world.row(0))
    client = Client()
    client.force_login(world.user("read_only"))
    answer = client.get(address("charger", "live_rows", world.charger.pk))
    assert ids(answer) == ["m0"]
    assert CARD not in answer.content.decode()


def test_a_backoffice_shows_no_rows_of_others(world, installer):
    own, foreign = (route.pk for route in world.routes)
    world.keep(
        world.row(0), world.row(0, route=own, text=""),
        world.row(1, charger=world.foreign, route=foreign, message_id="Zebra"),
    )  # fmt: skip
    answer = installer.get(address("backoffice", "live_rows", world.backoffice.pk))
    assert ids(answer) == ["m0"]
    assert "Zebra" not in answer.content.decode()
    assert CARD in answer.json()["rows"][0]["frame"]


@pytest.mark.parametrize("kind", ["charger", "backoffice"])
def test_the_number_of_queries_does_not_grow_with_the_rows(world, installer, kind):
    where = address(kind, "live_rows", getattr(world, kind).pk)
    route = world.routes[0].pk
    counts = []
    for first in (0, 100):
        world.keep(*(world.row(n, route=route, text="") for n in range(first, first + 40)))
        with CaptureQueriesContext(
            connection,
        ) as queries:
            assert installer.get(where).json()["rows"]
        counts.append(len(queries))
    assert counts[0] == counts[1] <= 12


def test_rows_of_long_ago_are_not_looked_for(world, installer):
    old = world.row(0)
    day = 24 * 3600 * 1_000_000
    world.keep(world.row(0, exchange=old.exchange - day, message_id="old"), old)
    assert number_at(old.at) == old.exchange
    assert ids(installer.get(address("charger", "live_rows", world.charger.pk))) == ["m0"]
