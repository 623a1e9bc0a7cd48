"""A forgotten password is set anew by whoever reads the mail, and nobody learns more than that."""

from __future__ import annotations

import re
import threading
from typing import Any

import pytest
from django.core import mail
from django.core.cache import cache
from django.test import Client
from django.urls import NoReverseMatch, reverse

from accounts.forgotten import MOST_MAILS, MOST_OF_AN_ADDRESS
from accounts.mail import send
from accounts.models import Deed, User

pytestmark = pytest.mark.django_db

ASK = "/password/forgotten/"
NEW = "a new and long one"


@pytest.fixture
def with_mail(settings: Any) -> None:
    settings.PROXY_MAIL = True
    settings.ROOT_URLCONF = "tests.accounts.forgotten_urls"
    cache.clear()


@pytest.fixture
def anna() -> User:
    return User.objects.create_user("anna", email="anna@example.org", password="forgotten")


def ask(client: Any, email: str, address: str = "10.0.0.1") -> Any:
    answer = client.post(ASK, {"email": email}, REMOTE_ADDR=address)
    for thread in threading.enumerate():
        if thread.name == "mail":
            thread.join()
    return answer


def link() -> str:
    (found,) = re.findall(r"http://testserver(/password/new/\S+)", str(mail.outbox[-1].body))
    return str(found)


def choose(client: Any, password: str = NEW) -> Any:
    page = client.get(link(), follow=True)
    (target, _status) = page.redirect_chain[-1]
    return client.post(target, {"new_password1": password, "new_password2": password})


@pytest.mark.usefixtures("with_mail")
def test_a_link_sets_a_new_password_once(client, anna):
    before = Client()
    before.force_login(anna)
    answer = ask(client, "Anna@example.org")
    assert answer["Location"] == "/password/forgotten/sent/"
    assert client.get(answer["Location"]).status_code == 200
    assert mail.outbox[0].to == ["anna@example.org"]
    assert choose(client)["Location"] == "/password/new/done/"
    assert client.get("/password/new/done/").status_code == 200
    anna.refresh_from_db()
    assert anna.check_password(NEW)
    assert "_auth_user_id" not in client.session
    assert before.get("/admin/").status_code == 302
    assert "This link is not valid" in client.get(link(), follow=True).content.decode()
    told = Deed.objects.latest("id")
    assert (told.words, told.actor) == ("Set a new password, by a link that was mailed.", anna)
    assert NEW not in str(Deed.objects.values())


@pytest.mark.usefixtures("with_mail", "anna")
def test_a_weak_password_is_refused(client):
    ask(client, "anna@example.org")
    answer = choose(client, "anna")
    assert answer.status_code == 200
    assert "too short" in answer.content.decode()


@pytest.mark.usefixtures("with_mail")
def test_it_unlocks(client, anna):
    ask(client, "anna@example.org")
    for _ in range(10):
        last = client.post("/admin/login/", {"username": "anna", "password": "wrong"})
    assert last.status_code == 429
    choose(client)
    assert client.post("/admin/login/", {"username": "anna", "password": NEW}).status_code == 302


@pytest.mark.parametrize(
    "change",
    [{"email": "other@example.org"}, {"is_active": False}, {"password": "!"}],
    ids=["nobody", "deactivated", "without a password"],
)
@pytest.mark.usefixtures("with_mail")
def test_of_others_nothing_is_told(client, anna, change):
    User.objects.filter(pk=anna.pk).update(**change)
    answer = ask(client, "anna@example.org")
    assert (answer.status_code, answer["Location"]) == (302, "/password/forgotten/sent/")
    assert mail.outbox == []


@pytest.mark.usefixtures("with_mail", "anna")
def test_nobody_is_flooded(client):
    answers = {
        ask(client, "anna@example.org", f"10.0.0.{number}")["Location"] for number in range(MOST_MAILS + 2)
    }
    assert answers == {"/password/forgotten/sent/"}
    assert len(mail.outbox) == MOST_MAILS


@pytest.mark.usefixtures("with_mail")
def test_one_address_asks_for_so_many(client):
    answers = [ask(client, f"p{number}@example.org").status_code for number in range(MOST_OF_AN_ADDRESS + 1)]
    assert answers == [302] * MOST_OF_AN_ADDRESS + [429]


@pytest.mark.usefixtures("with_mail")
def test_the_login_page_offers_it(client):
    assert f'href="{ASK}"' in client.get("/admin/login/").content.decode()


def test_without_mail_there_is_no_such_page(client):
    with pytest.raises(NoReverseMatch):
        reverse("admin_password_reset")
    assert client.get(ASK).status_code == 404
    assert "/password/" not in client.get("/admin/login/").content.decode()


@pytest.mark.usefixtures("with_mail", "anna")
def test_while_redis_is_away_no_mail_is_sent(client, monkeypatch):
    def away(*args: Any) -> None:
        raise ValueError("counts nothing")

    monkeypatch.setattr(cache, "incr", away)
    assert ask(client, "anna@example.org").status_code == 429
    assert not mail.outbox


@pytest.mark.usefixtures("with_mail")
def test_a_name_of_several_lines_makes_one_line_of_a_subject():
    assert send("anna@example.org", "Invitation to Two\nlines", "Hello")
    assert mail.outbox[0].subject == "Invitation to Two lines"
