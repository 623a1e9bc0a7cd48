"""What the writer does while the database takes nothing, with the real ones."""

from __future__ import annotations

import asyncio
import os
import random
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.db import OperationalError

from routing import writer as writer_module
from routing.core.rows import Row
from routing.spool import Spool
from routing.store import Put, Store, Stored
from routing.writer import Writer
from tests.databases import Database
from tests.routing.outages import MIB, NEVER, away, logged, messages, running, until_read_back
from tests.routing.rows import (
    connector,
    delivery,
    done,
    failed,
    latest,
    message,
    route_health,
    route_state,
    route_transaction,
    transaction,
)

pytestmark = pytest.mark.usefixtures("short_pauses")


async def test_the_log_goes_to_disk_and_comes_back(patient: Database, tmp_path: Path):
    spool = Spool(tmp_path / "spool", MIB)
    async with running(batch_rows=5, spool=spool, crowded_rows=20) as writer:
        with logged("the database is away") as noticed, away(patient):
            writer.put(1, 1, [message(message_id="000")])
            await noticed.wait()
            for number in range(1, 300):
                writer.put(1 + number % 2, 1, [message(1 + number % 2, message_id=f"{number:03}")])
            counts = writer.counts()
            assert counts["waiting"] <= 20 + 5
            assert counts["waiting"] + counts["in_spool"] == 300
            assert writer.away_since is not None
        await until_read_back(writer)
        counts = writer.counts()
    assert messages(patient) == [f"{number:03}" for number in range(300)]
    assert (counts["written"], counts["dropped"], counts["waiting"]) == (300, 0, 0)
    assert counts["spooled"] >= 275
    assert writer.away_since is None
    assert os.listdir(tmp_path / "spool") == []


async def test_what_does_not_fit_the_spool_is_dropped_and_nothing_else(patient: Database, tmp_path: Path):
    called: list[int] = []
    async with running(batch_rows=5, spool=Spool(tmp_path, 2000), crowded_rows=10) as writer:
        with logged("the database is away") as noticed, away(patient):
            writer.put(1, 1, [message()])
            await noticed.wait()
            for number in range(100):
                writer.put(1, 1, [message(text="x" * 500)])
                writer.put(1, 1, [delivery(1, number)], partial(called.append, number))
            assert called == []
        await until_read_back(writer)
        counts = writer.counts()
    assert called == list(range(100))
    assert len(patient.query("SELECT id FROM routing_delivery")) == 100
    assert counts["dropped"] > 50
    assert len(messages(patient)) + counts["dropped"] == 101


async def test_what_replaces_itself_does_not_pile_up(patient: Database):
    called: list[int] = []
    async with running(batch_rows=5, crowded_rows=10) as writer:
        with logged("the database is away") as noticed, away(patient):
            writer.put(1, 1, [route_state(), delivery(1, 1)])
            await noticed.wait()
            for number in range(2000):
                status = connector(connector_id=number % 4, status=f"{number}")
                writer.put(1, 1, [status, latest(payload=f"{number}"), route_health(waiting=number)])
                writer.put(1, 1, [transaction(meter_stop=number)], partial(called.append, number))
            assert writer.counts()["waiting"] < 200
        await writer.flush()
    assert called == list(range(2000))
    assert patient.query("SELECT payload FROM routing_latestvalue") == [("1999",)]
    assert patient.query("SELECT waiting FROM routing_routestate") == [(1999,)]
    assert patient.query("SELECT meter_stop FROM routing_transaction") == [(1999,)]
    assert patient.query("SELECT seq FROM routing_delivery") == [(1,)]
    stored = patient.query("SELECT status FROM chargers_connector ORDER BY connector_id")
    assert stored == [("1996",), ("1997",), ("1998",), ("1999",)]


def any_rows(choose: random.Random, charger: int, seq: int) -> list[Row]:
    """What a session may put at once, of few keys, so that they meet often. ``seq`` grows."""
    route = 2 * charger - choose.randrange(2)
    mine: dict[str, Any] = {"charger": charger}
    word = f"{choose.randrange(1000)}"
    said_before = choose.randrange(seq + 1)
    session = transaction(stop_reason=word[:1], meter_stop=choose.randrange(99), **mine)
    kinds: list[list[Row]] = [
        [delivery(route, seq, payload=word, **mine)],
        [failed(route, said_before, error=word, attempts=choose.randrange(5), **mine)],
        [done(route, said_before)],
        [latest(payload=word, **mine), connector(status=word, **mine)],
        [route_state(route, last_error=word, **mine)],
        [route_health(route, waiting=choose.randrange(99), **mine)],
        [session] if charger == 1 else [],
        [session, route_transaction(route=route, route_transaction_id=word)] if charger == 1 else [],
        [message(charger)],
    ]
    return [row for rows in choose.sample(kinds, choose.randrange(1, 4)) for row in rows]


