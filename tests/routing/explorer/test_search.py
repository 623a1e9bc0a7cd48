"""What is found, by whom, page by page, and with how many queries; on both databases."""

from __future__ import annotations

import uuid
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import AnonymousUser
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.models import User
from chargers.models import Charger
from routing.explorer import search
from routing.explorer.filters import Filter
from routing.explorer.search import exchange_of, exchanges_of, find
from routing.models import Transaction
from routing.models.traffic import number_at
from tests.routing.explorer.conftest import SECRET, Log

HOUR = 3600.0


@pytest.fixture
def log(database: Any) -> Log:
    return Log()


@pytest.fixture
def boss(log: Log) -> User:
    return User.objects.create_superuser("boss")


def agos(log: Log, page: search.Page) -> list[float]:
    """How many seconds before now the exchanges of a page began."""
    return [round((log.now - x.at).total_seconds(), 3) for x in page.exchanges]


def numbered(log: Log, *seconds: float) -> list[tuple[int, int]]:
    return [(number_at(log.now - timedelta(seconds=ago)), 1) for ago in seconds]


# -- order and pages ----------------------------------------------------------------------------------


@pytest.mark.parametrize("who", ["boss", "member", "many"])
def test_pages_go_back_and_forth_without_a_gap(log: Log, boss: User, who: str, monkeypatch: Any) -> None:
    chargers = [log.charger(f"CP-{n}") for n in range(3)]
    for ago in range(10):
        log.row(chargers[ago % 3], ago)
        log.copy(chargers[ago % 3], ago)
        log.copy(chargers[ago % 3], ago, "energy")
    if who == "many":
        monkeypatch.setattr(search, "FEW", 2)
    user = boss if who == "boss" else log.user("ours")
    first = find(user, Filter(), limit=4)
    second = find(user, Filter(), before=first.older, limit=4)
    last = find(user, Filter(), before=second.older, limit=4)
    assert [agos(log, page) for page in (first, second, last)] == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]
    assert {len(x.legs) for x in first.exchanges} == {3}
    assert (first.newer, last.older) == (None, None)
    back = find(user, Filter(), after=last.newer, limit=4)
    assert agos(log, back) == [4, 5, 6, 7]
    assert agos(log, find(user, Filter(), after=back.newer, limit=4)) == [0, 1, 2, 3]
    assert find(user, Filter(), after=first.exchanges[0].key).exchanges == []


def test_a_page_stays_what_it_is_while_rows_are_added(log: Log, boss: User) -> None:
    charger = log.charger("CP-1")
    for ago in range(6):
        log.row(charger, ago)
    first = find(boss, Filter(), limit=3)
    log.row(charger, -1)
    assert agos(log, find(boss, Filter(), before=first.older, limit=3)) == [3, 4, 5]
    assert agos(log, find(boss, Filter(), after=first.exchanges[0].key)) == [-1]


@pytest.mark.parametrize("few", [200, 1])
def test_exchanges_of_the_same_microsecond_are_told_apart_by_charger(
    log: Log, few: int, monkeypatch: Any
) -> None:
    monkeypatch.setattr(search, "FEW", few)
    for n in range(3):
        log.row(log.charger(f"CP-{n}"), 5)
    user, seen, before = log.user("ours"), [], None
    for _ in range(3):
        page = find(user, Filter(), before=before, limit=1)
        seen += [x.charger for x in page.exchanges]
        before = page.older
    assert seen == sorted(seen, reverse=True)
    assert len(seen) == 3
    assert before is None


def test_rows_of_another_charger_with_the_same_number_are_not_mixed_in(log: Log, boss: User) -> None:
    one, other = log.charger("CP-1"), log.charger("CP-2")
    log.row(one, 5, action="Authorize")
    log.row(other, 5, action="BootNotification")
    log.row(other, 6, action="Authorize")
    page = find(boss, Filter(actions=("Authorize",)))
    assert [(x.charger, x.action) for x in page.exchanges] == [(one.pk, "Authorize"), (other.pk, "Authorize")]


def test_nothing_is_shown_by_its_key_from_before_a_charger_came(log: Log) -> None:
    charger, keys = log.charger("CP-1"), []
    for ago in (9, 5):
        row = log.row(charger, ago)
        keys.append((row.exchange, charger.pk))
    Charger.objects.filter(pk=charger.pk).update(owned_from=keys[1][0])
    page = exchanges_of(log.user("ours"), keys)
    assert [(x.number, x.charger) for x in page.exchanges] == keys[1:]


# -- filters ------------------------------------------------------------------------------------------


