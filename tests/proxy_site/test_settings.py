"""What the settings make of an environment."""

import re
import runpy
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.db import connection

from proxy_site.sso import is_installed

SOURCE = Path(settings.BASE_DIR) / "proxy_site" / "settings.py"
SECRETS = {"SECRET_KEY": "s", "FIELD_ENCRYPTION_KEYS": "one,two", "PROXY_CREDENTIAL_PEPPERS": "pepper"}
FLEET = {
    "DATABASE_URL": "postgres://proxy:pw@db/proxy",
    "REDIS_URL": "redis://redis/0",
    "ALLOWED_HOSTS": "a.example.org,b.example.org",
}
BENCH = {
    **dict.fromkeys(FLEET, ""),
    "PROXY_REQUIRE_TLS": "",
    "PROXY_ALLOW_PRIVATE_UPSTREAMS": "",
    "PROXY_UNKNOWN_CHARGERS": "",
}


@pytest.fixture
def settings_of(monkeypatch, tmp_path):
    """Evaluates settings.py for an environment; an empty value beats what the developer has set."""

    def evaluate(**environment: str) -> dict[str, Any]:
        for name, value in {**BENCH, **SECRETS, "PROXY_DATA_DIR": str(tmp_path), **environment}.items():
            monkeypatch.setenv(name, value)
        return runpy.run_path(str(SOURCE))

    return evaluate


def test_alone_it_is_embedded(settings_of, tmp_path):
    found = settings_of()
    assert found["PROXY_EMBEDDED"] is True
    assert found["DATABASES"]["default"]["NAME"] == str(tmp_path / "db.sqlite3")
    assert found["CELERY_BROKER_URL"].startswith("memory://")
    assert found["CELERY_BROKER_TRANSPORT_OPTIONS"] == {"polling_interval": 0.02}
    assert found["CHANNEL_LAYERS"]["default"]["BACKEND"].endswith("InMemoryChannelLayer")
    assert found["ALLOWED_HOSTS"] == ["*"]
    assert found["PROXY_ALLOW_PRIVATE_UPSTREAMS"] is True
    assert found["PROXY_UNKNOWN_CHARGERS"] == "refuse"


def test_the_pool_dials_as_long_as_anybody_waits_and_then_begins_anew(settings_of):
    """Its pauses double: what was begun long ago would try too seldom when PostgreSQL is back."""
    pool = settings_of(**FLEET)["DATABASES"]["default"]["OPTIONS"]["pool"]
    assert pool["reconnect_timeout"] == pool["timeout"]


def test_a_fleet_uses_postgresql_and_redis(settings_of):
    found = settings_of(**FLEET)
    assert found["PROXY_EMBEDDED"] is False
    assert found["DATABASES"]["default"]["ENGINE"] == "django.db.backends.postgresql"
    assert found["DATABASES"]["default"]["OPTIONS"]["pool"]["max_size"] > 1
    assert found["CELERY_BROKER_URL"] == FLEET["REDIS_URL"]
    assert found["CHANNEL_LAYERS"]["default"]["CONFIG"]["prefix"] == "proxy0"
    assert found["CHANNEL_LAYERS"]["default"]["BACKEND"].endswith("RedisPubSubChannelLayer")
    assert found["ALLOWED_HOSTS"] == ["a.example.org", "b.example.org"]
    assert found["PROXY_ALLOW_PRIVATE_UPSTREAMS"] is False


def test_a_fleet_without_hosts_is_open_to_nobody(settings_of):
    assert settings_of(**{**FLEET, "ALLOWED_HOSTS": ""})["ALLOWED_HOSTS"] == []


@pytest.mark.parametrize(
    ("statement", "value"),
    [
        ("PRAGMA journal_mode", "wal"),
        ("PRAGMA synchronous", 2),  # FULL
        ("PRAGMA foreign_keys", 1),
    ],
)
@pytest.mark.django_db
@pytest.mark.skipif("sqlite" not in settings.DATABASES["default"]["ENGINE"], reason="about SQLite")
def test_sqlite_keeps_what_was_committed(statement, value):

    with connection.cursor() as cursor:
        cursor.execute(statement)
        assert cursor.fetchone() == (value,)


def test_sqlite_waits_for_its_turn(settings_of):
    options = settings_of()["DATABASES"]["default"]["OPTIONS"]
    assert (options["timeout"], options["transaction_mode"]) == (20, "IMMEDIATE")


def test_tls_makes_cookies_and_addresses_secure(settings_of):
    found = settings_of(**FLEET, PROXY_REQUIRE_TLS="true")
    assert found["SECURE_SSL_REDIRECT"] is True
    assert found["SESSION_COOKIE_SECURE"] is True
    assert found["CSRF_COOKIE_SECURE"] is True
    assert found["SECURE_HSTS_SECONDS"] > 0


def test_without_tls_a_bench_can_log_in(settings_of):
    assert settings_of().get("SESSION_COOKIE_SECURE", False) is False


@pytest.mark.parametrize(
    ("mail", "hosts", "offered"),
    [("", "a.example.org", False), ("smtp://mail", "a.example.org", True), ("smtp://mail", "*", False)],
)
def test_a_password_is_set_anew_only_where_the_link_leads_to_us(settings_of, mail, hosts, offered):
    assert settings_of(EMAIL_URL=mail, ALLOWED_HOSTS=hosts)["PROXY_PASSWORD_RESET"] is offered


@pytest.mark.parametrize(("on", "there"), [("", False), ("true", True)])
@pytest.mark.skipif(not is_installed(), reason="django-allauth is not installed (requirements-sso.txt)")
def test_the_extra_is_loaded_where_it_is_wanted(settings_of, on, there):
    found = settings_of(PROXY_SSO=on, PROXY_OIDC="{hush")
    assert any(name.startswith("allauth") for name in found["INSTALLED_APPS"]) is there
    assert any(name.startswith("allauth") for name in found["MIDDLEWARE"]) is there
    assert found["MIDDLEWARE"][-1] == "axes.middleware.AxesMiddleware"
    assert found["PROXY_OIDC_WRONG"] == "it is not JSON"


def test_several_keys_and_peppers_can_be_given(settings_of):
    found = settings_of()
    assert found["FIELD_ENCRYPTION_KEYS"] == ["one", "two"]
    assert found["PROXY_CREDENTIAL_PEPPERS"] == ["pepper"]


def names_in_settings() -> set[str]:
    read = set(re.findall(r'env\.\w+\(\s*"(\w+)"', SOURCE.read_text(encoding="utf-8")))
    assert len(read) > 10
    return read | set(SECRETS)


@pytest.mark.parametrize("name", sorted(names_in_settings()))
@pytest.mark.parametrize("page", ["docs/operators.md", ".env.example"])
def test_each_setting_is_documented(page, name):
    assert re.search(rf"\b{name}\b", (Path(settings.BASE_DIR) / page).read_text(encoding="utf-8")), (
        f"{page} does not mention {name}"
    )


def test_no_setting_is_documented_that_does_not_exist():
    text = (Path(settings.BASE_DIR) / "docs" / "operators.md").read_text(encoding="utf-8")
    documented = set(re.findall(r"^\| `([A-Z_]+)` ", text, flags=re.MULTILINE))
    assert documented == names_in_settings()
