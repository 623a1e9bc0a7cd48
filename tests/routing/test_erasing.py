"""A person's card is taken out of everything, of whose chargers it is to be, and of nothing else."""

from __future__ import annotations

import io
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec
import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from accounts.deeds import Deed
from accounts.models import Organisation, User
from chargers.models import Charger
from routing import erasing
from routing.core import masking
from routing.core.lists import CardList
from routing.erasing import Erased, erase
from routing.models import (
    Card,
    ChargerSession,
    Command,
    ConfigurationKey,
    Delivery,
    LatestValue,
    Message,
    RuntimeProcess,
    Transaction,
)
from routing.models.traffic import number_at
from routing.tasks import erase_card
from tests.databases import Database
from tests.routing import rows as make
from tests.routing.test_tables import store

CARD = "04A2B3C4"
START = '{"connectorId":1,"idTag":"04A2B3C4","meterStart":0}'
NOW = datetime.now(UTC)
DAYS = [NOW - timedelta(days=400), NOW - timedelta(days=1), NOW]


@pytest.fixture(autouse=True)
def kept(database: Database, settings: Any, tmp_path: Path) -> None:
    """Chargers 1 and 2 of two organisations, and the card in everything of both."""
    settings.PROXY_DATA_DIR = tmp_path
    make.fleet()
    for key, name in ((1, "Ours"), (2, "Theirs")):
        Charger.objects.filter(pk=key).update(organisation=Organisation.objects.create(name=name))
        store([row for day in DAYS for row in messages(key, day)])
        store(
            [
                make.transaction(UUID(int=key), charger=key, id_tag=CARD, start_payload=START, closed=NOW),
                make.latest(key, kind="authorization", key=CARD.upper(), payload='{"status":"Accepted"}'),
                make.latest(key, kind="asked_for", key="x", payload=f'"{CARD}"'),
                make.latest(key, kind="local_list", key=f"1.6/{key}", payload=local_list()),
                make.latest(key, kind="boot", key="", payload='{"chargePointVendor":"V"}'),
                make.delivery(2 * key, 9, charger=key, action="StartTransaction", payload=START),
            ]
        )
        Delivery.objects.filter(charger_id=key).update(dead=True, died_at=NOW)
        ConfigurationKey.objects.create(charger_id=key, variable="FreevendIdTag", value=CARD, seen_at=NOW)
        Card.objects.create(
            organisation=Organisation.objects.get(name=name), id_tag=CARD.lower(), label="Ann"
        )


def messages(charger: int, at: datetime) -> list[Any]:
    text = f'[2,"m","StartTransaction",{START}]'
    inside = r'[2,"d","DataTransfer",{"vendorId":"V","data":"{\"card\":\"04a2b3c4\"}"}]'
    escaped = r'[2,"e","Authorize",{"idTag":"\u00304A2B3C4"}]'
    parent = f'[3,"p",{{"idTagInfo":{{"status":"Accepted","parentIdTag":"{CARD}"}}}}]'
    number = number_at(at)
    values: dict[str, Any] = {"charger": charger, "at": at}
    return [
        make.message(exchange=number, action="StartTransaction", text=text, id_tag=CARD, **values),
        make.message(exchange=number, action="StartTransaction", text=text, route=2 * charger, **values),
        make.message(exchange=number + 1, action="DataTransfer", text=inside, **values),
        make.message(exchange=number + 2, action="Authorize", text=escaped, id_tag=CARD.lower(), **values),
        make.message(exchange=number + 3, action="Authorize", text="[]", answer=parent, **values),
        make.message(exchange=number + 4, action="", rule=f"invalid JSON; got {CARD}", **values),
        make.message(exchange=number + 5, action="Authorize", id_tag="OTHER-CARD", **values),
    ]


def local_list() -> str:
    return msgspec.json.encode(
        CardList(3, {CARD.lower(): f'{{"idTag":"{CARD}"}}', "b": '{"idTag":"B"}'})
    ).decode()


