from html import unescape

import pytest
from django.urls import reverse

from backoffices.models import Backoffice
from chargers.credentials import matches
from chargers.models import Charger
from routing.core.options import ChargerOptions
from routing.models import ConfigChange, Route

pytestmark = pytest.mark.django_db

PASSWORD = "correct horse battery"

NO_ROUTES = {"routes-TOTAL_FORMS": "0", "routes-INITIAL_FORMS": "0"}


@pytest.fixture
def charger():
    return Charger.objects.create(identity="CP-1")


@pytest.fixture
def save(admin_client, charger):
    """Fill in the charger's page, returns the response."""

    def save(**fields):
        url = reverse("admin:chargers_charger_change", args=[charger.pk])
        form = {"identity": "CP-1", "label": "", "enabled": "on", "options": "{}"} | NO_ROUTES
        return admin_client.post(url, form | fields)

    return save


def errors(response):
    return response.context["adminform"].form.errors


def test_a_password_is_stored_as_hashes_and_never_shown(save, admin_client, charger):
    assert save(new_password=PASSWORD).status_code == 302
    charger.refresh_from_db()
    assert matches("CP-1", PASSWORD.encode(), charger.password_hashes)
    page = admin_client.get(reverse("admin:chargers_charger_change", args=[charger.pk])).content.decode()
    assert "A password is set." in page
    assert PASSWORD not in page
    assert charger.password_hashes[0] not in page


def test_an_authorization_key_is_hexadecimal(save, charger):
    assert save(new_password="00ff" * 8, password_is_hex="on").status_code == 302
    charger.refresh_from_db()
    assert matches("CP-1", b"\x00\xff" * 8, charger.password_hashes)
    assert "not hexadecimal" in str(errors(save(new_password="xyz", password_is_hex="on"))["new_password"])


def test_an_empty_field_keeps_the_password_and_a_tick_removes_it(save, charger):
    save(new_password=PASSWORD)
    assert save(label="x").status_code == 302
    charger.refresh_from_db()
    assert charger.password_hashes
    save(remove_password="on")
    charger.refresh_from_db()
    assert charger.password_hashes == []


def test_a_renamed_charger_needs_its_password_again(save, charger):
    save(new_password=PASSWORD)
    assert "set it again or remove it" in str(errors(save(identity="CP-2"))["new_password"])
    assert save(identity="CP-2", new_password=PASSWORD).status_code == 302
    charger.refresh_from_db()
    assert matches("CP-2", PASSWORD.encode(), charger.password_hashes)


def test_options_are_checked_in_words(save):
    (problem,) = errors(save(options='{"offline_grase": 5}'))["options"]
    assert 'did you mean "offline_grace"?' in problem


def test_a_route_is_added_on_the_page_and_recorded(save, charger):
    backoffice = Backoffice.objects.create(name="energy", url="ws://energy/")
    before = ConfigChange.objects.count()
    response = save(
        **{
            "routes-TOTAL_FORMS": "1",
            "routes-0-charger": charger.pk,
            "routes-0-backoffice": backoffice.pk,
            "routes-0-role": "control",
            "routes-0-enabled": "on",
        }
    )
    assert response.status_code == 302
    assert charger.routes.get().role == "control"
    assert ConfigChange.objects.count() > before


def test_two_billing_routes_on_one_page_are_an_error(save, charger):
    form: dict[str, str | int] = {"routes-TOTAL_FORMS": "2"}
    for number, name in enumerate(["one", "two"]):
        backoffice = Backoffice.objects.create(name=name, url="ws://x/")
        form |= {
            f"routes-{number}-charger": charger.pk,
            f"routes-{number}-backoffice": backoffice.pk,
            f"routes-{number}-role": "billing",
            f"routes-{number}-enabled": "on",
        }
    response = save(**form)
    assert response.status_code == 200
    assert "At most one enabled route can be the billing route." in response.content.decode()
    assert not Route.objects.exists()


def test_a_charger_with_records_can_be_deleted(admin_client, charger):
    charger.transactions.create(ocpp_version="1.6")
    charger.connectors.create(connector_id=1, status="Available", updated_at=charger.created_at)
    admin_client.post(reverse("admin:chargers_charger_delete", args=[charger.pk]), {"post": "yes"})
    assert not Charger.objects.exists()


def test_the_form_names_all_options_and_what_each_field_is(admin_client, charger):
    page = unescape(
        admin_client.get(reverse("admin:chargers_charger_change", args=[charger.pk])).content.decode()
    )
    assert all(f'"{name}": ' in page for name in ChargerOptions.__struct_fields__)
    assert "upper and lower case differ" in page
