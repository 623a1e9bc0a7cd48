"""The message explorer: what a page shows, to whom, and what it costs."""

from __future__ import annotations

import csv
import io
import json
import re
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from accounts.deeds import Deed
from chargers.models import RefusedAttempt
from routing.explorer import exporting, search
from routing.explorer.filters import Filter
from routing.models import Message, Transaction
from tests.routing.explorer.conftest import SECRET, Log

pytestmark = pytest.mark.django_db

LIST = "/admin/routing/message/"
CARD = "CARD12345"


@pytest.fixture
def log() -> Log:
    return Log()


@pytest.fixture
def session_of(client: Any, log: Log) -> Any:
    """Log in as a member of organisations, with the right to look at messages."""

    def log_in(*organisations: str, role: str = "installer") -> Any:
        user = log.user(*organisations, role=role, name=f"{role} {organisations}")
        user.user_permissions.set(Permission.objects.filter(codename__startswith="view_"))
        client.force_login(user)
        return client

    return log_in


def page_of(client: Any, **query: Any) -> str:
    response = client.get(LIST, query)
    assert response.status_code == 200
    return str(response.content.decode())


def shown(client: Any, **query: Any) -> list[str]:
    """Message ids of the first rows of the exchanges of a page."""
    return [x.first.message_id for x in client.get(LIST, query).context["page"].exchanges]


def own_page(row: Message, page: str = "exchange") -> str:
    return reverse(f"admin:routing_message_{page}", args=[row.charger_id, row.exchange])


def authorize(log: Log, charger: Any, ago: float = 1) -> Message:
    """A card that billing accepts and energy gets under another number."""
    text = f'[2,"a1","Authorize",{{"idTag":"{CARD}"}}]'
    head = log.row(
        charger, ago, action="Authorize", message_id="a1", text=text, id_tag=CARD, rule="answered by billing",
        answer='[3,"a1",{"idTagInfo":{"status":"Accepted"}}]',
    )  # fmt: skip
    log.copy(
        charger,
        ago,
        "energy",
        action="Authorize",
        message_id="p1",
        text=text.replace("a1", "p1").replace(CARD, "ALIAS9876"),
    )
    return head


# -- what it shows ------------------------------------------------------------------------------------


def test_an_exchange_is_one_line_with_its_copies_under_it(admin_client: Any, log: Log) -> None:
    authorize(log, log.charger("CP-1"))
    page = page_of(admin_client)
    assert page.count("<summary>\n<time") == 1
    for text in ("charger → energy", "billing answered.", "Accepted", "changed on the way", "held a card"):
        assert text in page
    assert '{"idTag"' not in page.replace("&quot;", '"'), "a list holds no frames"


def test_a_blocked_command_names_the_rule(admin_client: Any, log: Log) -> None:
    charger = log.charger("CP-1")
    log.copy(
        charger, 1, "energy", direction="down", action="Reset", outcome="denied", message_id="r1",
        rule="permission of route energy: Reset is deny", text='[2,"r1","Reset",{"type":"Hard"}]',
    )  # fmt: skip
    page = page_of(admin_client)
    for text in ("energy → proxy", "blocked", "permission of route energy: Reset is deny", "Hard"):
        assert text in page


def test_the_page_of_an_exchange_shows_what_came_what_went_and_what_was_changed(
    admin_client: Any, log: Log
) -> None:
    row = authorize(log, log.charger("CP-1"))
    for page in (own_page(row), own_page(row, "part")):
        text = admin_client.get(page).content.decode().replace("&quot;", '"')
        assert '<del>"CARD12345"</del><ins>"ALIAS9876"</ins>' in text
        assert "<code>a1</code>" in text
        assert "<code>p1</code>" in text
        assert '[3,"a1",{"idTagInfo":{"status":"Accepted"}}]' in text
    told = admin_client.get(own_page(row, "json")).json()
    assert told["identity"] == "CP-1"
    assert [leg["with"] for leg in told["copies"]] == ["energy"]


