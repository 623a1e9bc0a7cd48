from __future__ import annotations

import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection
from django.db.models.functions import Now
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from routing.loading import (
    RUNTIME_ALIVE,
    ServedElsewhere,
    UnknownCharger,
    claim,
    epochs,
    mark_offline,
    mark_online,
    release,
)
from routing.models import ChargerSession, RuntimeProcess
from tests.databases import Database
from tests.routing import rows as make


@pytest.fixture(autouse=True)
def fleet_of_two(database: Database) -> None:
    make.fleet()


def owner(charger: int = 1) -> tuple[str, int]:
    row = ChargerSession.objects.get(pk=charger)
    return row.runtime, row.epoch


def test_the_first_claim_makes_the_row():
    ChargerSession.objects.all().delete()
    assert claim(1, "ours") == 1
    assert owner() == ("ours", 1)


@pytest.mark.parametrize(
    ("owned_by", "statements"), [(None, 2), ("theirs", 2), ("ours", 1)], ids=["nobody yet", "theirs", "ours"]
)
def test_a_claim_takes_few_statements(owned_by, statements):
    ChargerSession.objects.all().delete()
    if owned_by:
        claim(1, owned_by)
    with CaptureQueriesContext(connection) as captured:
        claim(1, "ours")
    assert len(captured) == statements


@pytest.mark.parametrize("beat", ["fresh", "old", "none"])
@pytest.mark.parametrize("online", [True, False], ids=["connected", "away"])
@pytest.mark.parametrize("spares", ["nobody", "connected", "living"])
def test_a_claim_spares_who_lives_without_another_look(spares, online, beat):
    claim(1, "theirs")
    ChargerSession.objects.filter(pk=1).update(online=online)
    if beat != "none":
        ago = RUNTIME_ALIVE * (0.5 if beat == "fresh" else 2)
        RuntimeProcess.objects.create(pk="theirs", beat_at=Now() - ago, report={})
    is_kept = beat == "fresh" and (spares == "living" or (spares == "connected" and online))
    with CaptureQueriesContext(connection) as captured:
        if is_kept:
            with pytest.raises(ServedElsewhere, match="charger 1 is served by theirs; connect again") as held:
                claim(1, "ours", spares)
            assert (held.value.owner, held.value.epoch, held.value.online) == ("theirs", 2, online)
        else:
            assert claim(1, "ours", spares) == 3
    assert len(captured) == (1 if is_kept else 2)
    assert owner() == (("theirs", 2) if is_kept else ("ours", 3))
    assert epochs([1, 4711]) == {1: owner()}


def test_claiming_what_is_ours_changes_nothing():
    assert [claim(1, "ours"), claim(1, "ours")] == [1, 1]


def test_the_newest_claim_wins_under_a_new_epoch():
    assert claim(1, "theirs") == 2
    assert owner() == ("theirs", 2)
    assert claim(1, "ours") == 3


def test_who_released_a_session_comes_back_under_a_new_epoch():
    assert release(1, "ours", 1)
    assert owner() == ("", 1)
    assert claim(1, "ours") == 2


@pytest.mark.parametrize(("runtime", "epoch"), [("theirs", 1), ("ours", 0), ("ours", 2)])
def test_only_the_owner_releases(runtime, epoch):
    assert not release(1, runtime, epoch)
    assert owner() == ("ours", 1)


def test_a_charger_that_does_not_exist():
    with pytest.raises(UnknownCharger, match="charger 4711 does not exist"):
        claim(4711, "ours")


@pytest.mark.parametrize("fresh", [False, True], ids=["a row", "no row yet"])
def test_each_epoch_is_given_once(database: Database, fresh):
    """Whoever claims gets an epoch that nobody else has: as many epochs as claims that took the session."""
    if fresh:
        ChargerSession.objects.all().delete()
    ready = threading.Barrier(4)

    def race(runtime: str) -> list[int]:
        ready.wait()
        return [epoch for _ in range(15) if (epoch := claim(1, runtime)) and release(1, runtime, epoch)]

    with ThreadPoolExecutor(4) as pool:
        taken = list(pool.map(lambda runtime: database.here(race, runtime), ["a", "b", "c", "d"]))
    given = Counter(epoch for epochs in taken for epoch in epochs)
    assert set(given.values()) == {1}
    assert max(given) <= owner()[1]


def test_presence():
    before = timezone.now()
    assert mark_online(1, "ours", 1, ocpp_version="1.6", remote_address="192.0.2.7")
    row = ChargerSession.objects.get(pk=1)
    assert (row.online, row.ocpp_version, row.remote_address) == (True, "1.6", "192.0.2.7")
    assert row.connected_at
    assert before <= row.connected_at <= timezone.now()
    assert row.disconnected_at is None
    assert mark_offline(1, "ours", 1)
    row = ChargerSession.objects.get(pk=1)
    assert not row.online
    assert row.connected_at
    assert row.disconnected_at
    assert row.disconnected_at >= row.connected_at


def test_who_lost_a_session_does_not_say_whether_its_charger_is_there():
    claim(1, "theirs")
    assert mark_online(1, "theirs", 2, ocpp_version="2.0.1", remote_address="")
    assert not mark_offline(1, "ours", 1)
    assert not mark_online(1, "ours", 1, ocpp_version="1.6", remote_address="")
    row = ChargerSession.objects.get(pk=1)
    assert (row.online, row.ocpp_version) == (True, "2.0.1")
