from __future__ import annotations

import asyncio
import os
import signal
import sys
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from routing import store as store_module
from routing import writer as writer_module
from routing.core.rows import ChargerHealthRow
from routing.models import ChargerSession, Delivery, Message, Route, Transaction
from routing.tables import coalesce
from routing.writer import Writer, WriterStopped
from tests.databases import Database
from tests.routing.outages import NEVER, away, logged, running
from tests.routing.rows import (
    AT,
    delivery,
    done,
    latest,
    message,
    route_health,
    route_state,
    transaction,
)


async def test_done_comes_after_the_commit(fleet_of_two: Database):
    seen: list[Any] = []
    async with running() as writer:
        written = asyncio.Event()

        def look() -> None:
            seen.extend(fleet_of_two.query("SELECT message_id FROM routing_message"))
            written.set()

        writer.put(1, 1, [message(message_id="first")], look)
        assert fleet_of_two.query("SELECT message_id FROM routing_message") == []
        await written.wait()
    assert seen == [("first",)]


async def test_done_and_rows_keep_their_order(fleet_of_two: Database):
    called: list[int] = []
    async with running(batch_rows=7) as writer:
        for number in range(50):
            rows = [message(1 + number % 2, message_id=f"{number:02}.{part}") for part in range(2)]
            writer.put(1 + number % 2, 1, rows, partial(called.append, number))
        await writer.flush()
    assert called == list(range(50))
    stored = [row[0] for row in fleet_of_two.query("SELECT message_id FROM routing_message ORDER BY id")]
    assert stored == [f"{number:02}.{part}" for number in range(50) for part in range(2)]


async def test_while_one_batch_is_committed_the_next_one_grows(fleet_of_two: Database):
    async with running(batch_rows=3, batch_seconds=NEVER) as writer:
        for _ in range(3):
            writer.put(1, 1, [message()])  # the third fills the first batch
        for _ in range(20):
            writer.put(1, 1, [message()])
        await writer.flush()
        assert writer.counts()["batches"] == 2
        assert writer.counts()["written"] == 23


async def test_a_single_row_waits_no_longer_than_the_batch_time(fleet_of_two: Database):
    async with running(batch_rows=1000, batch_seconds=0.001) as writer:
        committed = asyncio.Event()
        writer.put(1, 1, [message()], committed.set)
        await committed.wait()


async def test_rows_of_the_log_alone_gather_until_somebody_waits(fleet_of_two: Database, monkeypatch):
    monkeypatch.setattr(writer_module, "LOG_SECONDS", NEVER)
    async with running(batch_seconds=0.001) as writer:
        committed = asyncio.Event()
        for _ in range(3):
            writer.put(1, 1, [message()])
        writer.put(1, 1, [message()], committed.set)
        await committed.wait()
        counts = writer.counts()
    assert (counts["batches"], counts["written"]) == (1, 4)


async def test_other_rows_hurry_also_when_nobody_waits(fleet_of_two: Database, monkeypatch):
    monkeypatch.setattr(writer_module, "LOG_SECONDS", NEVER)
    async with running(batch_seconds=0.001) as writer:
        tried: asyncio.Future[tuple[int, int]] = asyncio.get_running_loop().create_future()
        writer.lost = lambda *session: tried.set_result(session)
        writer.put(1, 1, [message()])
        writer.put(2, 99, [delivery(1, 1)])  # of an epoch that is not ours, which the writer tells
        assert await tried == (2, 99)


async def test_after_an_outage_the_backlog_goes_in_pieces(fleet_of_two: Database, monkeypatch):
    monkeypatch.setattr(writer_module, "LARGEST_BATCH", 10)
    called: list[int] = []
    writer = Writer(asyncio.get_running_loop(), batch_rows=1000, batch_seconds=NEVER)
    for number in range(25):
        writer.put(1, 1, [message()], partial(called.append, number))
    writer.put(1, 1, [message() for _ in range(30)], partial(called.append, 25))
    assert writer.counts()["waiting"] == 55
    writer.start()
    await writer.stop()
    assert called == list(range(26))
    assert (writer.counts()["written"], writer.counts()["batches"]) == (55, 5)
    assert writer.counts()["waiting"] == 0


