"""What PROXY_OIDC may say, and what is told of what it may not."""

from __future__ import annotations

import json
from typing import Any

import pytest

from proxy_site import sso

GOOD: dict[str, Any] = {
    "id": "energy",
    "name": "Example Energy",
    "client_id": "proxy",
    "secret": "hush",
    "issuer": "https://login.example.org/realms/energy/",
}


def test_one_or_several_or_none():
    other = {**GOOD, "id": "other", "trust_email": True}
    assert sso.providers_of("") == []
    assert sso.providers_of(json.dumps(GOOD)) == [GOOD]
    assert sso.providers_of(json.dumps([GOOD, other])) == [GOOD, other]


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ('{"secret": "hush"', "it is not JSON"),
        ('["hush"]', "entry 1 is not an object"),
        (json.dumps({**GOOD, "url": "hush"}), 'entry 1 has "url", expected'),
        (json.dumps([GOOD, {**GOOD, "secret": ""}]), 'entry 2 has no "secret"'),
        (json.dumps({**GOOD, "name": 5}), 'entry 1 has no "name"'),
        (json.dumps({**GOOD, "id": "A/b"}), '"id" is not made of'),
        (json.dumps({**GOOD, "issuer": "login.example.org"}), '"issuer" does not begin with'),
        (json.dumps({**GOOD, "issuer": "http://login.example.org"}), '"issuer" does not begin with'),
        (json.dumps({**GOOD, "issuer": "https://"}), "and the name of a host"),
        (json.dumps({**GOOD, "issuer": "https://[::1"}), "and the name of a host"),
        (json.dumps({**GOOD, "trust_email": "yes"}), '"trust_email" is neither'),
        (json.dumps([GOOD, GOOD]), "the same"),
    ],
)
def test_what_is_wrong_is_said_without_the_secret(given, words):
    with pytest.raises(sso.Wrong, match=words) as told:
        sso.providers_of(given)
    assert "hush" not in str(told.value)
    assert told.value.__suppress_context__ or told.value.__context__ is None


def test_the_issuer_is_found_without_its_last_slash():
    (app,) = sso.settings_for([GOOD])["SOCIALACCOUNT_PROVIDERS"]["openid_connect"]["APPS"]
    assert app["settings"]["server_url"] == "https://login.example.org/realms/energy"
    assert app["settings"]["trust_email"] is False