def test_frames_are_shown_as_text_never_as_markup(admin_client: Any, log: Log) -> None:
    evil = "<script>alert(1)</script>"
    charger = log.charger("CP-1")
    row = log.row(
        charger, 1, text=evil, answer=evil, rule=evil, action=evil[:64], message_id=evil, outcome="error"
    )
    log.copy(charger, 1, text=f'[2,"x","{evil}",{{}}]', answer=evil)
    for page in (
        LIST,
        own_page(row),
        own_page(row, "part"),
        f"{LIST}?charger={evil}&action={evil}&from={evil}",
    ):
        assert "<script>alert" not in admin_client.get(page).content.decode(), page


def test_nothing_in_a_page_is_inline_or_from_elsewhere(admin_client: Any, log: Log) -> None:
    row = authorize(log, log.charger("CP-1"))
    for url in (LIST, own_page(row)):
        content = admin_client.get(url).content.decode()
        ours = content[content.index('<div id="explorer">') :].partition('id="footer"')[0]
        ours = ours.rpartition("</p>")[0]  # below it the skin begins again
        assert not re.search(r"\sstyle=|\son[a-z]+=|<style|<script", ours)
        assert not re.search(r'(?:src|href)="(?:https?:)?//', content)


def test_heartbeats_and_meter_values_are_left_out_until_asked_for(admin_client: Any, log: Log) -> None:
    charger = log.charger("CP-1")
    log.row(charger, 1, message_id="beat")
    log.row(charger, 2, message_id="status", action="StatusNotification")
    assert shown(admin_client) == ["status"]
    assert shown(admin_client, routine="1") == ["beat", "status"]
    assert shown(admin_client, action="Heartbeat") == ["beat"]


def test_pages_are_turned_by_links(admin_client: Any, log: Log) -> None:
    charger = log.charger("CP-1")
    for ago in range(60):
        log.row(charger, ago, action="StatusNotification", message_id=f"s{ago}")
    first = admin_client.get(LIST, {"charger": "CP-1"})
    assert "Newer" not in first.content.decode()
    older = admin_client.get(LIST + first.context["older"])
    assert [x.first.message_id for x in older.context["page"].exchanges] == [f"s{n}" for n in range(50, 60)]
    assert "Older" not in older.content.decode()
    newer = admin_client.get(LIST + older.context["newer"])
    assert [x.first.message_id for x in newer.context["page"].exchanges] == [f"s{n}" for n in range(50)]


def test_the_moment_around_an_exchange_is_a_link(admin_client: Any, log: Log) -> None:
    charger = log.charger("CP-1")
    log.row(charger, 3600, action="StatusNotification", message_id="before")
    row = log.row(charger, 3590, action="StatusNotification", message_id="then")
    log.row(charger, 10, action="StatusNotification", message_id="now")
    around = admin_client.get(own_page(row)).context["line"].around
    found = admin_client.get(around).context["page"].exchanges
    assert [x.first.message_id for x in found] == ["then", "before"]


def test_pages_of_chargers_and_sessions_lead_here(admin_client: Any, log: Log) -> None:
    charger = log.charger("CP/1 &x")
    session = Transaction.objects.create(charger=charger, ocpp_version="1.6")
    log.row(charger, 1, action="StartTransaction", transaction_id=session.pk, message_id="start")
    log.row(charger, 0.5, action="StatusNotification", message_id="status")
    pages = [
        reverse("admin:chargers_charger_change", args=[charger.pk]),
        reverse("admin:routing_transaction_change", args=[session.pk]),
    ]
    found = []
    for page in pages:
        for link in re.findall(rf'href="({LIST}\?[^"]+)"', admin_client.get(page).content.decode()):
            response = admin_client.get(link.replace("&amp;", "&"))
            found.append([x.first.message_id for x in response.context["page"].exchanges])
    assert found == [["status", "start"], ["start"], ["status", "start"]]


