import base64

import pytest
from django.core.exceptions import ImproperlyConfigured

from chargers.credentials import Form, basic_credentials, hash_password, is_current, matches, matching_form

KEY = "4F43415F4F4354545F61646D696E5F74657374FF"


@pytest.fixture(autouse=True)
def peppers(settings):
    settings.PROXY_CREDENTIAL_PEPPERS = ["first"]


@pytest.mark.parametrize(
    ("password", "is_hex", "sent", "form"),
    [
        ("plain text, 16 characters", False, b"plain text, 16 characters", Form.TEXT),
        ("Säule mit Umlaut", False, "Säule mit Umlaut".encode(), Form.TEXT),
        ("with:colon:in it", False, b"with:colon:in it", Form.TEXT),
        (KEY, False, KEY.encode(), Form.TEXT),
        (KEY, False, bytes.fromhex(KEY), Form.DECODED),
        (KEY, True, bytes.fromhex(KEY), Form.DECODED),
        (KEY, True, KEY.encode(), Form.LITERAL),
        ("1234567890123456", False, b"1234567890123456", Form.TEXT),
    ],
    ids=str,
)
def test_accepted_forms(password, is_hex, sent, form):
    hashes = hash_password("CP-1", password, is_hex=is_hex)
    assert matching_form("CP-1", sent, hashes) is form
    assert matches("CP-1", sent, hashes)


@pytest.mark.parametrize(
    "sent",
    [b"", b"plain", b"Plain text", b"plain text ", "plain text".encode("utf-16")],
    ids=repr,
)
def test_anything_else_is_wrong(sent):
    assert not matches("CP-1", sent, hash_password("CP-1", "plain text"))


def test_a_hash_holds_for_its_identity_alone():
    assert not matches("CP-2", b"plain text", hash_password("CP-1", "plain text"))


def test_identity_and_secret_do_not_run_into_each_other():
    assert not matches("CP-1", b"1secret", hash_password("CP-11", "secret"))


def test_without_stored_hashes_nothing_matches():
    assert not matches("CP-1", b"", [])


def test_neither_password_nor_its_bytes_are_stored():
    assert not any(KEY.lower() in stored.lower() for stored in hash_password("CP-1", KEY))


def test_old_peppers_are_accepted_and_the_first_one_hashes(settings):
    old = hash_password("CP-1", "plain text")
    settings.PROXY_CREDENTIAL_PEPPERS = [b"second", "first"]
    assert matches("CP-1", b"plain text", old)
    new = hash_password("CP-1", "plain text")
    settings.PROXY_CREDENTIAL_PEPPERS = ["second"]
    assert matches("CP-1", b"plain text", new)
    assert not matches("CP-1", b"plain text", old)


def test_no_pepper_is_an_error(settings):
    settings.PROXY_CREDENTIAL_PEPPERS = []
    with pytest.raises(ImproperlyConfigured, match="PROXY_CREDENTIAL_PEPPERS is empty"):
        hash_password("CP-1", "plain text")


@pytest.mark.parametrize(
    ("password", "is_hex", "problem"),
    [
        ("", False, "empty"),
        ("", True, "empty"),
        ("4F4", True, "not hexadecimal"),
        ("Säule", True, "not hexad"),
    ],
)
def test_what_is_no_password_is_refused(password, is_hex, problem):
    with pytest.raises(ValueError, match=problem) as error:
        hash_password("CP-1", password, is_hex=is_hex)
    assert not password or password not in str(error.value)


@pytest.mark.parametrize(
    ("password", "is_hex", "current"),
    [(KEY, False, True), (KEY, True, False), (KEY.lower(), False, False), ("other", False, False)],
)
def test_the_same_password_is_recognised_again(password, is_hex, current):
    assert is_current("CP-1", password, hash_password("CP-1", KEY), is_hex=is_hex) is current


def test_no_password_is_not_some_password():
    assert not is_current("CP-1", KEY, [])


def header(credentials: bytes) -> bytes:
    return b"Basic " + base64.b64encode(credentials)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (header(b"CP-1:secret"), (b"CP-1", b"secret")),
        (header(b"CP-1:a:b"), (b"CP-1", b"a:b")),
        (header(b"CP-1:\x00\xff\xfe"), (b"CP-1", b"\x00\xff\xfe")),
        (header(b"CP-1:"), (b"CP-1", b"")),
        (b"basic  " + base64.b64encode(b"CP-1:x") + b" ", (b"CP-1", b"x")),
        (header(b"CP-1"), None),
        (b"Basic", None),
        (b"Basic !!!", None),
        (b"Basic Q1A", None),
        (b"Bearer " + base64.b64encode(b"CP-1:x"), None),
        (b"", None),
    ],
    ids=repr,
)
def test_basic_credentials_are_split_as_bytes(value, expected):
    assert basic_credentials(value) == expected
