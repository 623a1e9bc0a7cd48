"""The system checks say what is wrong with a setting, and stay silent about good ones."""

import pytest
from cryptography.fernet import Fernet

from proxy_site import checks


def ids(messages):
    return [message.id for message in messages]


@pytest.mark.parametrize(
    ("value", "found"), [("refuse", []), ("adopt", []), ("Adopt", ["proxy.E001"]), ("", ["proxy.E001"])]
)
def test_unknown_chargers_has_two_values(settings, value, found):
    settings.PROXY_UNKNOWN_CHARGERS = value
    messages = checks.unknown_chargers(None)
    assert ids(messages) == found
    assert all(f'"{value}"' in message.msg for message in messages)


@pytest.mark.parametrize("name", checks.BOOLEANS)
@pytest.mark.parametrize(
    ("value", "is_wrong"), [("true", False), ("OFF", False), ("", False), ("ture", True)]
)
def test_a_misspelt_boolean_is_an_error(monkeypatch, name, value, is_wrong):
    monkeypatch.setenv(name, value)
    assert ids(checks.booleans(None)) == (["proxy.E002"] if is_wrong else [])


def test_a_broken_key_is_named_by_its_number_and_not_shown(settings):
    settings.FIELD_ENCRYPTION_KEYS = [Fernet.generate_key().decode(), "not-a-key"]
    (message,) = checks.encryption_keys(None)
    assert message.msg.startswith("Key 2 of")
    assert "not-a-key" not in f"{message.msg} {message.hint}"


@pytest.mark.parametrize(
    ("database", "redis", "found"),
    [
        ("sqlite:///x", "", []),
        ("sqlite:///x", "redis://h/0", ["proxy.W001"]),
        ("postgres://h/d", "redis://h/0", []),
    ],
)
def test_redis_on_sqlite_is_a_misunderstanding(settings, database, redis, found):
    settings.DATABASE_URL, settings.REDIS_URL = database, redis
    assert ids(checks.several_processes(None)) == found


@pytest.mark.parametrize(("mode", "found"), [(0o600, []), (0o640, ["proxy.W002"]), (0o604, ["proxy.W002"])])
def test_secrets_that_others_can_read_are_reported(settings, tmp_path, mode, found):
    settings.PROXY_DATA_DIR = settings.BASE_DIR = tmp_path
    (tmp_path / "secrets.env").touch()
    (tmp_path / "secrets.env").chmod(mode)
    assert ids(checks.secrets_are_private(None)) == found


@pytest.mark.parametrize(
    ("allowed", "debug", "found"), [([], False, ["proxy.W003"]), (["h"], False, []), ([], True, [])]
)
def test_without_hosts_nobody_reaches_the_admin(settings, allowed, debug, found):
    settings.ALLOWED_HOSTS, settings.DEBUG = allowed, debug
    assert ids(checks.hosts(None)) == found


@pytest.mark.parametrize(
    ("embedded", "private", "found"),
    [(True, True, []), (False, False, []), (False, True, ["proxy.W004"])],
)
def test_private_upstreams_are_for_a_bench(settings, embedded, private, found):
    settings.PROXY_EMBEDDED, settings.PROXY_ALLOW_PRIVATE_UPSTREAMS = embedded, private
    assert ids(checks.private_upstreams(None)) == found


@pytest.mark.parametrize(
    ("token", "found"), [("", []), ("a" * 16, []), ("sesame", ["proxy.W005"])], ids=["none", "long", "short"]
)
def test_a_short_token_is_noticed_and_not_shown(settings, token, found):
    settings.PROXY_METRICS_TOKEN = token
    messages = checks.metrics_token(None)
    assert ids(messages) == found
    assert all("sesame" not in f"{message.msg} {message.hint}" for message in messages)


@pytest.mark.parametrize(
    ("days", "found"),
    [
        ({}, []),
        ({"FRAMES": 2}, ["proxy.E004"]),
        ({"FRAMES": 0, "TRANSACTIONS": 30}, ["proxy.E004", "proxy.E004"]),
        ({"ACTIONS": 36_501}, ["proxy.E004"]),
        ({"FRAMES": 400}, ["proxy.W006"]),
    ],
)
def test_days_that_are_kept(settings, days, found):
    for kind, value in days.items():
        setattr(settings, f"PROXY_KEEP_{kind}_DAYS", value)
    messages = checks.days_kept(None)
    assert ids(messages) == found
    assert all(str(value) in " ".join(m.msg for m in messages) for value in days.values())


@pytest.mark.parametrize(
    ("value", "found"),
    [
        ("", []),
        ("wss://chargers.example.org", []),
        ("https://chargers.example.org:8443/x", []),
        ("chargers.example.org", ["proxy.E009"]),
        ("ftp://chargers.example.org", ["proxy.E009"]),
        ("wss://:80", ["proxy.E009"]),
        ("wss://a:port", ["proxy.E009"]),
    ],
)
def test_the_public_address_can_be_given_to_a_charger(settings, value, found):
    settings.PROXY_PUBLIC_URL = value
    assert ids(checks.public_url(None)) == found


@pytest.mark.parametrize(
    ("has_mail", "is_offered", "found"),
    [(False, False, []), (True, True, []), (True, False, ["proxy.W007"])],
)
def test_a_mail_that_could_lead_to_strangers_is_reported(settings, has_mail, is_offered, found):
    settings.PROXY_MAIL, settings.PROXY_PASSWORD_RESET = has_mail, is_offered
    assert ids(checks.password_reset(None)) == found


@pytest.mark.parametrize(
    ("changed", "found"),
    [
        ({}, []),
        ({"PROXY_SSO": True, "PROXY_SSO_READY": True, "PROXY_MFA_REQUIRED": True}, []),
        ({"PROXY_SSO": True}, ["proxy.E020"]),
        ({"PROXY_MFA_REQUIRED": True}, ["proxy.E021"]),
        ({"PROXY_OIDC_GIVEN": True}, ["proxy.E021"]),
        ({"PROXY_SSO": True, "PROXY_SSO_READY": True, "PROXY_OIDC_WRONG": "it is not JSON"}, ["proxy.E022"]),
    ],
    ids=str,
)
def test_nobody_runs_without_the_second_factors_they_want(settings, changed, found):
    for name, value in {
        **dict.fromkeys(("PROXY_SSO", "PROXY_SSO_READY", "PROXY_MFA_REQUIRED", "PROXY_OIDC_GIVEN"), False),
        "PROXY_OIDC_WRONG": "",
        **changed,
    }.items():
        setattr(settings, name, value)
    assert ids(checks.second_factors(None)) == found
