"""The dashboard: whose figures it shows, what needs attention, and what it asks of the database."""

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import Membership, Organisation, User
from backoffices.models import Backoffice
from chargers.models import Charger, Connector, RefusedAttempt
from routing import snapshots
from routing.models import (
    Alarm,
    ChargerSession,
    Delivery,
    Message,
    RefusedCharge,
    Route,
    RouteState,
    RuntimeProcess,
    Snapshot,
    Transaction,
    Upkeep,
)
from routing.models.traffic import number_at

pytestmark = pytest.mark.django_db

BADGE = "font-semibold h-[18px]"
PIECE = "/admin/dashboard/piece/"


def organisation(name: str) -> Any:
    return Organisation.objects.get_or_create(name=name)[0]


def charger(identity: str, of: str, *, online: bool = True, state: str = "connected", **route: Any) -> Any:
    now = timezone.now()
    made = Charger.objects.create(identity=identity, organisation=organisation(of))
    gone = None if online else now - timedelta(hours=1)
    ChargerSession.objects.create(charger=made, online=online, connected_at=now, disconnected_at=gone)
    office, _ = Backoffice.objects.get_or_create(
        name=f"{of} billing", organisation=organisation(of), defaults={"url": "ws://x/"}
    )
    joined = Route.objects.create(charger=made, backoffice=office, role="control")
    RouteState.objects.create(route=joined, since=now, state=state, **route)
    Connector.objects.create(charger=made, connector_id=1, status="Available", updated_at=now)
    return made


def member(*organisations: str, role: str = "installer") -> Any:
    user = User.objects.create_user("-".join(("user", role, *organisations)), is_staff=True)
    user.user_permissions.set(Permission.objects.all())
    for name in organisations:
        Membership.objects.create(user=user, organisation=organisation(name), role=role)
    return user


def refuse(made: Any, card: str = "SECRETCARD") -> int:
    number = number_at(timezone.now())
    Message.objects.create(
        charger=made, at=timezone.now(), exchange=number, direction="up", action="Authorize", message_id="1",
        text=f'[2,"1","Authorize",{{"idTag":"{card}"}}]', answer='[3,"1",{"idTagInfo":{"status":"Blocked"}}]',
        outcome="answered", rule="answered by Roaming", id_tag=card,
    )  # fmt: skip
    RefusedCharge.objects.create(charger=made, exchange=number)
    return number


@pytest.fixture
def look(client: Any) -> Any:
    def look(user: Any, address: str = "/admin/") -> str:
        client.force_login(user)
        answer = client.get(address)
        assert answer.status_code == 200
        return str(answer.content.decode())

    return look


# -- whose ------------------------------------------------------------------------------------------------


@pytest.fixture
def two() -> None:
    """Two organisations, one of which has all kinds of trouble; a snapshot of both."""
    charger("Ours-1", "Ours")
    now = timezone.now()
    sick = charger("Zebra-1", "Zebra", state="waiting", last_error="Zebra refused", waiting=77, oldest=now)
    charger("Zebra-2", "Zebra", online=False)
    Alarm.objects.create(charger=sick, kind="clock differs", text="Zebra clock", raised=now)
    Delivery.objects.create(
        charger=sick, route=sick.routes.get(), seq=1, exchange=1, at=now, action="x", payload="{}", dead=True
    )
    RefusedAttempt.objects.create(identity="Zebra-2", cause="wrong_password", first_at=now, last_at=now)
    RuntimeProcess.objects.create(id="p", beat_at=now, report={"comings": {str(sick.pk): 40}})
    refuse(sick)
    snapshots.take(now)
    minute = snapshots.minute_of(now) - timedelta(minutes=1)
    for name, number in (("Ours", 11), ("Zebra", 7123)):
        Snapshot.objects.create(
            organisation=organisation(name), minute=minute, messages_up=number, blocked=number
        )


@pytest.mark.usefixtures("two")
@pytest.mark.parametrize("role", ["operator", "installer", "read_only"])
@pytest.mark.parametrize("address", ["/admin/", PIECE])
@pytest.mark.parametrize("is_fresh", [True, False], ids=["snapshot", "no snapshot"])
def test_another_organisation_contributes_nothing(look: Any, role: str, address: str, is_fresh: bool) -> None:
    if not is_fresh:
        Snapshot.objects.all().delete()
    text = look(member("Ours", role=role), address)
    assert "Zebra" not in text
    assert "7,1" not in text
    assert "none of 1 links is up" not in text
    assert "<small> / 3</small>" not in text
    assert "1<small> / 1</small>" in text


@pytest.mark.usefixtures("two")
def test_a_superuser_sees_the_sum(look: Any, admin_user: Any) -> None:
    text = look(admin_user)
    assert "2<small> / 3</small>" in text
    assert text.count("7,134") >= 2  # messages, and blocked calls


@pytest.mark.usefixtures("two")
def test_a_member_of_several_narrows_to_one(look: Any) -> None:
    user, ours = member("Ours", "Zebra"), organisation("Ours")
    assert "Zebra-1" in look(user)
    text = look(user, f"{PIECE}?organisation={ours.pk}")
    assert "Ours-1" in text
    assert "Zebra" not in text