def held(charger: int) -> list[str]:
    """Where the card of a charger stands, in any column of any row."""
    rows = [
        *Message.objects.filter(charger_id=charger).values(),
        *Transaction.objects.filter(charger_id=charger).values(),
        *LatestValue.objects.filter(charger_id=charger).values(),
        *ConfigurationKey.objects.filter(charger_id=charger).values(),
        *Delivery.objects.filter(charger_id=charger).values(),
        *Card.objects.filter(organisation__chargers=charger).values(),
    ]
    return [str(row) for row in rows if CARD in str(row).upper() or "\\u0030" in str(row)]


FOUND = Erased(messages=36, transactions=2, remembered=8, letters=2, cards=2)


def test_a_card_is_taken_out_of_everything() -> None:
    assert len(held(1)) == 18 + 1 + 3 + 1 + 1 + 1
    assert erase(CARD, dry_run=True) == FOUND
    assert len(held(1)) == 25
    done = erase(f" {CARD.lower()} ")
    assert done == FOUND
    assert done.is_all
    assert held(1) == held(2) == []
    assert erase(CARD) == Erased()


def test_what_is_not_the_card_stays() -> None:
    erase(CARD)
    assert Message.objects.count() == 42
    assert Message.objects.filter(id_tag="OTHER-CARD").count() == 6
    start = START.replace(CARD, "ERASED")
    assert Message.objects.filter(text=f'[2,"m","StartTransaction",{start}]').count() == 12
    assert Message.objects.filter(id_tag="ERASED").count() == 12
    kept = LatestValue.objects.get(charger_id=1, kind="local_list")
    assert msgspec.json.decode(kept.payload, type=CardList) == CardList(3, {"b": '{"idTag":"B"}'})
    assert not LatestValue.objects.filter(kind="authorization").exists()
    assert LatestValue.objects.filter(kind="boot").count() == 2


def test_an_organisation_erases_at_its_own_chargers_only() -> None:
    ours = Organisation.objects.get(name="Ours")
    assert erase(CARD, [ours.pk]) == Erased(messages=18, transactions=1, remembered=4, letters=1, cards=1)
    assert held(1) == []
    assert len(held(2)) == 25


def test_rows_of_a_charger_that_is_gone_are_erased_everywhere() -> None:
    Message.objects.filter(charger_id=2).update(charger_id=99)
    assert erase(CARD).messages == 36
    assert held(99) == []


def test_what_waits_or_runs_keeps_the_card_for_now() -> None:
    Delivery.objects.filter(charger_id=1).update(dead=False)
    Transaction.objects.filter(charger_id=1).update(closed=None)
    ChargerSession.objects.filter(pk=1).update(online=True)
    done = erase(CARD)
    assert (done.waiting, done.running, done.connected, done.letters, done.cards) == (1, 1, 1, 1, 0)
    assert not done.is_all
    assert Delivery.objects.get(charger_id=1).payload == START
    assert Card.objects.count() == 2  # there is work left
    Delivery.objects.filter(charger_id=1).delete()
    Transaction.objects.filter(charger_id=1).update(closed=NOW)
    ChargerSession.objects.filter(pk=1).update(online=False)
    assert erase(CARD).is_all
    assert held(1) == []


def test_it_goes_on_where_it_was_broken_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(erasing, "AT_ONCE", 2)
    write, calls = erasing._write, []

    def broken(*args: Any) -> None:
        calls.append(args)
        if len(calls) == 4:
            raise KeyboardInterrupt
        write(*args)

    monkeypatch.setattr(erasing, "_write", broken)
    with pytest.raises(KeyboardInterrupt):
        erase(CARD)
    assert len(held(1)) < 25
    assert Card.objects.count() == 2
    assert erase(CARD).messages == 36 - 6
    assert held(1) == held(2) == []