def test_the_page_of_a_row_has_moved(admin_client: Any, log: Log) -> None:
    row = log.row(log.charger("CP-1"), 1)
    assert admin_client.get(f"{LIST}{row.pk}/change/").headers["Location"] == LIST


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ({"charger": "NOPE"}, "There is no charger &quot;NOPE&quot; that you may see."),
        ({"charger_id": "x"}, "is not a number"),
        ({"connector": "-1"}, "is not a number"),
        ({"backoffice": "9" * 30}, "is not a number"),
        ({"from": "yesterday"}, "is not a time"),
        ({"from": "2026-13-45"}, "is not a time"),
        ({"to": "9999-12-31T23:59:59-12:00"}, "is not a time"),
        ({"from": "2026-05-02", "to": "2026-05-01"}, "before it begins"),
        ({"transaction": "12"}, "is not the id of a session"),
        ({"outcome": "sad"}, "is not one of"),
        ({"window": "x"}, "is not one of"),
        ({"direction": "left"}, "is not one of"),
        ({"text": "x"}, "of one charger"),
        ({"message_id": "\x00"}, "NUL"),
        ({"before": "x", "after": "-"}, "Nothing found"),
        ({"before": f"{2**63}-1"}, "Nothing found"),
    ],
    ids=str,
)
def test_a_filter_that_cannot_be_read_says_so_and_finds_nothing(
    admin_client: Any, log: Log, query: Any, words: str
) -> None:
    page = page_of(admin_client, **query)
    assert words in page
    assert "x-exchange " not in page


# -- whose it is --------------------------------------------------------------------------------------


def pages_of(row: Message) -> list[str]:
    return [own_page(row, page) for page in ("exchange", "part", "json")]


def test_a_foreign_installer_sees_no_row_no_name_and_no_count(session_of: Any, log: Log) -> None:
    theirs = log.charger(f"{SECRET}-1", "theirs")
    row = authorize(log, theirs)
    session = Transaction.objects.create(charger=theirs, ocpp_version="1.6")
    RefusedAttempt.objects.create(
        identity=theirs.identity, cause="disabled", first_at=timezone.now(), last_at=timezone.now()
    )
    log.charger("CP-1")
    client = session_of("ours")
    for url in pages_of(row):
        assert client.get(url).status_code == 404
    guesses: list[dict[str, Any]] = [
        {}, {"window": "any"}, {"charger_id": theirs.pk}, {"message_id": "a1"}, {"transaction": session.pk},
        {"card": CARD}, {"outcome": "errors"}, {"backoffice": log.offices["energy"].pk},
        {"route": log.route(theirs, "energy").pk}, {"charger_id": theirs.pk, "text": "idTag"},
    ]  # fmt: skip
    for query in guesses:
        assert SECRET not in page_of(client, **query), query
        assert "x-exchange " not in page_of(client, **query), query
        for form in ("csv", "jsonl"):
            response = client.get(f"{LIST}export/", query | {"format": form})
            told = b"".join(response) if response.streaming else response.content
            assert SECRET.encode() not in told, query
            assert b"Authorize" not in told, query


def test_a_guessed_key_is_as_one_that_does_not_exist(session_of: Any, log: Log) -> None:
    theirs = log.charger(f"{SECRET}-1", "theirs")
    client = session_of("ours")
    by_key = [
        told(client, charger_id=key).replace(f" {key} ", " KEY ") for key in (theirs.pk, theirs.pk + 1000)
    ]
    assert by_key[0] == by_key[1]
    by_name = [told(client, charger=name).replace(name, "NAME") for name in (theirs.identity, "CP-9")]
    assert by_name[0] == by_name[1]


def told(client: Any, **query: Any) -> str:
    """What a page says below its form, which repeats what was given."""
    return page_of(client, **query).partition('class="x-problem"')[2].partition("</div>")[0]


def test_without_the_right_to_look_at_messages_there_is_no_page(client: Any, log: Log) -> None:
    row = log.row(log.charger("CP-1"), 1)
    client.force_login(log.user())  # of no organisation: every role gives this right
    for url in [LIST, f"{LIST}export/", f"{LIST}{row.pk}/change/", *pages_of(row)]:
        assert client.get(url).status_code == 403, url
    client.logout()
    for url in [LIST, f"{LIST}export/", *pages_of(row)]:
        assert client.get(url).status_code == 302, url


def test_cards_are_masked_for_those_who_only_read(session_of: Any, log: Log) -> None:
    charger = log.charger("CP-1")
    row = authorize(log, charger)
    log.copy(charger, 1, "billing", answer=f'[4,"a1","GenericError","{CARD}: no such card",{{}}]')
    for role, sees in (("installer", True), ("read_only", False)):
        client = session_of("ours", role=role)
        told = [client.get(url).content.decode() for url in (LIST, *pages_of(row))]
        for form in ("csv", "jsonl"):
            told.append(b"".join(client.get(f"{LIST}export/?format={form}")).decode())
        for text in told:
            assert (CARD in text) is sees
            assert sees or "****2345" in text
        assert bool(shown(client, card=CARD)) is sees
        assert ('name="card"' in told[0]) is sees
        assert bool(shown(client, charger="CP-1", text=CARD[:6])) is sees


