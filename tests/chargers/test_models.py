import pytest
from django.core.exceptions import ValidationError

from chargers.models import Charger


@pytest.mark.parametrize("identity", ["CP-1", "CP 1", "a" * 255, "Säule", "CP+1", "1"])
def test_identities_that_may_end_a_url(identity):
    Charger(identity=identity).clean_fields(exclude=["created_at"])


@pytest.mark.parametrize("identity", ["", "CP/1", "CP\x001", "CP\n", "a" * 256], ids=ascii)
def test_identities_that_may_not(identity):
    with pytest.raises(ValidationError, match="identity"):
        Charger(identity=identity).clean_fields()


@pytest.mark.django_db
def test_only_enabled_and_online_chargers_are_asked_for():
    Charger.objects.create(identity="off", enabled=False)
    assert not Charger.objects.enabled().exists()
    assert not Charger.objects.online().exists()


@pytest.mark.parametrize("options", [{"pinned": 1.6}, {"pingg": 1}, ["ping"]], ids=str)
def test_options_are_checked(options):
    with pytest.raises(ValidationError) as error:
        Charger(identity="CP-1", options=options).clean()
    assert set(error.value.message_dict) == {"options"}
