"""Chargers by the hundred: CSV in and out, and stickers."""

from __future__ import annotations

import csv
import io
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.contrib.sessions.models import Session
from django.core.exceptions import ValidationError
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts.deeds import Deed
from accounts.models import Membership, Organisation, User
from backoffices.models import Backoffice
from chargers.credentials import matches
from chargers.models import Charger, Claim
from chargers.onboarding import importing

pytestmark = pytest.mark.django_db

LIST = "/admin/chargers/charger/"
OWN_PASSWORD = "sixteen-letters-x"


@pytest.fixture
def ours() -> Organisation:
    return Organisation.objects.create(name="Ours")


@pytest.fixture
def theirs() -> Organisation:
    return Organisation.objects.create(name="Theirs")


@pytest.fixture
def user(ours: Organisation) -> User:
    user = User.objects.create_user("installer", is_staff=True)
    user.user_permissions.set(Permission.objects.all())
    Membership.objects.create(user=user, organisation=ours, role="installer")
    return user


@pytest.fixture
def installer(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def upload(client: Client, text: str, **more: Any) -> Any:
    file = SimpleUploadedFile("chargers.csv", text.encode(), content_type="text/csv")
    return client.post(f"{LIST}import/", {"file": file} | more)


def carry_out(client: Client) -> Any:
    return client.post(f"{LIST}import/", {"carry_out": "1"})


def test_a_file_is_shown_first_and_then_carried_out(installer: Client, ours: Organisation) -> None:
    Backoffice.objects.create(name="bill", url="ws://b/")
    text = (
        "identity,label,password,claim,routes\n"
        "CP-1,One,,yes,bill:billing\n"
        f"CP-2,Two,{OWN_PASSWORD},,\n"
        "CP-3,Three,none,,\n"
    )
    shown = upload(installer, text)
    assert [row.problems for row in shown.context["rows"]] == [[], [], []]
    assert OWN_PASSWORD not in shown.content.decode()
    assert OWN_PASSWORD not in str([row.get_decoded() for row in Session.objects.all()])
    assert not Charger.objects.exists()
    made = carry_out(installer)
    assert "no-store" in made["Cache-Control"]
    one, two, three = Charger.objects.order_by("identity")
    assert {charger.organisation for charger in (one, two, three)} == {ours}
    assert one.routes.get().role == "billing"
    assert Claim.objects.get().charger == one
    (row,) = csv.DictReader(io.StringIO(made.context["file"]))
    assert row["identity"] == "CP-1"
    assert matches("CP-1", row["password"].encode(), one.password_hashes)
    assert row["claim_code"]
    assert matches("CP-2", OWN_PASSWORD.encode(), two.password_hashes)
    assert three.password_hashes == []
    assert not any("shown_once" in session.get_decoded() for session in Session.objects.all())
    assert row["password"] not in str(list(Deed.objects.values_list("words", "after")))
    assert carry_out(installer).status_code == 302
    assert Charger.objects.count() == 3


@pytest.mark.parametrize(
    ("row", "words"),
    [
        (",x,,,", "empty"),
        ("a/b,,,,", "slash"),
        ("taken,,,,", "taken"),
        ("CP-1,,Theirs,,", "no organisation"),
        ("CP-1,,,short,", "shorter"),
        ("CP-1,,,,nobody:billing", "no backoffice"),
        ("CP-1,,,,foreign:control", "no backoffice"),
        ("CP-1,,,,shared:boss", "not a role"),
        ("CP-1,,,,shared", "not a role"),
        ("OK,,,,", "more than once"),
    ],
)
def test_a_row_with_a_problem_stops_the_file(
    installer: Client, theirs: Organisation, row: str, words: str
) -> None:
    Charger.objects.create(identity="taken", organisation=theirs)
    Backoffice.objects.create(name="foreign", url="ws://b/", organisation=theirs)
    Backoffice.objects.create(name="shared", url="ws://b/")
    text = f"identity,label,organisation,password,routes\nOK,,,,\n{row}\n"
    found = upload(installer, text).context["rows"]
    assert words in " ".join(found[1].problems)
    assert carry_out(installer).status_code == 302
    assert Charger.objects.count() == 1


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "empty"),
        ("name\nx\n", "among them"),
        ("identity,colour\nx,red\n", "colour"),
        ("identity\n", "no row"),
        ("identity\nC\x00P\n", "UTF-8"),
    ],
)
def test_a_file_that_is_none_is_refused(installer: Client, text: str, words: str) -> None:
    assert words in str(upload(installer, text).context["form"].errors)