def test_refused_attempts_stand_above_the_list_of_their_charger(session_of: Any, log: Log) -> None:
    log.charger("CP-1")
    log.charger("CP-2")
    now = timezone.now()
    RefusedAttempt.objects.create(
        identity="CP-1",
        remote_address="192.0.2.7",
        cause="wrong_password",
        count=9,
        first_at=now,
        last_at=now,
    )
    client = session_of("ours")
    page = page_of(client, charger="CP-1")
    for text in ("Wrong password", "192.0.2.7", "9 times since"):
        assert text in page
    assert "192.0.2.7" not in page_of(client, charger="CP-2")
    assert "192.0.2.7" not in page_of(client)


# -- what it costs ------------------------------------------------------------------------------------


@pytest.mark.parametrize("query", [{}, {"charger": "CP-0"}, {"outcome": "errors"}, {"routine": "1"}], ids=str)
@pytest.mark.parametrize("who", ["boss", "member"])
def test_a_page_costs_as_many_queries_for_many_rows_as_for_few(
    admin_client: Any, session_of: Any, log: Log, query: Any, who: str, django_assert_num_queries: Any
) -> None:
    client = admin_client if who == "boss" else session_of("ours")
    first = log.charger("CP-0")
    log.copy(first, 1, action="Reset", outcome="error")
    page_of(client, **query)
    with CaptureQueriesContext(connection) as few:
        page_of(client, **query)
    for ago in range(30):
        charger = log.charger(f"CP-{ago + 1}")
        for one in (first, charger):
            authorize(log, one, ago)
            log.copy(one, ago + 0.5, action="Reset", outcome="error")
    with django_assert_num_queries(len(few)):
        page_of(client, **query)
    assert len(few) <= 17  # some of them are the menu's and the person's


# -- export -------------------------------------------------------------------------------------------


def exported(client: Any, **query: Any) -> str:
    response = client.get(f"{LIST}export/", query)
    assert response.status_code == 200
    assert response.streaming
    return b"".join(response).decode()


def test_an_opened_exchange_says_who_refused_what(admin_client: Any, log: Log) -> None:
    refused = log.row(
        log.charger("CP-1"), 1, action="Authorize", message_id="a1", rule="answered by billing",
        text='[2,"a1","Authorize",{"idTag":"CARD-1"}]', answer='[3,"a1",{"idTagInfo":{"status":"Blocked"}}]',
    )  # fmt: skip
    assert "Refused by billing: Blocked." in admin_client.get(own_page(refused)).content.decode()


def test_an_export_has_all_that_the_filter_finds(admin_client: Any, log: Log, monkeypatch: Any) -> None:
    monkeypatch.setattr(exporting, "PIECE", 3)
    charger = log.charger("CP-1")
    for ago in range(10):
        log.row(
            charger, ago, action="StatusNotification", message_id=f"s{ago}", text="x" * (search.BRIEF + 5)
        )
        log.copy(charger, ago, action="StatusNotification")
    lines = [json.loads(line) for line in exported(admin_client, charger="CP-1").splitlines()]
    assert [line["head"]["message_id"] for line in lines] == [f"s{n}" for n in range(10)]
    assert len(lines[0]["head"]["sent"]) == search.BRIEF + 5
    rows = list(csv.DictReader(io.StringIO(exported(admin_client, format="csv"))))
    assert [row["with"] for row in rows] == ["charger", "billing"] * 10
    assert {row["charger"] for row in rows} == {"CP-1"}


