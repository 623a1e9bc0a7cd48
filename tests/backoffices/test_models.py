import pytest
from django.core.exceptions import ValidationError

from backoffices.models import Backoffice


@pytest.mark.parametrize(
    "url",
    [
        "ws://127.0.0.1:9101/ocpp/{identity}",
        "wss://csms.example/ocpp",
        "wss://csms.example/?id={identity}",
        "ws://[::1]:9000/",
    ],
)
def test_addresses_that_a_websocket_can_be_opened_to(url):
    Backoffice(name="energy", url=url).clean_fields()


@pytest.mark.parametrize(
    "url",
    [
        "http://csms.example/",
        "csms.example",
        "ws://",
        "ws:///ocpp",
        "ws://host:99999/",
        "ws://[::1/",
        "ws://h:x/",
    ],
)
def test_addresses_that_are_none(url):
    with pytest.raises(ValidationError, match="is not a WebSocket address; expected ws:// or wss://"):
        Backoffice(name="energy", url=url).clean_fields()


def test_credentials_in_the_address_are_refused_and_not_repeated():
    with pytest.raises(ValidationError, match="the address contains credentials") as error:
        Backoffice(name="energy", url="wss://user:topsecret@csms.example/").clean_fields()
    assert "topsecret" not in str(error.value)


@pytest.mark.parametrize("versions", [["1.5"], "1.6", ["1.6", 2.1]], ids=str)
def test_versions_are_a_list_of_those_the_proxy_speaks(versions):
    with pytest.raises(ValidationError, match=r"is not an OCPP version \(1.6, 2.0.1, 2.1\)"):
        Backoffice(name="energy", url="ws://energy/", ocpp_versions=versions).clean_fields()


def test_known_versions():
    Backoffice(name="energy", url="ws://energy/", ocpp_versions=["1.6", "2.1"]).clean_fields()