TABLES = (
    "SELECT route_id, seq, payload, attempts, error FROM routing_delivery",
    "SELECT charger_id, payload FROM routing_latestvalue",
    "SELECT charger_id, status FROM chargers_connector",
    "SELECT route_id, last_error, waiting FROM routing_routestate",
    "SELECT id, stop_reason, meter_stop FROM routing_transaction",
    "SELECT route_id, route_transaction_id FROM routing_routetransaction",
)


@pytest.mark.parametrize("seed", range(4))
async def test_merged_or_not_the_same_is_stored(fleet_of_two: Database, seed: int, monkeypatch):
    monkeypatch.setattr(writer_module, "LARGEST_BATCH", 7)
    monkeypatch.setattr(writer_module, "ROOM", 3)
    choose = random.Random(seed)
    puts: list[tuple[int, list[Row]]] = [
        (charger, [route_state(2 * charger, charger=charger), route_state(2 * charger - 1, charger=charger)])
        for charger in (1, 2)
    ]
    for seq in range(80):
        charger = choose.randrange(1, 3)
        puts.append((charger, any_rows(choose, charger, seq)))
    alone, together = await stored_by(fleet_of_two, puts, 10**9), await stored_by(fleet_of_two, puts, 0)
    assert alone == together
    assert any(alone)


async def stored_by(
    database: Database, puts: Sequence[tuple[int, list[Row]]], crowded_rows: int
) -> list[Any]:
    """What is in the database after these, each answered in its charger's order; then it is empty again."""
    called: list[tuple[int, int]] = []
    writer = Writer(asyncio.get_running_loop(), batch_seconds=NEVER, crowded_rows=crowded_rows)
    for number, (charger, rows) in enumerate(puts):
        writer.put(charger, 1, rows, partial(called.append, (charger, number)) if number % 3 else None)
    writer.start()
    await writer.stop()
    for charger in (1, 2):
        mine = [number for which, number in called if which == charger]
        assert mine == [number for number, (which, _) in enumerate(puts) if which == charger and number % 3]
    found = [sorted(database.query(table), key=repr) for table in TABLES]
    for table in ("routetransaction", "transaction", "delivery", "latestvalue", "routestate"):
        assert database.could(f"DELETE FROM routing_{table}")
    assert database.could("DELETE FROM chargers_connector")
    return found


async def test_a_session_of_another_runtime_is_noticed_in_the_crowd_too(fleet_of_two: Database):
    called: list[int] = []
    lost: list[tuple[int, int]] = []
    async with running(crowded_rows=0, batch_seconds=NEVER) as writer:
        writer.lost = lambda *session: lost.append(session)
        writer.put(
            1, 0, [message(1)], partial(called.append, 1)
        )  # nothing but a row of the log: it is spooled
        writer.put(2, 1, [message(2)], partial(called.append, 2))
        await writer.flush()
    assert (called, lost) == ([2], [(1, 0)])


async def test_a_callback_in_the_crowd_that_fails_costs_no_other(fleet_of_two: Database):
    called: list[int] = []
    writer = Writer(asyncio.get_running_loop(), crowded_rows=0)
    for number in (1, 2):
        writer.put(1, 1, [latest()], partial(list[Any].remove, called, number))
        writer.put(1, 1, [latest()], partial(called.append, number))
    writer.start()
    await writer.stop()
    assert called == [1, 2]


async def test_callbacks_leave_the_loop_to_others(fleet_of_two: Database, monkeypatch):
    monkeypatch.setattr(writer_module, "CALLBACKS_S", 0.0)
    order: list[Any] = []
    async with running(batch_seconds=NEVER) as writer:
        for number in range(3):
            writer.put(1, 1, [message()], partial(order.append, number))
        loop: Any = asyncio.get_running_loop()
        writer.put(1, 1, [], partial(loop.call_soon, order.append, "another"))
        for number in range(4, 7):
            writer.put(1, 1, [message()], partial(order.append, number))
        await writer.flush()
    assert [entry for entry in order if entry != "another"] == [0, 1, 2, 4, 5, 6]
    assert order.index("another") < order.index(6)


# -- what databases do -----------------------------------------------------------------------------------


