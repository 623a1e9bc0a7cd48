from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta, timezone
from functools import cache
from itertools import pairwise
from typing import Any, get_args
from uuid import UUID

import psycopg
import pytest
from django.apps import apps
from django.db import connection, models, transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chargers.models import Connector
from routing.core.rows import DeliveryDone, DeliveryFailed, DeliveryRow, LatestRow, MessageRow, Row
from routing.models import Delivery, LatestValue, Message, RouteState, RouteTransaction, Transaction
from routing.tables import (
    TABLES,
    SqliteStatement,
    Statement,
    Table,
    Verb,
    coalesce,
    shortened,
    statements,
    storable,
)
from tests.databases import Database
from tests.routing import rows as make


@cache
def known(vendor: str) -> dict[type[Row], Statement]:
    return statements(connection)


def cursor() -> Any:
    connection.ensure_connection()
    raw: Any = connection.connection
    return psycopg.Cursor(raw) if connection.vendor == "postgresql" else raw.cursor()


def store(rows: Sequence[Row], *, one_by_one: bool = False) -> None:
    kinds = coalesce(rows)
    with transaction.atomic():
        for kind, statement in known(connection.vendor).items():
            if kind in kinds and not one_by_one:
                statement.run(cursor(), kinds[kind])
            for row in kinds.get(kind, ()) if one_by_one else ():
                statement.run_one(cursor(), row)


def test_every_kind_of_row_has_a_table():
    assert {table.row for table in TABLES} == set(get_args(Row))


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.row.__name__)
def test_every_column_that_needs_a_value_gets_one(table: Table):
    """A column added to a model without a default in the database would make every insert fail."""
    filled = {
        table.renamed.get(name, name) for name in table.row.__struct_fields__ if name not in table.without
    }
    filled |= set(table.constants)
    fields = list(apps.get_model(table.model)._meta.concrete_fields)
    assert filled <= {name for field in fields for name in (field.name, field.attname)}
    if table.verb in (Verb.APPEND, Verb.ADD, Verb.PUT):
        ours = [field for field in fields if field.get_internal_type() != "BigAutoField"]
        needed = {field.name for field in ours if not field.null and not field.has_db_default()}
        assert needed <= filled


STORED: dict[str, tuple[Row, type[models.Model], dict[str, Any]]] = {
    "message": (
        make.message(route=1, transaction=make.SESSION, connector_id=2),
        Message,
        {
            "charger_id": 1, "route_id": 1, "at": make.AT, "exchange": 1, "direction": "up",
            "action": "Heartbeat", "message_id": "m-1",
            "text": '[2,"m-1","Heartbeat",{}]', "answer": '[3,"m-1",{}]',
            "outcome": "answered", "error_code": "", "rule": "the proxy", "latency_ms": 0.5,
            "transaction_id": make.SESSION, "connector_id": 2,
        },
    ),
    "message with nothing in it": (
        make.message(latency_ms=None, text=""),
        Message,
        {"route_id": None, "latency_ms": None, "transaction_id": None, "connector_id": None, "text": ""},
    ),
    "delivery": (
        make.delivery(2, 1_715_941_800_123_456, transaction=make.SESSION, attempts=2),
        Delivery,
        {
            "charger_id": 1, "route_id": 2, "seq": 1_715_941_800_123_456, "at": make.AT,
            "action": "MeterValues", "payload": "{}", "transaction_id": make.SESSION,
            "attempts": 2, "error": "", "dead": False,
        },
    ),
    "transaction": (
        make.transaction(owner=1, closed=make.AT, evse_id=3, meter_stop=5, charger_transaction_id="7"),
        Transaction,
        {
            "id": make.SESSION, "owner_id": 1, "closed": make.AT, "evse_id": 3, "meter_stop": 5,
            "charger_transaction_id": "7", "created": make.AT, "last_payload": "",
        },
    ),
    "open transaction": (
        make.transaction(),
        Transaction,
        {"owner_id": None, "closed": None, "evse_id": None, "charger_transaction_id": None},
    ),
    "latest": (make.latest(), LatestValue, {"kind": "status", "key": "0/1", "payload": "{}", "at": make.AT}),
    "connector": (make.connector(), Connector, {"evse_id": 0, "connector_id": 1, "updated_at": make.AT}),
    "route state": (make.route_state(2), RouteState, {"route_id": 2, "since": make.AT, "state": "connected"}),
}  # fmt: skip


