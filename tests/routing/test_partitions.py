"""Tables of the audit log on PostgreSQL: made ahead, thinned out, merged, dropped, beside a busy writer."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import psycopg
import pytest
from django.apps import apps
from django.db import OperationalError, connection, connections

from accounts.models import Organisation
from routing import partitions
from routing.keeping import keeping_at
from routing.models import Message
from tests.databases import Database, default_database
from tests.routing.days import NOW, TODAY, ago, log, make, names, no_tables, rows_of, there

OF_TODAY = ["d20260320", "d20260321", "d20260322", "d20260323"]


def always() -> bool:
    return True


@pytest.fixture(autouse=True)
def database(postgres_url: str, django_db_blocker: Any) -> Iterator[Database]:
    with django_db_blocker.unblock(), default_database(postgres_url) as settings, no_tables():
        _of("chargers", "Charger").all().delete()
        Organisation.objects.all().delete()
        yield Database(postgres_url, settings)


@pytest.fixture(autouse=True)
def days(settings: Any) -> None:
    settings.PROXY_KEEP_FRAMES_DAYS, settings.PROXY_KEEP_EXCHANGES_DAYS = 90, 365


def _of(app: str, model: str) -> Any:
    return apps.get_model(app, model)._default_manager


def organisation(charger: int, **kept: int) -> None:
    """Give a charger to an organisation that keeps its rows otherwise."""
    own = Organisation.objects.create(name=f"of {charger}", **kept)
    _of("chargers", "Charger").create(pk=charger, identity=f"CP-{charger}", organisation=own)


def tidy() -> list[str]:
    return list(partitions.tidy(keeping_at(NOW), always))


def notes() -> dict[str, str]:
    return {part.name: part.noted for part in partitions.parts()}


# Days ahead


def test_there_are_tables_for_today_and_three_days() -> None:
    made = partitions.make_days(TODAY, 0)
    assert names() == OF_TODAY
    assert made == [f"{partitions.TABLE}_{name}" for name in OF_TODAY]
    assert partitions.make_days(TODAY, 0) == []
    assert partitions.make_days(TODAY + 1, 0) == [f"{partitions.TABLE}_d20260324"]


def test_a_day_is_a_day_of_utc() -> None:
    partitions.make_days(TODAY, 0)
    first = partitions.parts()[0]
    assert (first.start, first.end) == (
        int(datetime(2026, 3, 20, tzinfo=UTC).timestamp() * 1e6),
        int(datetime(2026, 3, 21, tzinfo=UTC).timestamp() * 1e6),
    )
    log(0, exchange=first.start)
    log(0, exchange=first.end - 1)
    log(0, exchange=first.end)
    assert [rows_of(part.name) for part in partitions.parts()] == [2, 1, 0, 0]


def test_a_new_day_has_the_indexes_and_columns_of_the_whole_also_those_of_tomorrow() -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"ALTER TABLE {partitions.TABLE} ADD COLUMN of_tomorrow text DEFAULT 'x'")
        cursor.execute(f"CREATE INDEX of_tomorrow ON {partitions.TABLE} (of_tomorrow)")
        try:
            partitions.make_days(TODAY, 0)
            log(0)
            cursor.execute("SELECT of_tomorrow FROM routing_message_d20260320")
            assert cursor.fetchone() == ("x",)
            cursor.execute("SELECT indexdef FROM pg_indexes WHERE tablename = 'routing_message_d20260320'")
            indexes = [row[0] for row in cursor.fetchall()]
        finally:
            cursor.execute(f"ALTER TABLE {partitions.TABLE} DROP COLUMN of_tomorrow")
    assert len(indexes) == len(Message._meta.indexes) + 1
    assert sum("(of_tomorrow)" in index for index in indexes) == 1


def test_what_stands_in_the_default_table_moves_to_its_day() -> None:
    numbers = [log(0), log(-1), log(40)]
    assert rows_of(partitions.DEFAULT) == 3
    partitions.make_days(TODAY, ago(365))
    assert names() == ["d20260208", *OF_TODAY]
    assert rows_of(partitions.DEFAULT) == 0
    assert there() == sorted(numbers)


def test_rows_of_no_day_stay_where_they_are_or_go() -> None:
    log(0, exchange=5)
    ahead = log(-4000)
    partitions.make_days(TODAY, ago(365))
    assert names() == OF_TODAY
    assert rows_of(partitions.DEFAULT) == 2
    assert tidy() == ["dropped 1 rows of no day"]
    assert there() == [ahead]


def test_another_process_may_be_at_it() -> None:
    with psycopg.connect(_url()) as other:
        other.execute(f"SELECT pg_advisory_xact_lock({partitions.ONE_AT_A_TIME})".encode())
        with pytest.raises(partitions.Busy):
            partitions.make_days(TODAY, 0)
    assert names() == []
    partitions.make_days(TODAY, 0)
    assert names() == OF_TODAY


def _url() -> str:
    given = connections.settings["default"]
    return psycopg.conninfo.make_conninfo(
        dbname=given["NAME"],
        user=given["USER"],
        password=given["PASSWORD"],
        host=given["HOST"],
        port=given["PORT"],
    )


# What is over


def test_days_of_which_nothing_is_kept_are_dropped() -> None:
    make(400, 366, 365)
    log(400)
    log(366, outcome="error")
    kept = log(365, outcome="error")
    assert tidy()[:2] == ["dropped routing_message_d20250213", "dropped routing_message_d20250319"]
    assert names() == ["m202503"]
    assert there() == [kept]


def test_of_days_past_the_frames_the_exchanges_that_went_wrong_stay_whole() -> None:
    make(100, 90)
    wrong, also_wrong = ago(100), ago(100) + 1
    log(0, exchange=wrong)
    log(0, exchange=wrong, route_id=7, outcome="timeout")
    log(0, exchange=wrong, route_id=8, outcome="sent")
    log(0, exchange=also_wrong, outcome="denied")
    log(0, exchange=wrong, charger=2)  # the number is one of a charger
    log(0, exchange=also_wrong + 1)
    young = log(90)
    assert tidy() == ["kept 4 rows of routing_message_d20251210"]
    assert there() == [wrong, wrong, wrong, also_wrong, young]
    assert set(Message.objects.values_list("charger_id", flat=True)) == {1}


def test_a_day_of_which_nothing_stays_is_dropped() -> None:
    make(100)
    log(100)
    assert tidy() == ["dropped routing_message_d20251210"]
    assert "d20251210" not in names()


def test_a_second_run_does_nothing() -> None:
    make(100)
    log(100, outcome="error")
    assert tidy() != []
    before = notes()
    assert before["routing_message_d20251210"].startswith('{"kept from":')
    assert tidy() == []
    assert notes() == before


def test_a_rule_that_has_changed_is_applied_anew(settings: Any) -> None:
    make(100)
    log(100, outcome="error")
    tidy()
    settings.PROXY_KEEP_FRAMES_DAYS, settings.PROXY_KEEP_EXCHANGES_DAYS = 10, 50
    assert tidy() == ["dropped routing_message_d20251210"]


def test_organisations_keep_longer_or_shorter() -> None:
    organisation(11, keep_frames_days=120)
    organisation(12, keep_exchanges_days=95)
    organisation(13, keep_frames_days=5, keep_exchanges_days=6)
    organisation(14)
    make(100, 50)
    for charger in (11, 12, 13, 14, 99):
        log(100, charger=charger)
        log(100, charger=charger, exchange=ago(100) + 1, outcome="error")
        log(50, charger=charger)
    assert tidy() == ["kept 4 rows of routing_message_d20251210", "kept 4 rows of routing_message_d20260129"]
    rows = Message.objects.order_by("exchange", "charger_id").values_list("charger_id", "exchange")
    assert list(rows) == [
        (11, ago(100)), (11, ago(100) + 1), (14, ago(100) + 1), (99, ago(100) + 1),
        (11, ago(50)), (12, ago(50)), (14, ago(50)), (99, ago(50)),
    ]  # fmt: skip
    assert tidy() == []


def test_a_new_organisation_has_no_day_written_anew() -> None:
    make(100)
    log(100, outcome="error")
    tidy()
    organisation(11)
    organisation(12, keep_frames_days=90, keep_exchanges_days=365)
    assert tidy() == []


def test_errors_are_never_kept_shorter_than_the_rest(settings: Any) -> None:
    settings.PROXY_KEEP_EXCHANGES_DAYS = 10
    make(50)
    numbers = [log(50), log(50, exchange=ago(50) + 1, outcome="error")]
    assert tidy() == []
    assert there() == numbers


# Months


def test_days_of_a_month_that_is_past_the_frames_become_one_table() -> None:
    days = (170, 141, 140, 139, 110, 109)  # from the first of October to that of December
    make(*days)
    numbers = [log(ago, outcome="error") for ago in days]
    log(170.1)
    done = tidy()
    assert names() == ["m202510", "m202511", "d20251201"]
    assert there() == numbers
    assert [rows_of(f"routing_message_{name}") for name in names()] == [3, 2, 1]
    assert [line for line in done if "," in line] == [
        "kept 3 rows of routing_message_d20251001, routing_message_d20251030, routing_message_d20251031",
        "kept 2 rows of routing_message_d20251101, routing_message_d20251130",
    ]
    assert tidy() == []


def test_a_month_is_thinned_out_from_its_beginning(settings: Any) -> None:
    make(170, 160)
    old, young = log(170, outcome="error"), log(160, outcome="error")
    tidy()
    assert names()[0] == "m202510"
    assert there() == [old, young]
    settings.PROXY_KEEP_EXCHANGES_DAYS = 165
    assert tidy() == ["kept 1 rows of routing_message_m202510"]
    assert there() == [young]
    assert tidy() == []
    settings.PROXY_KEEP_EXCHANGES_DAYS = 130
    assert tidy() == ["dropped routing_message_m202510"]


def test_a_month_of_which_somebody_keeps_all_stays_in_days() -> None:
    organisation(11, keep_frames_days=400)
    make(170, 160)
    log(170, charger=11)
    log(160, outcome="error")
    tidy()
    assert names()[:2] == ["d20251001", "d20251011"]


def test_what_comes_late_is_kept_in_its_month() -> None:
    make(170)
    first = log(170, outcome="error")
    tidy()
    late = log(160, outcome="dropped")
    assert rows_of("routing_message_m202510") == 2
    assert there() == [first, late]
    assert tidy() == []


# Beside others


def _copy(cursor: psycopg.Cursor[Any], numbers: list[int]) -> None:
    columns = (
        "charger_id, at, exchange, direction, action, message_id, text, answer, outcome, error_code, rule"
    )
    with cursor.copy(f"COPY routing_message ({columns}) FROM STDIN".encode()) as copy:
        for number in numbers:
            copy.write_row([1, NOW, number, "up", "", "", "", "", "answered", "", ""])


def test_days_are_made_while_somebody_copies() -> None:
    partitions.make_days(TODAY, 0)
    with psycopg.connect(_url()) as writer:
        _copy(writer.cursor(), [ago(0)])  # not committed: its locks are held
        partitions.make_days(TODAY + 3, 0)
        assert len(names()) == 7
        _copy(writer.cursor(), [ago(-4)])  # and it goes on, into a day that is newer than its transaction
    assert there() == [ago(0), ago(-4)]
    assert rows_of(partitions.DEFAULT) == 0


def test_a_writer_gets_on_while_a_day_is_attached() -> None:
    """Attaching waits for whoever reads the default table; the writer does not stand behind it."""
    partitions.make_days(TODAY, 0)
    with psycopg.connect(_url()) as reader, psycopg.connect(_url()) as writer:
        reader.execute(b"SELECT count(*) FROM routing_message_default")
        attaching = _in_thread(lambda: partitions.make_days(TODAY + 3, 0))
        _wait_until_somebody_waits_for(partitions.DEFAULT)
        _copy(writer.cursor(), [ago(0)])
        writer.commit()
        reader.rollback()
        attaching.join()
    assert len(names()) == 7
    assert there() == [ago(0)]


def test_a_lock_that_is_not_to_be_had_is_left_to_the_next_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(partitions, "PATIENCE", "10ms")
    monkeypatch.setattr(partitions, "WRITER_WAITS", "10ms")
    monkeypatch.setattr(partitions, "PAUSE_S", 0)
    make(400, 100)
    numbers = [log(400), log(100, outcome="error"), log(100, exchange=ago(100) + 1)]
    with psycopg.connect(_url()) as reader:
        reader.execute(b"SELECT count(*) FROM routing_message")
        for work in (tidy, lambda: partitions.make_days(TODAY + 9, 0)):
            with pytest.raises(OperationalError, match="lock timeout"):
                work()
    assert there() == sorted(numbers)
    assert len(tidy()) == 2
    assert there() == [numbers[1]]


def test_who_writes_to_a_day_that_is_written_anew_waits_and_loses_nothing(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    make(100)
    first = log(100, outcome="error")
    could: list[bool] = []
    fill = partitions._fill

    def filled(*args: Any) -> int:
        could.append(database.could("UPDATE routing_message_d20251210 SET id_tag = ''"))
        could.append(database.could("SELECT * FROM routing_message"))
        return fill(*args)

    monkeypatch.setattr(partitions, "_fill", filled)
    assert tidy() == ["kept 1 rows of routing_message_d20251210"]
    assert could == [False, True]
    assert there() == [first]


def test_who_is_to_end_leaves_all_as_it_was() -> None:
    make(100)
    numbers = [log(100, outcome="error"), log(100, exchange=ago(100) + 1)]
    answers = iter([True, True, False])
    with pytest.raises(partitions.Interrupted):
        list(partitions.tidy(keeping_at(NOW), lambda: next(answers)))
    assert there() == numbers
    assert tidy() == ["kept 1 rows of routing_message_d20251210"]


def test_another_process_may_have_done_it(monkeypatch: pytest.MonkeyPatch) -> None:
    make(400, 100)
    log(100, outcome="error")
    before = partitions.parts()
    tidy()
    gone, rewritten, *_ = before
    span = rewritten.span
    assert partitions._drop(gone) == []
    assert partitions._rewrite([rewritten], rewritten.name, span, keeping_at(NOW).within(span), always) == []
    assert len(there()) == 1


def _in_thread(work: Any) -> threading.Thread:
    def run() -> None:
        try:
            work()
        finally:
            connections.close_all()

    thread = threading.Thread(target=run)
    thread.start()
    return thread


def _wait_until_somebody_waits_for(table: str) -> None:
    """Looks again and again: a lock that is waited for tells nobody."""
    query = "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = %s::regclass"
    with psycopg.connect(_url(), autocommit=True) as other:
        while not other.execute(query, [table]).fetchall()[0][0]:
            threading.Event().wait(0.005)