@contextmanager
def refusing(database: Database, kind: str) -> Iterator[None]:
    """New connections can read, and write nothing: ``kind`` is "full" (SQLite) or "read-only"."""
    if database.vendor == "sqlite":
        options = database.settings["OPTIONS"]
        before = options["init_command"]
        pages = database.query("PRAGMA page_count")[0][0]
        pragma = "query_only = 1" if kind == "read-only" else f"max_page_count = {pages}"
        options["init_command"] = f"{before} PRAGMA {pragma};"
        yield
        options["init_command"] = before
        return
    name = database.url.rpartition("/")[2]
    with psycopg.connect(database.url, autocommit=True) as admin:
        admin.execute(f"ALTER DATABASE {name} SET default_transaction_read_only = on".encode())
        admin.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = %s AND pid <> pg_backend_pid()",
            [name],
        )
        yield
        admin.execute("SET default_transaction_read_only = off")
        admin.execute(f"ALTER DATABASE {name} RESET default_transaction_read_only".encode())


@pytest.mark.parametrize("kind", ["full", "read-only"])
async def test_a_database_that_cannot_be_written_is_away(patient: Database, kind: str, tmp_path: Path):
    if kind == "full" and patient.vendor != "sqlite":
        pytest.skip("a disk of PostgreSQL's own would have to be filled")
    called: list[int] = []
    text = "x" * 200_000  # more than the free part of a page
    async with running(batch_rows=1, spool=Spool(tmp_path / "spool", 4 * MIB), crowded_rows=3) as writer:
        with logged("the database is away") as noticed, refusing(patient, kind):
            for number in range(10):
                rows: list[Row] = [message(message_id=f"{number}", text=text), delivery(1, number)]
                writer.put(1, 1, rows, partial(called.append, number))
            await noticed.wait()
            assert called == []
        await until_read_back(writer)
        assert (writer.counts()["refused"], writer.counts()["dropped"]) == (0, 0)
    assert called == list(range(10))
    assert messages(patient) == [f"{number}" for number in range(10)]
    assert len(patient.query("SELECT id FROM routing_delivery")) == 10


async def test_a_connection_that_breaks_after_the_commit_stores_deliveries_once(
    fleet_of_two: Database, monkeypatch
):
    called: list[int] = []
    broken: list[bool] = []
    whole = Store.store

    def store(self: Store, batch: Sequence[Put], *, one_by_one: bool) -> Stored:
        stored = whole(self, batch, one_by_one=one_by_one)
        if not broken:
            broken.append(True)
            raise OperationalError("server closed the connection unexpectedly")
        return stored

    monkeypatch.setattr(Store, "store", store)
    async with running(batch_seconds=NEVER) as writer:
        writer.put(1, 1, [message(), delivery(1, 1), transaction()], partial(called.append, 1))
        await writer.flush()
    assert called == [1]
    assert fleet_of_two.query("SELECT seq FROM routing_delivery") == [(1,)]
    assert messages(fleet_of_two) == ["m-1", "m-1"]  # of the log alone a row may come twice


KILLED_IN_COMMIT = """
CREATE SEQUENCE kills;
CREATE FUNCTION kill_once() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF nextval('kills') = 1 THEN PERFORM pg_terminate_backend(pg_backend_pid()); END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER kill_once AFTER INSERT ON routing_delivery DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION kill_once();
"""


async def test_a_connection_that_is_killed_in_commit_loses_nothing(fleet_of_two: Database):
    if fleet_of_two.vendor == "sqlite":
        pytest.skip("SQLite has no connection that others can kill")
    with psycopg.connect(fleet_of_two.url, autocommit=True) as admin:
        admin.execute(KILLED_IN_COMMIT)
        try:
            called: list[int] = []
            async with running(batch_seconds=NEVER) as writer:
                writer.put(1, 1, [message(), delivery(1, 1)], partial(called.append, 1))
                await writer.flush()
                assert writer.counts()["retries"] == 1
        finally:
            admin.execute("DROP TRIGGER kill_once ON routing_delivery; DROP FUNCTION kill_once()")
            admin.execute("DROP SEQUENCE kills")
    assert called == [1]
    assert (messages(fleet_of_two), len(fleet_of_two.query("SELECT id FROM routing_delivery"))) == (
        ["m-1"],
        1,
    )


