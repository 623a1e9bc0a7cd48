from typing import Any

import pytest
from cryptography.fernet import Fernet
from django.core.exceptions import FieldError, ImproperlyConfigured
from django.db import connection

from backoffices.models import Backoffice
from routing.fields import Unreadable

pytestmark = pytest.mark.django_db

SECRET = b"\x00\xff binary: \xc3\xa4"


@pytest.fixture(autouse=True)
def keys(settings):
    settings.FIELD_ENCRYPTION_KEYS = [Fernet.generate_key().decode()]
    return settings.FIELD_ENCRYPTION_KEYS


@pytest.fixture
def backoffice(keys):
    return Backoffice.objects.create(name="energy", url="ws://energy/", password=SECRET)


def stored() -> Any:
    with connection.cursor() as cursor:
        cursor.execute("SELECT password FROM backoffices_backoffice")
        return cursor.fetchone()[0]


def test_bytes_come_back_and_only_ciphertext_is_stored(backoffice):
    assert Backoffice.objects.get().password == SECRET
    version, key_id, token = stored().split(":")
    assert version == "v1"
    assert len(key_id) == 8
    assert "binary" not in token


def test_no_password_is_null(backoffice):
    backoffice.password = None
    backoffice.save()
    assert stored() is None
    assert Backoffice.objects.get().password is None
    assert Backoffice.objects.filter(password=None).exists()


def test_the_first_key_encrypts_and_the_others_decrypt(backoffice, settings):
    before = stored()
    settings.FIELD_ENCRYPTION_KEYS = [Fernet.generate_key().decode(), *settings.FIELD_ENCRYPTION_KEYS]
    row = Backoffice.objects.get()
    assert row.password == SECRET
    row.password = SECRET
    row.save()
    assert stored().split(":")[1] != before.split(":")[1]
    assert Backoffice.objects.get().password == SECRET


def test_a_missing_key_is_named_where_the_secret_is_read(backoffice, settings):
    key_id = stored().split(":")[1]
    settings.FIELD_ENCRYPTION_KEYS = [Fernet.generate_key().decode()]
    row = Backoffice.objects.get()
    with pytest.raises(Unreadable, match=f"key {key_id}, FIELD_ENCRYPTION_KEYS has"):
        assert row.password


def test_a_row_whose_secret_is_unreadable_can_be_saved_and_keeps_it(backoffice, settings):
    before = stored()
    keys = settings.FIELD_ENCRYPTION_KEYS
    settings.FIELD_ENCRYPTION_KEYS = [Fernet.generate_key().decode()]
    row = Backoffice.objects.get()
    row.url = "ws://elsewhere/"
    row.save()
    assert stored() == before
    settings.FIELD_ENCRYPTION_KEYS = keys
    assert Backoffice.objects.get().password == SECRET


def test_damaged_text_is_said_to_be_damaged(backoffice):
    with connection.cursor() as cursor:
        cursor.execute("UPDATE backoffices_backoffice SET password = 'hello'")
    with pytest.raises(Unreadable, match="v1:<key id>:<token>"):
        assert Backoffice.objects.get().password


def test_a_deferred_secret_is_fetched_when_it_is_read(backoffice):
    assert Backoffice.objects.defer("password").get().password == SECRET


def test_values_are_sealed_and_say_nothing(backoffice):
    sealed: Any = Backoffice.objects.values_list("password", flat=True).get()
    assert repr(sealed) == "<sealed>"
    assert sealed.open() == SECRET


def test_text_is_refused(backoffice):
    backoffice.password = "text"
    with pytest.raises(TypeError, match="takes bytes, not str"):
        backoffice.save()


def test_nobody_searches_in_secrets():
    with pytest.raises(FieldError, match="Unsupported lookup"):
        Backoffice.objects.filter(password__startswith="v1").exists()


def test_no_key_at_all_says_how_to_make_one(settings):
    settings.FIELD_ENCRYPTION_KEYS = []
    with pytest.raises(ImproperlyConfigured, match="generate_key"):
        Backoffice.objects.create(name="x", url="ws://x/", password=b"x")
