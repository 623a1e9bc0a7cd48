import pytest
from cryptography.fernet import Fernet
from django.urls import reverse

from backoffices.models import Backoffice

pytestmark = pytest.mark.django_db


@pytest.fixture
def backoffice():
    return Backoffice.objects.create(name="energy", url="ws://energy/", password=b"topsecret")


@pytest.fixture
def save(admin_client, backoffice):
    """Fill in the backoffice's page, returns the response."""

    def save(**fields):
        url = reverse("admin:backoffices_backoffice_change", args=[backoffice.pk])
        form = {
            "name": "energy",
            "url": "ws://energy/",
            "username": "",
            "catch_up": "20",
            "enabled": "on",
        }
        return admin_client.post(url, form | fields)

    return save


def stored() -> bytes | None:
    return Backoffice.objects.get().password


def test_the_password_is_never_shown(admin_client, backoffice):
    page = admin_client.get(
        reverse("admin:backoffices_backoffice_change", args=[backoffice.pk])
    ).content.decode()
    assert "A password is set." in page
    assert "topsecret" not in page
    assert "v1:" not in page


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, b"topsecret"),
        ({"new_password": "Säule"}, "Säule".encode()),
        ({"new_password": "00ff", "password_is_hex": "on"}, b"\x00\xff"),
        ({"remove_password": "on"}, None),
    ],
    ids=["kept", "text", "hex", "removed"],
)
def test_the_password_is_set_and_removed(save, fields, expected):
    assert save(**fields).status_code == 302
    assert stored() == expected


def test_an_empty_user_name_is_none(save):
    save(username="")
    assert Backoffice.objects.get().username is None


def test_what_is_not_hexadecimal_is_said_to_be_so(save):
    response = save(new_password="xyz", password_is_hex="on")
    assert "This is not hexadecimal" in str(response.context["adminform"].form.errors["new_password"])
    assert stored() == b"topsecret"


def test_an_unreadable_password_breaks_no_page(admin_client, backoffice, save, settings):
    settings.FIELD_ENCRYPTION_KEYS = [Fernet.generate_key().decode()]
    for url in (
        reverse("admin:backoffices_backoffice_changelist"),
        reverse("admin:backoffices_backoffice_change", args=[backoffice.pk]),
    ):
        assert admin_client.get(url).status_code == 200
    assert save(new_password="again").status_code == 302
    assert stored() == b"again"


def test_how_many_waiting_messages_it_gets_at_once_can_be_set(admin_client, backoffice, save):
    page = admin_client.get(reverse("admin:backoffices_backoffice_change", args=[backoffice.pk]))
    assert page.context["adminform"].form["catch_up"].value() == 20
    assert save(catch_up="3").status_code == 302
    assert Backoffice.objects.get().catch_up == 3


@pytest.mark.parametrize("given", ["", "0", "-1", "1.5", "32768", "many"])
def test_what_is_no_number_of_messages_is_refused(save, given):
    response = save(catch_up=given)
    assert list(response.context["adminform"].form.errors) == ["catch_up"]
    assert Backoffice.objects.get().catch_up == 20