async def test_a_delivery_answered_later_goes(fleet_of_two: Database):
    async with running(batch_seconds=NEVER) as writer:
        writer.put(1, 1, [delivery(1, 10), delivery(1, 11), delivery(2, 10)])
        await writer.flush()
        writer.put(1, 1, [done(1, 10)])
    assert sorted(fleet_of_two.query("SELECT route_id, seq FROM routing_delivery")) == [(1, 11), (2, 10)]


async def test_rows_of_a_session_that_another_runtime_owns_are_not_written(fleet_of_two: Database):
    lost: list[tuple[int, int]] = []
    called: list[int] = []
    await fleet_of_two.orm(lambda: ChargerSession.objects.filter(pk=1).update(epoch=2, runtime="theirs"))
    async with running(batch_seconds=NEVER) as writer:
        writer.lost = lambda *session: lost.append(session)
        writer.put(1, 1, [message(1), latest(1)], partial(called.append, 1))
        writer.put(1, 1, [message(1)], partial(called.append, 1))
        writer.put(2, 1, [message(2)], partial(called.append, 2))
        writer.put(3, 1, [message(3)], partial(called.append, 3))  # a charger that was deleted
        await writer.flush()
        assert writer.counts()["fenced"] == 4
    assert (lost, called) == ([(1, 1), (3, 1)], [2])
    assert fleet_of_two.query("SELECT charger_id FROM routing_message") == [(2,)]
    assert fleet_of_two.query("SELECT * FROM routing_latestvalue") == []


async def test_nobody_takes_a_session_while_its_rows_are_written(fleet_of_two: Database, monkeypatch):
    """The epoch holds until the commit: what the next owner loads has all that the last one wrote."""
    taken: list[bool] = []

    def take(rows: Any) -> Any:
        taken.append(fleet_of_two.could("UPDATE routing_chargersession SET epoch = 2 WHERE charger_id = 1"))
        return coalesce(rows)

    monkeypatch.setattr(store_module, "coalesce", take)
    async with running() as writer:
        writer.put(1, 1, [message(1)])
        await writer.flush()
    assert taken == [False]
    assert fleet_of_two.could("UPDATE routing_chargersession SET epoch = 2 WHERE charger_id = 1")


async def test_what_an_older_session_left_does_not_cost_the_present_one(fleet_of_two: Database):
    lost: list[tuple[int, int]] = []
    async with running(batch_seconds=NEVER) as writer:
        writer.lost = lambda *session: lost.append(session)
        writer.put(1, 0, [message(1, message_id="older")])
        writer.put(1, 1, [message(1, message_id="present")])
        await writer.flush()
    assert lost == [(1, 0)], "its owner knows that the present one has another epoch"
    assert fleet_of_two.query("SELECT message_id FROM routing_message") == [("present",)]


async def test_a_route_deleted_meanwhile_costs_only_its_own_rows(fleet_of_two: Database, caplog):
    called: list[int] = []
    await fleet_of_two.orm(Route.objects.filter(pk=1).delete)
    async with running(batch_seconds=NEVER) as writer:
        writer.put(1, 1, [message(1), delivery(1, 10), delivery(2, 10)], partial(called.append, 1))
        writer.put(2, 1, [message(2), delivery(3, 10, charger=2)], partial(called.append, 2))
        await writer.flush()
        assert writer.counts()["refused"] == 1
    assert called == [1, 2]
    assert sorted(fleet_of_two.query("SELECT route_id FROM routing_delivery")) == [(2,), (3,)]
    assert len(fleet_of_two.query("SELECT id FROM routing_message")) == 2
    assert (
        "charger 1: a DeliveryRow (route 1, seq 10) can't be stored and is dropped: "
        "ValueError: route 1 does not exist any more"
    ) in caplog.messages