@pytest.mark.usefixtures("two")
def test_nobody_narrows_to_an_organisation_of_others(look: Any) -> None:
    text = look(member("Ours"), f"/admin/?organisation={organisation('Zebra').pk}")
    assert "Zebra" not in text
    assert "Ours-1" in text


@pytest.mark.usefixtures("two")
def test_without_an_organisation_the_page_says_so(look: Any) -> None:
    user = member()
    text = look(user)
    assert "You belong to no organisation" in text
    assert "Zebra" not in text
    assert "Ours-1" not in text
    assert look(user, PIECE).strip() == ""


@pytest.mark.parametrize("address", ["/admin/", PIECE, "/admin/help/"])
def test_who_is_not_logged_in_is_led_to_the_login(client: Any, address: str) -> None:
    assert client.get(address).status_code == 302


# -- what it says -----------------------------------------------------------------------------------------


@pytest.mark.usefixtures("two")
def test_an_operator_is_told_what_is_wrong_and_where_the_reason_is(look: Any) -> None:
    text = look(member("Zebra", role="operator")).replace("&quot;", '"')
    zebra = Charger.objects.get(identity="Zebra-1")
    for said in (
        '"Zebra billing" is down: none of 1 links is up: Zebra refused; 77 messages wait',
        "q=Zebra+billing&amp;state=down",
        "1 message was given up",
        "letters=dead",
        "Zebra-2 is offline since",
        "it tries and is refused: Wrong password (1 times)",
        "Enter the password in the charger again",
        "Zebra-1 comes and goes: 40 connections",
        "Zebra clock",
        f"/admin/chargers/charger/{zebra.pk}/overview/",
        "refused by Roaming: Blocked (the card is blocked)",
    ):
        assert said in text, said


@pytest.mark.usefixtures("two")
def test_a_refused_charge_leads_to_its_exchange_and_hides_the_card(look: Any, client: Any) -> None:
    user, number = member("Zebra", role="operator"), RefusedCharge.objects.get().exchange
    text = look(user)
    address = f"/admin/routing/message/{Charger.objects.get(identity='Zebra-1').pk}/{number}/"
    assert address in text
    assert "SECRETCARD" not in text
    assert "****CARD" in text
    assert client.get(address).status_code == 200


def test_what_is_worst_comes_first(look: Any) -> None:
    charger("A", "Ours", online=False)
    charger("B", "Ours", state="waiting", last_error="refused with 401")
    text = look(member("Ours", role="operator"))
    assert text.index("is down") < text.index("A is offline")


def test_a_charger_that_left_a_moment_ago_is_no_matter(look: Any) -> None:
    made = charger("A", "Ours", online=False)
    ChargerSession.objects.filter(charger=made).update(disconnected_at=timezone.now() - timedelta(minutes=4))
    assert "is offline since" not in look(member("Ours", role="operator"))


def test_unknown_chargers_can_be_added_by_superusers_alone(look: Any, admin_user: Any) -> None:
    now = timezone.now()
    charger("A", "Ours")
    RefusedAttempt.objects.create(
        identity="new one", cause="unknown_identity", count=3, first_at=now, last_at=now
    )
    assert "/admin/chargers/charger/new/?identity=new+one" in look(admin_user)
    assert "new one" not in look(member("Ours", role="operator"))


@pytest.mark.parametrize(
    ("report", "age", "said"),
    [
        ({}, 60, "No process runs"),
        ({}, 60, "has died"),
        ({"writer": {"dropped": 3}}, 0, "has lost 3 rows"),
        ({"writer": {"in_spool": 5}}, 0, "5 rows of the audit log wait on disk"),
        ({"redis_away": True}, 0, "does not reach Redis"),
        ({"database": {"away_since": "2030-01-01T00:00:00+00:00"}}, 0, "The database did not answer"),
    ],
)
def test_what_is_wrong_with_the_installation_is_told_superusers(
    look: Any, admin_user: Any, report: Any, age: int, said: str
) -> None:
    charger("A", "Ours")
    beat = timezone.now() - timedelta(seconds=age)
    RuntimeProcess.objects.create(id="p", beat_at=beat, report=report)
    assert said in look(admin_user)
    assert said not in look(member("Ours", role="operator"))


def test_an_upkeep_that_fails_is_told(look: Any, admin_user: Any) -> None:
    charger("A", "Ours")
    Upkeep.objects.create(step="days", tried_at=timezone.now(), error="no room")
    assert "no room" in look(admin_user)


def test_all_is_well(look: Any, admin_user: Any) -> None:
    charger("A", "Ours")
    assert "Nothing. All is as it should be." in look(admin_user)


def test_old_figures_are_not_told_as_those_of_now(look: Any, admin_user: Any) -> None:
    charger("A", "Ours")
    now = timezone.now()
    snapshots.take(now)
    assert "These figures are from" not in look(admin_user)
    Snapshot.objects.update(taken_at=now - timedelta(minutes=2))
    assert "These figures are from" in look(admin_user)