def scene(log: Log) -> dict[str, Any]:
    """One exchange of each sort; ``ago`` tells them apart."""
    charger = log.charger("CP-1")
    session = Transaction.objects.create(
        charger=charger, ocpp_version="1.6", created=log.now - timedelta(seconds=900)
    )
    log.row(charger, 100)
    log.row(charger, 200, action="MeterValues", transaction_id=session.pk, connector_id=1)
    log.copy(charger, 200, action="MeterValues", transaction_id=session.pk)
    log.row(charger, 300, action="Authorize", id_tag="CARD77", text='[2,"m","Authorize",{"idTag":"CARD77"}]')
    log.copy(charger, 300, "energy", action="Authorize", outcome="error", error_code="InternalError")
    log.copy(
        charger, 400, "energy", action="Reset", direction="down", outcome="denied", rule="no",
        message_id="own", text='[2,"own","Reset",{"type":"Hard"}]',
    )  # fmt: skip
    log.row(charger, 500, action="Dance", outcome="error", rule="proxy: NotImplemented")
    log.row(charger, 600, action="StatusNotification", connector_id=2)
    log.copy(
        charger, 600, "energy", action="StatusNotification", outcome="withheld",
        rule="nothing in it is for this route",
    )  # fmt: skip
    log.row(
        charger, 700, action="StartTransaction", transaction_id=session.pk, outcome="lost", connector_id=1
    )
    return {"charger": charger, "session": session, "energy": log.route(charger, "energy")}


ALL = [100, 200, 300, 400, 500, 600, 700]


EACH: list[tuple[dict[str, Any], list[int]]] = [
    ({}, ALL),
    ({"routine": False}, [300, 400, 500, 600, 700]),
    ({"routine": False, "actions": ("MeterValues",)}, [200]),
    ({"routine": False, "message_id": "m100"}, [100]),
    ({"actions": ("Authorize", "Reset")}, [300, 400]),
    ({"direction": "down"}, [400]),
    ({"direction": "up", "actions": ("Reset",)}, []),
    ({"group": "well"}, [100, 200, 600]),
    ({"group": "errors"}, [300, 500, 700]),
    ({"group": "blocked"}, [400, 500]),
    ({"group": "unanswered"}, [700]),
    ({"error_code": "InternalError"}, [300]),
    ({"message_id": "own"}, [400]),
    ({"message_id": "ow"}, []),
    ({"card": "CARD77"}, [300]),
    ({"card": "card77"}, [300]),
    ({"card": "CARD7"}, []),
    ({"connector_id": 1}, [200, 700]),
    ({"connector_id": 2, "group": "well"}, [600]),
    ({"connector_id": 1, "group": "errors"}, [700]),
    ({"card": "CARD77", "group": "errors"}, [300]),
    ({"card": "CARD77", "group": "well"}, []),
    ({"card": "CARD77", "group": "blocked"}, []),
]


def test_each_filter_finds_what_it_says(log: Log, boss: User) -> None:
    charger = scene(log)["charger"]
    log.charger("CP-2")
    whole = {x.key: len(x.legs) for x in find(boss, Filter()).exchanges}
    for user in (boss, log.user("ours")):
        for wanted, found in EACH:
            page = find(user, Filter(**wanted))
            assert agos(log, page) == found, wanted
            assert all(len(x.legs) == whole[x.key] for x in page.exchanges), wanted
            assert agos(log, find(user, Filter(**wanted, charger=charger.pk))) == found, wanted


def test_meter_values_that_did_not_arrive_are_not_left_out(log: Log, boss: User) -> None:
    charger = log.charger("CP-1")
    log.row(charger, 1, action="MeterValues")
    log.copy(charger, 1, action="MeterValues", outcome="timeout")
    log.row(charger, 2, action="MeterValues")
    assert agos(log, find(boss, Filter(routine=False))) == []
    for group in ("errors", "unanswered"):
        assert agos(log, find(boss, Filter(routine=False, group=group))) == [1]


def test_filters_by_what_a_charger_has(log: Log, boss: User) -> None:
    made = scene(log)
    energy = made["energy"]
    assert agos(log, find(boss, Filter(route=energy.pk))) == [300, 400, 600]
    assert agos(log, find(boss, Filter(backoffice=energy.backoffice_id))) == [300, 400, 600]
    assert agos(log, find(boss, Filter(backoffice=energy.backoffice_id, group="errors"))) == [300]
    assert agos(log, find(boss, Filter(backoffice=energy.backoffice_id, connector_id=2))) == [600]
    assert agos(log, find(boss, Filter(transaction=made["session"].pk))) == [200, 700]
    assert find(boss, Filter(transaction=uuid.uuid4())) == search.NOTHING