async def test_a_transaction_outlives_the_route_that_owned_it(fleet_of_two: Database):
    await fleet_of_two.orm(Route.objects.filter(pk=1).delete)
    async with running() as writer:
        writer.put(1, 1, [transaction(owner=1, meter_start=17)])
        await writer.flush()
        assert writer.counts()["refused"] == 0
    stored = await fleet_of_two.orm(Transaction.objects.get)
    assert (stored.owner_id, stored.meter_start) == (None, 17)


@pytest.mark.parametrize("wrong", [{"text": 17}, {"transaction": "no UUID"}])
async def test_a_value_of_the_wrong_kind_costs_only_its_row(
    fleet_of_two: Database, caplog, wrong: dict[str, Any]
):
    async with running(batch_seconds=NEVER) as writer:
        writer.put(1, 1, [message(**wrong), message(message_id="right")])
        await writer.flush()
        assert writer.counts()["refused"] == 1
    assert fleet_of_two.query("SELECT message_id FROM routing_message") == [("right",)]
    assert "a MessageRow" in caplog.text


async def test_health_is_added_to_what_is_known(fleet_of_two: Database):
    async with running() as writer:
        writer.put(1, 1, [route_health(waiting=3)])  # nothing is known of the route yet: left out
        await writer.flush()
        assert fleet_of_two.query("SELECT count(*) FROM routing_routestate") == [(0,)]
        writer.put(
            1,
            1,
            [route_health(waiting=2), route_state(), ChargerHealthRow(charger=1, waits_for="its backoffice")],
        )
        await writer.flush()
        writer.put(1, 1, [route_state(state="closed")])
        await writer.flush()
    stored = fleet_of_two.query("SELECT state, waiting, round_trip_ms FROM routing_routestate")
    assert stored == [("closed", 2, 12.5)]
    assert fleet_of_two.query("SELECT waits_for FROM routing_chargersession WHERE charger_id = 1") == [
        ("its backoffice",)
    ]


async def test_a_delivery_that_is_there_already_stays(fleet_of_two: Database):
    """As when the connection broke in the moment of COMMIT and the batch is written again."""
    async with running(batch_seconds=NEVER) as writer:
        writer.put(1, 1, [delivery(1, 10)])
        await writer.flush()
        writer.put(1, 1, [delivery(1, 10), delivery(1, 11)])
        await writer.flush()
        assert writer.counts()["refused"] == 0
    assert fleet_of_two.query("SELECT seq FROM routing_delivery ORDER BY seq") == [(10,), (11,)]


async def test_a_database_that_is_away_delays_everything_and_loses_nothing(fleet_of_two: Database, caplog):
    fleet_of_two.settings["OPTIONS"] |= {"timeout": 0.02} if fleet_of_two.vendor == "sqlite" else {}
    called: list[int] = []
    async with running(batch_rows=5) as writer:
        writer.put(1, 1, [message(message_id="before")])
        await writer.flush()
        with logged("the database is away") as retried, away(fleet_of_two):
            for number in range(30):
                writer.put(1, 1, [message(message_id=f"{number:02}")], partial(called.append, number))
            await retried.wait()
            assert called == []
            assert writer.counts()["waiting"] == 30
        await writer.flush()
        assert writer.counts()["retries"] >= 1
    assert called == list(range(30))
    stored = [row[0] for row in fleet_of_two.query("SELECT message_id FROM routing_message ORDER BY id")]
    assert stored == ["before", *(f"{number:02}" for number in range(30))]
    said = [line for line in caplog.messages if line.startswith("the database is")]
    assert [line[:20] for line in said] == ["the database is away", "the database is back"]