@pytest.mark.parametrize("one_by_one", [False, True], ids=["together", "one by one"])
@pytest.mark.parametrize(("row", "model", "expected"), STORED.values(), ids=list(STORED))
def test_the_orm_reads_what_was_written(database: Database, row, model, expected, one_by_one):
    make.fleet()
    store([row], one_by_one=one_by_one)
    stored = model._default_manager.get()
    assert {name: getattr(stored, name) for name in expected} == expected


def test_a_route_transaction_is_replaced_by_its_key(database: Database):
    make.fleet()
    store([make.transaction(), make.route_transaction()])
    store(
        [make.route_transaction(route_transaction_id="4711", state="known"), make.route_transaction(route=2)]
    )
    stored = RouteTransaction.objects.order_by("route").values_list("route", "route_transaction_id", "state")
    assert list(stored) == [(1, "4711", "known"), (2, None, "pending")]


def test_a_failed_delivery_keeps_its_place(database: Database):
    make.fleet()
    store([make.delivery(1, 10), make.delivery(1, 11), make.failed(1, 11, attempts=1)])
    store([make.failed(1, 10, attempts=3, error="TypeConstraintViolation", dead=True), make.failed(2, 99)])
    stored = Delivery.objects.order_by("seq").values_list("seq", "attempts", "error", "dead")
    assert list(stored) == [(10, 3, "TypeConstraintViolation", True), (11, 1, "no answer", False)]


@pytest.mark.parametrize("count", [1, 3, 4, 16, 63, 64, 65, 1500])
def test_any_number_of_rows_is_stored_at_once(database: Database, count):
    make.fleet()
    store([make.message(message_id=str(number)) for number in range(count)])
    store([make.delivery(1, number) for number in range(count)])
    assert list(Message.objects.order_by("pk").values_list("message_id", flat=True)) == [
        str(n) for n in range(count)
    ]
    store([make.done(1, number) for number in range(count) if number != 2])
    assert list(Delivery.objects.values_list("seq", flat=True)) == ([2] if count > 2 else [])


def test_no_statement_has_more_parameters_than_any_sqlite_takes(database: Database):
    for statement in statements(connection).values():
        if isinstance(statement, SqliteStatement):
            assert max(sql.count("?") for sql in statement._sql.values()) <= SqliteStatement.PARAMETERS


def test_no_table_is_scanned_for_rows_to_change_or_remove(database: Database):
    for statement in statements(connection).values():
        verb = statement.shape.table.verb
        if isinstance(statement, SqliteStatement) and verb in (Verb.CHANGE, Verb.REMOVE):
            for sql in statement._sql.values():
                plan = cursor().execute(f"EXPLAIN QUERY PLAN {sql}", [1] * sql.count("?")).fetchall()
                assert [step[3].split()[0] for step in plan] == ["SEARCH"], plan


AMSTERDAM = timezone(timedelta(hours=2))


def test_times_of_another_zone_are_stored_in_utc(database: Database):
    make.fleet()
    store([make.message(at=datetime(2024, 5, 17, 12, 30, tzinfo=AMSTERDAM))])
    assert Message.objects.get().at == datetime(2024, 5, 17, 10, 30, tzinfo=UTC)
    assert Message.objects.filter(at__gt=make.AT - timedelta(minutes=1)).exists()


def test_what_is_too_long_is_cut(database: Database):
    make.fleet()
    store(
        [
            make.message(message_id="m" * 500, rule="r" * 300),
            make.latest(key="a" * 300),
            make.latest(key="a" * 301),
        ]
    )
    stored = Message.objects.get()
    assert stored.message_id == "m" * 63 + "…"
    assert stored.rule == "r" * 254 + "…"
    assert LatestValue.objects.filter(key__startswith="a" * 200 + "aaaa").count() == 2  # still two keys


def test_numbers_beyond_the_column_are_unknown_or_the_nearest(database: Database):
    make.fleet()
    store(
        [
            make.message(connector_id=2**31),
            make.connector(connector_id=-(2**40)),
            make.connector(evse_id=10**30),
        ]
    )
    store([make.transaction(meter_start=10**4000, meter_stop=2**40)])
    assert Message.objects.get().connector_id is None
    numbers = Connector.objects.order_by("connector_id").values_list("evse_id", "connector_id")
    assert list(numbers) == [(0, -(2**31)), (2**31 - 1, 1)]
    assert Transaction.objects.values_list("meter_start", "meter_stop").get() == (None, 2**40)