@pytest.mark.parametrize("form", ["csv", "jsonl"])
def test_an_export_ends_somewhere_and_says_so(
    admin_client: Any, log: Log, monkeypatch: Any, form: str
) -> None:
    monkeypatch.setattr(exporting, "PIECE", 2)
    charger = log.charger("CP-1")
    for ago in range(5):
        log.row(charger, ago, action="StatusNotification")
    for most, is_cut in ((4, True), (5, False), (9, False)):
        monkeypatch.setattr(exporting, "MOST", most)
        text = exported(admin_client, format=form)
        assert text.count("StatusNotification") // text.splitlines()[1].count("StatusNotification") == min(
            most, 5
        )
        assert (f"cut off after {most} exchanges" in text.splitlines()[-1]) is is_cut


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r"])
def test_no_cell_is_taken_for_a_formula(admin_client: Any, log: Log, start: str) -> None:
    evil = f"{start}cmd|' /C calc'!A1"
    log.row(
        log.charger(evil.strip()),
        1,
        action=evil,
        message_id=evil,
        text=evil,
        answer=evil,
        rule=evil,
        error_code=evil,
    )
    rows = list(csv.reader(io.StringIO(exported(admin_client, format="csv", routine="1"), newline="")))
    cells = [cell for row in rows for cell in row]
    assert f"'{evil}" in cells
    assert not [cell for cell in cells if cell.startswith(exporting.FORMULA)]


def test_an_export_is_recorded_however_it_ends(admin_client: Any, log: Log, monkeypatch: Any) -> None:
    noted: list[Any] = []
    monkeypatch.setattr(exporting, "note_export", lambda user, wanted, count: noted.append((wanted, count)))
    monkeypatch.setattr(exporting, "PIECE", 1)
    charger = log.charger("CP-1")
    for ago in range(3):
        log.row(charger, ago, action="StatusNotification")
    exported(admin_client, charger="CP-1")
    broken = admin_client.get(f"{LIST}export/")
    pieces = iter(broken)
    next(pieces)
    next(pieces)
    broken.close()  # what a client that goes away amounts to
    assert [count for _, count in noted] == [3, 1]
    assert noted[0][0].charger == charger.pk


def test_an_export_that_cannot_be_made_says_why(admin_client: Any, log: Log) -> None:
    for query, words in (({"format": "xml"}, "jsonl, csv"), ({"charger": "NOPE"}, "no charger")):
        response = admin_client.get(f"{LIST}export/", query)
        assert response.status_code == 400
        assert words in response.content.decode()


def test_an_export_is_a_deed_of_who_has_made_it(admin_client: Any, log: Log) -> None:
    log.row(log.charger("CP-1"), 1, action="StatusNotification")
    response = admin_client.get(f"{LIST}export/", {"charger": "CP-1", "card": "CARD-NUMBER-77"})
    b"".join(response)
    (deed,) = Deed.objects.filter(verb="did")
    assert (deed.actor_name, deed.via, deed.address) == ("admin", "admin", "127.0.0.1")
    assert (deed.subject_name, deed.charger_name) == ("CP-1", "CP-1")
    assert deed.words == "Exported 0 exchanges of the audit log."
    assert deed.after["card"] == "****R-77"
    assert deed.correlation_id == response["X-Request-ID"]


@pytest.mark.parametrize(("names", "belongs"), [(("ours",), "ours"), (("ours", "theirs"), "")])
def test_an_export_of_no_charger_belongs_to_the_only_organisation_of_who_made_it(
    log: Log, names: tuple[str, ...], belongs: str
) -> None:
    exporting.note_export(log.user(*names, role="installer", name="anna"), Filter(message_id="m1"), 7)
    deed = Deed.objects.get(verb="did")
    assert (deed.actor_name, deed.organisation_name) == ("anna", belongs)


@pytest.mark.django_db(transaction=True)
async def test_an_export_streams_under_asgi(async_client: Any, admin_user: Any) -> None:
    await async_client.aforce_login(admin_user)
    response = await async_client.get(f"{LIST}export/?format=csv")
    pieces = [piece async for piece in response]
    assert pieces[0].decode().startswith("began,charger,exchange")


def test_old_windows_find_old_rows(admin_client: Any, log: Log) -> None:
    charger = log.charger("CP-1")
    log.row(charger, timedelta(days=3).total_seconds(), action="Reset", message_id="old")
    assert shown(admin_client) == []
    assert shown(admin_client, window="week") == ["old"]
    assert shown(admin_client, window="any") == ["old"]
    assert shown(admin_client, window="hour") == []
    assert shown(admin_client, message_id="old") == ["old"]