async def test_text_that_no_database_takes_is_written_readably(fleet_of_two: Database):
    async with running() as writer:
        writer.put(
            1,
            1,
            [message(text='"\0"', answer="half \ud83d", action="é😀"), latest(key="\0", payload="\udc00")],
        )
    stored = fleet_of_two.query("SELECT text, answer, action FROM routing_message")
    assert stored == [('"\\u0000"', "half \\ud83d", "é😀")]
    assert fleet_of_two.query("SELECT key, payload FROM routing_latestvalue") == [("\\u0000", "\\udc00")]


async def test_stop_commits_everything_and_ends(fleet_of_two: Database):
    called: list[int] = []
    writer = Writer(asyncio.get_running_loop(), batch_rows=1000, batch_seconds=NEVER)
    writer.start()
    writer.put(1, 1, [message()], lambda: writer.put(1, 1, [message()], partial(called.append, 2)))
    await writer.stop()
    assert called == [2]  # what a callback put is stored too
    assert len(fleet_of_two.query("SELECT id FROM routing_message")) == 2
    with pytest.raises(WriterStopped, match="1 rows of charger 1 came after the writer was stopped"):
        writer.put(1, 1, [message()])


async def test_a_callback_that_fails_costs_nobody_else_the_commit(fleet_of_two: Database, caplog):
    called: list[int] = []
    async with running(batch_seconds=NEVER) as writer:
        writer.put(1, 1, [message()], partial(list[Any].remove, called, "nothing"))
        writer.put(2, 1, [message(2)], partial(called.append, 2))
        await writer.flush()
    assert called == [2]
    assert "charger 1: after commit: the callback failed" in caplog.text


async def test_flush_that_was_cancelled_does_no_harm(fleet_of_two: Database):
    async with running(batch_seconds=NEVER) as writer:
        waiting = asyncio.ensure_future(writer.flush())
        await asyncio.sleep(0)
        waiting.cancel()
        await writer.flush()


KILLED = """
import asyncio, sys
import django
django.setup()
from routing.writer import Writer
from tests.routing.rows import delivery, message

async def main():
    writer = Writer(asyncio.get_running_loop(), batch_rows=20)
    writer.start()
    number = 0
    while True:
        for _ in range(10):
            number += 1
            rows = [message(message_id=str(number)), delivery(1, number)]
            writer.put(1, 1, rows, lambda number=number: print(number, flush=True))
        await asyncio.sleep(0.001)

asyncio.run(main())
"""


async def test_kill_9_loses_nothing_that_was_reported_as_done(fleet_of_two: Database):
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", KILLED,
        stdout=asyncio.subprocess.PIPE,
        cwd=Path(__file__).parents[2],
        env={**os.environ, "DJANGO_SETTINGS_MODULE": "proxy_site.settings", "DATABASE_URL": fleet_of_two.url},
    )  # fmt: skip
    assert process.stdout
    reported = [int(await process.stdout.readline()) for _ in range(500)]
    process.send_signal(signal.SIGKILL)
    rest, _ = await process.communicate()
    reported += [int(line) for line in rest.splitlines()]
    assert reported == list(range(1, len(reported) + 1))

    def stored() -> tuple[set[int], list[int]]:
        return (
            {int(number) for number in Message.objects.values_list("message_id", flat=True)},
            list(Delivery.objects.order_by("seq").values_list("seq", flat=True)),
        )

    messages, deliveries = await fleet_of_two.orm(stored)
    assert set(reported) <= messages
    assert deliveries == list(range(1, len(deliveries) + 1))  # whole batches, in order
    assert messages == set(deliveries)


async def test_times_are_read_back_as_they_were(fleet_of_two: Database):
    async with running() as writer:
        writer.put(1, 1, [message(at=AT), message(at=AT.replace(microsecond=0))])
    read = await fleet_of_two.orm(lambda: list(Message.objects.order_by("pk").values_list("at", flat=True)))
    assert read == [AT, AT.replace(microsecond=0)]