async def test_a_server_that_does_not_answer_is_given_up(fleet_of_two: Database, monkeypatch):
    if fleet_of_two.vendor == "sqlite":
        pytest.skip("SQLite has no server")
    monkeypatch.setattr(writer_module, "WATCH_S", 0.005)
    monkeypatch.setattr(writer_module, "PATIENCE_S", 0.02)
    called: list[int] = []
    async with running(batch_rows=1) as writer:
        with psycopg.connect(fleet_of_two.url) as other, logged("the database is away") as noticed:
            other.execute("LOCK TABLE routing_delivery")
            writer.put(1, 1, [delivery(1, 1)], partial(called.append, 1))
            await noticed.wait()
            other.rollback()
        monkeypatch.setattr(writer_module, "PATIENCE_S", NEVER)
        await writer.flush()
    assert called == [1]


async def test_a_stop_does_not_wait_for_a_server_that_does_not_answer(fleet_of_two: Database, tmp_path: Path):
    if fleet_of_two.vendor == "sqlite":
        pytest.skip("SQLite has no server")
    called: list[int] = []
    with psycopg.connect(fleet_of_two.url) as other:
        other.execute("LOCK TABLE routing_delivery")
        writer = Writer(asyncio.get_running_loop(), batch_rows=1, spool=Spool(tmp_path, MIB))
        writer.start()
        writer.put(1, 1, [message(), delivery(1, 1)], partial(called.append, 1))
        await writer.stop(patience_s=0.05)
    assert called == []
    async with running(spool=Spool(tmp_path, MIB)) as following:
        await until_read_back(following)
    assert messages(fleet_of_two) == ["m-1"]


async def test_connections_to_postgresql_end_in_bounded_time(fleet_of_two: Database):
    if fleet_of_two.vendor == "sqlite":
        pytest.skip("SQLite has no server")

    def asked() -> tuple[dict[str, str], Any]:
        store = Store("default")
        connection = store._open().connection
        try:
            return connection.info.get_parameters(), connection.execute("SHOW statement_timeout").fetchone()
        finally:
            store.close()

    parameters, timeout = await fleet_of_two.orm(asked)
    assert {"connect_timeout": "5", "tcp_user_timeout": "10000"}.items() <= parameters.items()
    assert timeout == ("20s",)


async def test_a_spool_of_a_process_before_is_stored_without_being_asked(
    fleet_of_two: Database, tmp_path: Path
):
    gone = 7  # a charger that was deleted meanwhile: its log outlives it
    left = Spool(tmp_path, MIB)
    left.add([message(gone, message_id=f"{number:04}") for number in range(1200)])
    assert left.close(60)
    async with running(spool=Spool(tmp_path, MIB)) as writer:
        await until_read_back(writer)
        assert writer.counts()["written"] == 1200
    assert messages(fleet_of_two) == [f"{number:04}" for number in range(1200)]


async def test_a_row_of_the_spool_that_the_database_refuses_costs_only_itself(
    fleet_of_two: Database, tmp_path: Path
):
    left = Spool(tmp_path, MIB)
    left.add([message(message_id="1"), message(9999, message_id="2"), message(message_id="3")])
    assert left.close(60)
    refuse = "ALTER TABLE routing_message ADD CONSTRAINT small CHECK (charger_id < 1000)"
    if fleet_of_two.vendor == "sqlite":
        refuse = (
            "CREATE TRIGGER small BEFORE INSERT ON routing_message WHEN NEW.charger_id > 1000 "
            "BEGIN SELECT RAISE(ABORT, 'too large'); END"
        )
    assert fleet_of_two.could(refuse)
    try:
        async with running(spool=Spool(tmp_path, MIB)) as writer:
            await until_read_back(writer)
            counts = writer.counts()
    finally:
        if fleet_of_two.vendor != "sqlite":
            assert fleet_of_two.could("ALTER TABLE routing_message DROP CONSTRAINT small")
    assert messages(fleet_of_two) == ["1", "3"]
    assert (counts["written"], counts["refused"], counts["in_spool"]) == (2, 1, 0)


async def test_a_thread_that_fails_in_a_way_nobody_knows_ends_the_process_loudly(
    fleet_of_two: Database, monkeypatch, caplog
):
    loop = asyncio.get_running_loop()
    died = asyncio.Event()

    class Unknown(BaseException):
        pass

    def fail(self: Store, batch: Sequence[Put], *, one_by_one: bool) -> Stored:
        raise Unknown

    monkeypatch.setattr(Store, "store", fail)
    writer = Writer(loop)

    def die() -> None:
        loop.call_soon_threadsafe(died.set)

    writer.died = die
    writer.start()
    called: list[int] = []
    writer.put(1, 1, [delivery(1, 1)], partial(called.append, 1))
    await died.wait()
    await writer.stop(0.01)
    assert called == []
    assert "nothing can be stored" in caplog.text