def test_all_or_nothing(user: User, monkeypatch: pytest.MonkeyPatch, ours: Organisation) -> None:
    rows = importing.read("identity\nCP-1\nCP-2\n", user, ours)
    Charger.objects.create(identity="CP-2", organisation=ours)  # meanwhile
    with pytest.raises(ValidationError, match="CP-2"):
        importing.carry_out(rows)
    assert not Charger.objects.filter(identity="CP-1").exists()


def test_semicolons_and_a_mark_of_bytes_are_read(user: User, ours: Organisation) -> None:
    text = importing.decoded("\ufeffidentity;label\nCP-1;a,b\n".encode())
    (row,) = importing.read(text, user, ours)
    assert (row.identity, row.label) == ("CP-1", "a,b")


def exported(client: Client) -> list[dict[str, str]]:
    answer = client.get(f"{LIST}export/")
    assert answer["Content-Type"].startswith("text/csv")
    return list(csv.DictReader(io.StringIO(answer.content.decode())))


def test_an_export_has_what_one_sees_and_nothing_that_calculates(
    installer: Client, ours: Organisation, theirs: Organisation
) -> None:
    charger = Charger.objects.create(
        identity="CP-1", label="=1+1", organisation=ours, password_hashes=["text:abc"]
    )
    charger.routes.create(backoffice=Backoffice.objects.create(name="b", url="ws://b/"), role="control")
    Charger.objects.create(identity="foreign", organisation=theirs)
    (row,) = exported(installer)
    assert row["label"] == "'=1+1"
    assert row["routes"] == "b:control"
    assert "abc" not in str(row)
    assert "Exported 1 chargers" in Deed.objects.latest("id").words


def test_what_was_exported_can_be_read_again(installer: Client, user: User, ours: Organisation) -> None:
    Charger.objects.create(identity="-CP", label="=1", organisation=ours)
    text = installer.get(f"{LIST}export/").content.decode()
    Charger.objects.all().delete()
    (row,) = importing.read(text, user, None)
    assert (row.identity, row.label, row.organisation, row.problems) == ("-CP", "=1", ours, [])


def test_an_export_costs_as_many_queries_for_ten_as_for_one(installer: Client, ours: Organisation) -> None:
    Charger.objects.create(identity="CP-0", organisation=ours)
    with CaptureQueriesContext(connection) as one:
        exported(installer)
    for number in range(1, 10):
        Charger.objects.create(identity=f"CP-{number}", organisation=ours)
    with CaptureQueriesContext(connection) as ten:
        exported(installer)
    assert len(one) == len(ten)


def test_stickers_are_of_ones_own_chargers_and_without_secrets(
    installer: Client, ours: Organisation, theirs: Organisation
) -> None:
    mine = Charger.objects.create(identity="CP-1", organisation=ours, password_hashes=["text:abc"])
    foreign = Charger.objects.create(identity="foreign", organisation=theirs)
    page = installer.get(f"{LIST}stickers/?ids={mine.pk},{foreign.pk},x,²,{10**30}").content.decode()
    assert "ws://testserver/ocpp/CP-1" in page
    assert page.count("<svg viewBox") == 1
    assert "foreign" not in page
    assert "abc" not in page


@pytest.mark.parametrize("action", ["export_chosen", "print_stickers"])
def test_actions_are_posted_over_what_one_sees(
    installer: Client, ours: Organisation, theirs: Organisation, action: str
) -> None:
    mine = Charger.objects.create(identity="CP-1", organisation=ours)
    foreign = Charger.objects.create(identity="foreign", organisation=theirs)
    form = {"action": action, "_selected_action": [mine.pk, foreign.pk], "index": "0"}
    answer = installer.post(LIST, form, follow=True)
    assert "CP-1" in answer.content.decode()
    assert "foreign" not in answer.content.decode()