def test_a_text_is_looked_for_in_one_charger_and_two_days(log: Log, boss: User) -> None:
    charger = scene(log)["charger"]
    for text, found in (("CARD77", [300]), ("hard", [400]), ("100%", []), ("_", [])):
        assert agos(log, find(boss, Filter(charger=charger.pk, text=text))) == found, text
    assert Filter(text="x").problem(log.now)
    assert find(boss, Filter(text="x")) == search.NOTHING
    long_ago = Filter(charger=charger.pk, text="CARD77", since=log.now - timedelta(days=3))
    assert "2 days" in long_ago.problem(log.now)
    assert find(boss, long_ago) == search.NOTHING


# -- time ---------------------------------------------------------------------------------------------


def test_the_last_day_is_looked_at_unless_something_narrows_it_by_index(log: Log, boss: User) -> None:
    charger = log.charger("CP-1")
    log.row(charger, 25 * HOUR, message_id="old", id_tag="CARD", action="Authorize")
    log.row(charger, 23 * HOUR)
    assert agos(log, find(boss, Filter())) == [23 * HOUR]
    assert agos(log, find(boss, Filter(charger=charger.pk))) == [23 * HOUR]
    assert agos(log, find(boss, Filter(message_id="old"))) == [25 * HOUR]
    assert agos(log, find(boss, Filter(card="CARD"))) == [25 * HOUR]


def test_a_window_has_two_ends(log: Log, boss: User) -> None:
    charger = log.charger("CP-1")
    for ago in (1, 2, 3, 4):
        log.row(charger, ago * HOUR)
    window = Filter(since=log.now - timedelta(hours=3), until=log.now - timedelta(hours=2))
    assert agos(log, find(boss, window)) == [2 * HOUR, 3 * HOUR]
    turned = Filter(since=window.until, until=window.since)
    assert "before it begins" in turned.problem(log.now)


def test_what_fails_now_of_an_old_message_is_among_the_errors_of_the_last_hour(log: Log, boss: User) -> None:
    charger = log.charger("CP-1")
    log.row(charger, 72 * HOUR, action="StopTransaction")
    log.copy(charger, 72 * HOUR, action="StopTransaction", outcome="error", at=log.now)
    log.row(charger, 71 * HOUR, action="StopTransaction", outcome="error")
    errors = Filter(group="errors", since=log.now - timedelta(hours=1))
    assert agos(log, find(boss, errors)) == [72 * HOUR]
    assert agos(log, find(boss, replace(errors, charger=charger.pk))) == [72 * HOUR]


# -- whose --------------------------------------------------------------------------------------------

FILTERS: list[dict[str, Any]] = [
    {},
    {"group": "errors"},
    {"group": "well"},
    {"message_id": "m1"},
    {"card": "CARD77"},
    {"actions": ("Authorize",)},
]


@pytest.mark.parametrize("few", [200, 1])
def test_a_foreign_installer_finds_nothing(log: Log, few: int, monkeypatch: Any) -> None:
    monkeypatch.setattr(search, "FEW", few)
    theirs = log.charger(f"{SECRET}-1", "theirs")
    for ago, outcome in ((1, "answered"), (2, "error")):
        log.row(theirs, ago, outcome=outcome, id_tag="CARD77", action="Authorize", message_id="m1")
    log.charger("CP-1")
    log.charger("CP-2")
    strangers: list[Any] = [log.user("ours"), AnonymousUser(), log.user("ours", name="gone", is_active=False)]
    owner, number = log.user("theirs"), number_at(log.now - timedelta(seconds=1))
    for wanted in FILTERS:
        for stranger in (*strangers, log.user(name=f"nobody {wanted}")):
            assert find(stranger, Filter(**wanted)).exchanges == [], wanted
            assert find(stranger, Filter(**wanted, charger=theirs.pk)) == search.NOTHING, wanted
            assert find(stranger, Filter(**wanted, charger=10**12)) == search.NOTHING, wanted
            assert exchange_of(stranger, theirs.pk, number) is None
        assert find(owner, Filter(**wanted)).exchanges, wanted
    assert exchange_of(owner, theirs.pk, number) is not None


def test_a_session_of_another_organisation_is_none(log: Log) -> None:
    theirs = log.charger(f"{SECRET}-1", "theirs")
    session = Transaction.objects.create(charger=theirs, ocpp_version="1.6")
    log.row(theirs, 1, transaction_id=session.pk)
    assert find(log.user("ours"), Filter(transaction=session.pk)) == search.NOTHING
    assert find(log.user("theirs"), Filter(transaction=session.pk)).exchanges