def test_a_new_installation_shows_the_way(look: Any, admin_user: Any) -> None:
    text = look(admin_user)
    assert "Three steps to the first charger" in text
    assert "Messages per minute" not in text


def test_the_way_to_the_first_charger_is_for_who_may_add_one(look: Any) -> None:
    assert "Three steps to the first charger" in look(member("Ours"))
    assert "Three steps to the first charger" not in look(member("Theirs", role="read_only"))


# -- cards ------------------------------------------------------------------------------------------------


def test_an_installer_sees_chargers_as_cards(look: Any) -> None:
    made = charger("A-1", "Ours", state="waiting", last_error="refused with 401")
    Transaction.objects.create(charger=made, ocpp_version="1.6", id_tag="SECRETCARD")
    text = look(member("Ours"))
    for said in (
        "A-1",
        "Online",
        "1 free",
        "Charging since",
        "<b>D</b> Ours billing",
        "refused with 401",
    ):
        assert said in text, said
    assert f"/admin/chargers/charger/{made.pk}/live/" in text
    assert "SECRETCARD" not in text
    assert "Add charger" in text


def test_a_reader_adds_no_charger(look: Any) -> None:
    charger("A-1", "Ours")
    assert "Add charger" not in look(member("Ours", role="read_only"))


def test_an_operator_sees_no_cards(look: Any) -> None:
    charger("A-1", "Ours")
    assert "d-card" not in look(member("Ours", role="operator"))


def test_cards_are_searched(look: Any) -> None:
    for number in range(30):
        charger(f"A-{number:02}", "Ours")
    user = member("Ours")
    text = look(user)
    assert text.count("<article") == 24
    assert "A-29" not in text
    found = look(user, "/admin/?q=a-29")
    assert found.count("<article") == 1
    assert "A-29" in found
    assert "No charger has" in look(user, "/admin/?q=<zzz>")
    assert "<zzz>" not in look(user, "/admin/?q=<zzz>")


# -- what it costs ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("role", ["superuser", "operator", "installer"])
def test_it_asks_as_often_for_a_hundred_chargers_and_counts_no_messages(
    look: Any, admin_user: Any, role: str
) -> None:
    user = admin_user if role == "superuser" else member("Ours", role=role)
    now, asked = timezone.now(), []
    RuntimeProcess.objects.create(id="p", beat_at=now, report={"comings": {"1": 9}})
    for numbers in (range(24), range(24, 124)):  # of each kind there is something, then more
        for number in numbers:
            made = charger(f"A-{number}", "Ours", online=number % 2 == 0, state="waiting", last_error="no")
            Alarm.objects.create(charger=made, kind="clock differs", text="x", raised=now)
            refuse(made)
            RefusedAttempt.objects.create(
                identity=f"A-{number}", cause="wrong_password", first_at=now, last_at=now
            )
        charger(f"B-{len(numbers)}", "Ours", online=False)
        snapshots.take(now)
        look(user)
        with CaptureQueriesContext(connection) as queries:
            look(user)
        asked.append(len(queries))
        counts = [q["sql"] for q in queries if "routing_message" in q["sql"] and "COUNT(" in q["sql"].upper()]
        assert not counts
    assert asked[0] == asked[1], asked
    assert asked[0] <= 44


# -- menu and language ------------------------------------------------------------------------------------


@pytest.mark.usefixtures("two")
def test_the_menu_says_how_many_want_a_person(look: Any) -> None:
    user: Any = member("Zebra", role="operator")
    text = look(user, "/admin/help/")
    assert text.count(BADGE) == 3  # one charger is offline, one backoffice is down, one alarm lasts
    assert BADGE not in look(member("Ours", role="operator"), "/admin/help/")


def test_installers_have_a_short_menu(look: Any) -> None:
    charger("A", "Ours")
    text = look(member("Ours"), "/admin/help/")
    assert 'href="/admin/routing/message/"' in text
    assert 'href="/admin/routing/card/"' not in text
    assert 'href="/admin/routing/card/"' in look(member("Ours", role="operator"), "/admin/help/")


def test_a_person_chooses_a_language(client: Any, admin_user: Any) -> None:
    client.force_login(admin_user)
    assert "set_language" not in client.get("/i18n/setlang/?language=nl").headers.get("Set-Cookie", "")
    client.post("/i18n/setlang/", {"language": "nl", "next": "/admin/"})
    answer = client.get("/admin/")
    assert answer.headers["Content-Language"] == "nl"
    assert 'name="language"' in answer.content.decode()


def test_in_every_language_the_drawing_has_points_not_commas(client: Any, admin_user: Any) -> None:
    charger("A", "Ours")
    client.force_login(admin_user)
    client.post("/i18n/setlang/", {"language": "de", "next": "/admin/"})
    drawing = client.get(PIECE).content.decode().split("<svg")[1].split("</svg>")[0]
    assert 'x="61.13"' in drawing
    assert 'x="61,13"' not in drawing