@given(st.text(alphabet=st.characters() | st.sampled_from("\0\ud800\udfff")))
def test_storable_text_has_neither_nul_nor_half_characters(text: str):
    stored = storable(text)
    assert "\0" not in stored
    assert stored.encode().decode() == stored
    if "\0" not in text and not any("\ud800" <= character <= "\udfff" for character in text):
        assert stored == text


@given(st.text(min_size=65), st.booleans())
def test_shortened_text_has_exactly_the_length_of_its_column(text: str, exact: bool):
    assert len(shortened(text, 64, exact=exact)) == 64


# Coalescing: a batch does what its rows would do one after the other

KEYS = st.integers(1, 3)
IDS = [UUID(int=number) for number in range(1, 4)]


def upserts() -> st.SearchStrategy[Row]:
    words = st.sampled_from(["a", "b", "c"])
    numbers = st.integers(0, 3)
    return st.one_of(
        st.builds(lambda i, n: make.transaction(IDS[i - 1], meter_start=n), KEYS, numbers),
        st.builds(
            lambda i, route, word: make.route_transaction(IDS[i - 1], route, route_transaction_id=word),
            KEYS, st.integers(1, 2), words,
        ),
        st.builds(lambda key, word: make.latest(key=key, payload=word), words, words),
        st.builds(lambda number, word: make.connector(connector_id=number, status=word), KEYS, words),
        st.builds(lambda route, word: make.route_state(route, last_error=word), st.integers(1, 2), words),
        st.builds(lambda word: make.message(message_id=word), words),
    )  # fmt: skip


@st.composite
def lives(draw: st.DrawFn) -> list[Row]:
    """Deliveries as the core has them: added, perhaps failed some times, perhaps done; interleaved."""
    queues: list[list[Row]] = []
    for route in (1, 2):
        for seq in draw(st.sets(st.integers(1, 4))):
            life: list[Row] = [make.delivery(route, seq)]
            life += [
                make.failed(route, seq, attempts=n + 1, dead=n == 2) for n in range(draw(st.integers(0, 3)))
            ]
            life += [make.done(route, seq)] * draw(st.integers(0, 1))
            queues.append(life)
    queues += [[row] for row in draw(st.lists(upserts(), max_size=8))]
    mixed: list[Row] = []
    while queues:
        queue = queues[draw(st.integers(0, len(queues) - 1))]
        mixed.append(queue.pop(0))
        queues = [queue for queue in queues if queue]
    return mixed


def state() -> dict[str, list[tuple[Any, ...]]]:
    """Everything in the tables that the writer writes, without keys that the database gave."""
    found = {}
    for label in sorted({table.model for table in TABLES}):
        model = apps.get_model(label)
        names = [f.attname for f in model._meta.concrete_fields if not isinstance(f, models.BigAutoField)]
        found[label] = sorted(model._default_manager.values_list(*names), key=str)
    return found


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=lives(), cut=st.lists(st.integers(0, 30), max_size=3))
def test_batches_end_where_rows_one_by_one_end(database: Database, rows: list[Row], cut: list[int]):
    if not Transaction.objects.exists():
        make.fleet()
        store([make.transaction(id_) for id_ in IDS])

    def end(pieces: list[list[Row]]) -> dict[str, Any]:
        with transaction.atomic():
            for piece in pieces:
                store(piece)
            found = state()
            transaction.set_rollback(True)
            return found

    assert end(batches(rows, cut)) == end([[row] for row in rows])


def batches(rows: list[Row], cut: list[int]) -> list[list[Row]]:
    bounds = [0, *sorted(place for place in cut if place < len(rows)), len(rows)]
    return [rows[start:end] for start, end in pairwise(bounds)]


def test_coalesced_is_the_least():
    rows: list[Row] = [
        make.delivery(1, 2),
        make.failed(1, 1),
        make.latest(payload="old"),
        make.message(),
    ]
    rows += [make.failed(1, 1, attempts=2), make.done(2, 5), make.latest(payload="new"), make.message()]
    assert coalesce(rows) == {
        MessageRow: [make.message(), make.message()],
        LatestRow: [make.latest(payload="new")],
        DeliveryRow: [make.delivery(1, 2)],
        DeliveryFailed: [make.failed(1, 1, attempts=2)],
        DeliveryDone: [make.done(2, 5)],
    }
