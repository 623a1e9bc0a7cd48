import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError

from backoffices.models import Backoffice
from chargers.models import Charger
from routing.models import Route

pytestmark = pytest.mark.django_db


@pytest.fixture
def charger():
    return Charger.objects.create(identity="CP-1")


@pytest.fixture
def energy():
    return Backoffice.objects.create(name="energy", url="ws://energy/")


@pytest.fixture
def billing(charger):
    backoffice = Backoffice.objects.create(name="billing", url="ws://billing/")
    return Route.objects.create(charger=charger, backoffice=backoffice, role="billing")


def test_a_second_enabled_billing_route_is_refused_by_the_database(charger, billing, energy):
    with pytest.raises(IntegrityError):
        Route.objects.create(charger=charger, backoffice=energy, role="billing")


def test_a_second_enabled_billing_route_is_refused_in_words(charger, billing, energy):
    with pytest.raises(
        ValidationError, match="already has an enabled billing route; switch that one off first"
    ):
        Route(charger=charger, backoffice=energy, role="billing").full_clean()


def test_a_switched_off_billing_route_may_wait(charger, billing, energy):
    Route.objects.create(charger=charger, backoffice=energy, role="billing", enabled=False)
    assert charger.routes.count() == 2


def test_two_chargers_have_a_billing_route_each(billing):
    other = Charger.objects.create(identity="CP-2")
    Route(charger=other, backoffice=billing.backoffice, role="billing").full_clean()


@pytest.mark.parametrize(
    ("other_alias", "alias"),
    [("", "CP-7"), ("CP 1", "CP 1"), ("CP-1", "")],
    ids=["alias is another's identity", "alias is another's alias", "identity is another's alias"],
)
def test_an_identity_is_used_once_toward_a_backoffice(charger, energy, other_alias, alias):
    other = Charger.objects.create(identity="CP-7")
    Route.objects.create(charger=other, backoffice=energy, role="control", alias=other_alias)
    with pytest.raises(ValidationError) as error:
        Route(charger=charger, backoffice=energy, role="control", alias=alias).full_clean()
    assert error.value.message_dict == {
        "alias": [
            f'route energy of CP-1: identity "{alias or "CP-1"}" is already used toward energy by CP-7; '
            "choose another alias"
        ]
    }


def test_toward_another_backoffice_the_identity_is_free(charger, energy, billing):
    other = Charger.objects.create(identity="CP-7")
    Route(charger=other, backoffice=energy, role="control", alias="CP-1").full_clean()


def test_a_charger_is_not_renamed_to_anothers_alias(charger, energy):
    other = Charger.objects.create(identity="CP-7")
    Route.objects.create(charger=other, backoffice=energy, role="control", alias="CP 9")
    Route.objects.create(charger=charger, backoffice=energy, role="control")
    charger.identity = "CP 9"
    with pytest.raises(ValidationError, match=r'identity "CP 9" is already used toward energy by CP-7'):
        charger.full_clean()


def test_permissions_and_options_are_checked(charger, energy):
    route = Route(
        charger=charger, backoffice=energy, role="control", permissions={"Reset": "no"}, options={"pong": 1}
    )
    with pytest.raises(ValidationError) as error:
        route.full_clean()
    assert set(error.value.message_dict) == {"permissions", "options"}