@pytest.mark.parametrize("few", [200, 1])
def test_a_card_is_looked_for_only_where_cards_are_seen(log: Log, few: int, monkeypatch: Any) -> None:
    monkeypatch.setattr(search, "FEW", few)
    for n in range(2):
        log.row(log.charger(f"read-{n}", "read"), 1, id_tag="CARD77")
    for n in range(2):
        log.row(log.charger(f"ours-{n}", "ours"), 2, id_tag="CARD77")
    user = log.user("ours")
    log.organisation("read").memberships.create(user=user, role="read_only")
    page = find(user, Filter(card="CARD77"))
    assert [page.names.charger(x.charger) for x in page.exchanges] == ["ours-1", "ours-0"]
    for role, sees in (("read", False), ("ours", True)):
        by_text = Filter(text="m1" if role == "read" else "m2", charger=charger_named(f"{role}-0"))
        assert bool(find(user, by_text).exchanges) is sees, "a text would tell a card piece by piece"
    everything = find(user, Filter())
    seen = {
        everything.names.charger(x.charger): everything.names.sees_cards(x.charger)
        for x in everything.exchanges
    }
    assert seen == {"read-0": False, "read-1": False, "ours-0": True, "ours-1": True}


def charger_named(identity: str) -> int:
    return Charger.objects.get(identity=identity).pk


def test_removed_chargers_and_routes_keep_a_name(log: Log, boss: User) -> None:
    charger = log.charger("CP-1")
    log.row(charger, 1)
    log.copy(charger, 1)
    key, route = charger.pk, log.route(charger, "billing").pk
    member = log.user("ours")
    charger.delete()
    for page in (find(boss, Filter()), find(boss, Filter(charger=key))):
        (found,) = page.exchanges
        assert page.names.charger(key) == f"removed ({key})"
        assert page.names.route(found.copies[0].route) == f"removed ({route})"
    assert exchange_of(boss, *reversed(found.key)) is not None
    assert find(member, Filter()).exchanges == []
    assert find(member, Filter(charger=key)) == search.NOTHING


# -- cost ---------------------------------------------------------------------------------------------


def test_a_page_costs_at_most_five_queries_that_neither_count_nor_skip(log: Log, boss: User) -> None:
    made = scene(log)
    charger, energy = made["charger"], made["energy"]
    places: list[dict[str, Any]] = [
        {"charger": charger.pk},
        {"transaction": made["session"].pk},
        {"backoffice": energy.backoffice_id},
    ]
    asked = [(who, Filter(**wanted)) for who in (boss, log.user("ours")) for wanted in FILTERS + places]
    costs = [cost(*one) for one in asked]
    assert max(costs) <= 5
    for ago in range(20):
        log.row(charger, ago / 10, transaction_id=made["session"].pk, id_tag="CARD77")
        log.copy(charger, ago / 10, "energy", outcome="error", message_id="m1")
        log.row(log.charger(f"CP-{ago + 2}"), ago / 10)
    assert max(cost(*one) for one in asked) <= 5


def cost(user: User, wanted: Filter) -> int:
    """Queries of a page."""
    with CaptureQueriesContext(connection) as queries:
        find(user, wanted)
    sql = " ".join(query["sql"].upper() for query in queries)
    assert "COUNT(" not in sql
    assert "OFFSET" not in sql
    return len(queries)


def test_long_frames_are_cut_in_lists_and_whole_alone(log: Log, boss: User) -> None:
    charger = log.charger("CP-1")
    row = log.row(charger, 1, text="x" * 5000)
    (listed,) = find(boss, Filter()).exchanges
    found = exchange_of(boss, charger.pk, row.exchange)
    assert found is not None
    assert [len(x.first.text) for x in (listed, found[0])] == [search.BRIEF, 5000]


@pytest.mark.parametrize(
    ("wanted", "index"),
    [
        (Filter(card="CARD77"), "message_card"),
        (Filter(group="errors"), "message_not_well"),
        (Filter(message_id="m1"), "message_message_id"),
    ],
    ids=["card", "errors", "message id"],
)
def test_sqlite_takes_the_index_that_is_made_for_it(log: Log, boss: User, wanted: Filter, index: str) -> None:
    """A partial index is taken only for a condition that is written out, not for a parameter."""
    if connection.vendor != "sqlite":
        pytest.skip("PostgreSQL chooses by what it knows of the rows")
    scene(log)
    with CaptureQueriesContext(connection) as queries:
        find(boss, wanted)
    asked = next(q["sql"] for q in queries if "routing_message" in q["sql"])
    with connection.cursor() as cursor:
        cursor.execute("EXPLAIN QUERY PLAN " + asked.replace("%", "%%"), None)
        assert index in str(cursor.fetchall())