def test_nothing_is_erased_while_rows_wait_on_a_disk(tmp_path: Path) -> None:
    (tmp_path / "spool").mkdir()
    (tmp_path / "spool" / "x-1.spool").write_bytes(bytes(20))
    with pytest.raises(erasing.StillSpooled, match=r"x-1\.spool"):
        erase(CARD)
    assert erase(CARD, dry_run=True) == FOUND
    (tmp_path / "spool" / "x-1.spool").unlink()
    RuntimeProcess.objects.create(pk="links", beat_at=timezone.now(), report={"writer": {"in_spool": 3}})
    with pytest.raises(erasing.StillSpooled, match="3 rows"):
        erase(CARD)
    assert len(held(1)) == 25


# -- as people ask for it --------------------------------------------------------------------------------


def test_the_command_says_what_it_did(caplog: pytest.LogCaptureFixture) -> None:
    out = io.StringIO()
    call_command("erase_card", CARD, "--dry-run", stdout=out)
    assert "would be erased: 36 messages, 2 transactions, 8 remembered, 2 letters, 2 cards" in out.getvalue()
    call_command("erase_card", CARD, "--organisation", "Ours", stdout=out)
    assert "\nerased: 18 messages" in out.getvalue()
    assert "Erased a card at Ours: 18 messages" in caplog.text
    (deed,) = Deed.objects.filter(verb="did")
    assert (deed.organisation_name, deed.words[:35]) == ("Ours", "Erased a card at Ours: 18 messages,")
    assert CARD not in caplog.text
    with pytest.raises(CommandError, match="Nobody"):
        call_command("erase_card", CARD, "--organisation", "Nobody")
    with pytest.raises(CommandError, match="without a number"):
        call_command("erase_card", " ")


def test_the_task_keeps_within_the_organisation_of_the_card() -> None:
    card = Card.objects.get(organisation__name="Ours")
    User.objects.create_user("ann")
    assert erase_card(card.pk, "ann", everywhere=False).startswith("18 messages")
    assert held(1) == []
    assert len(held(2)) == 25
    assert erase_card(card.pk, "ann", everywhere=False) == ""
    assert [deed.actor_name for deed in Deed.objects.filter(verb="did")] == ["ann"]


def test_what_people_have_asked_with_the_card_is_erased_once_it_has_ended() -> None:
    payload = {"idTag": CARD, "connectorId": 1}
    for state in ("accepted", "queued"):
        Command.objects.create(
            charger_id=1,
            action="RemoteStartTransaction",
            payload=payload,
            state=state,
            deadline=NOW,
            words=f"{masking.masked(CARD)} is blocked",
            answer={"status": "Rejected", "idTag": CARD},
        )
    erase(CARD)
    ended = Command.objects.get(state="accepted")
    assert CARD[-4:] not in ended.words + str(ended.answer)
    left = dict(Command.objects.values_list("state", "payload"))
    assert CARD not in str(left["accepted"])
    assert left["accepted"]["connectorId"] == 1
    assert left["queued"] == payload


def test_whatever_a_command_says_of_the_card_is_erased() -> None:
    said: list[dict[str, Any]] = [
        {"action": "RequestBatterySwap", "payload": {"idToken": {"idToken": CARD, "type": "Central"}}},
        {"action": "ChangeConfiguration", "payload": {"key": "FreevendIdTag", "value": CARD}},
        {"action": "DataTransfer", "answer": {"status": "Accepted", "data": f"card {CARD.lower()}"}},
        {"action": "RemoteStartTransaction", "words": f"the charger does not know {CARD}"},
    ]
    for one in said:
        Command.objects.create(charger_id=1, state="accepted", deadline=NOW, **one)
    erase(CARD)
    left = Command.objects.order_by("pk").values("action", "payload", "answer", "words")
    assert [row["action"] for row in left if CARD in str(row).upper()] == []
    assert [list(row["payload"]) for row in left] == [["idToken"], ["key", "value"], [], []]
