"""The admin in both of its looks, and what its pages may load."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import Any

import pytest
from django.conf import settings
from django.test import Client, override_settings

from proxy_site.checks import admin_skin

pytestmark = pytest.mark.django_db

PAGES = (
    *("/admin/", "/admin/chargers/charger/", "/admin/chargers/charger/add/", "/admin/routing/message/"),
    *("/admin/routing/command/", "/admin/routing/firmwarefile/add/", "/admin/routing/settingspreset/add/"),
    *("/admin/chargers/charger/new/", "/admin/chargers/refusedattempt/", "/admin/routing/webhook/add/"),
)
STOCK = """
import proxy_site.asgi  # as daphne does: it loads the applications itself
from django.conf import settings; from django.test import Client
from django.test.utils import setup_test_environment; from django.core.management import call_command
setup_test_environment(); call_command("migrate", verbosity=0)
from accounts.models import User
client = Client(); client.force_login(User.objects.create_superuser("root"))
for page in {pages}:
    answer = client.get(page)
    assert answer.status_code == 200, (page, answer.status_code)
    assert b"unfold" not in answer.content, page
    assert b"accounts/proxy.css" in answer.content, page
"""


def directives(answer: Any) -> dict[str, list[str]]:
    parts = [part.split() for part in answer.headers["Content-Security-Policy"].split(";")]
    return {name: values for name, *values in parts}


@pytest.mark.parametrize("page", PAGES)
def test_the_admin_wears_the_skin(admin_client: Client, page: str) -> None:
    answer = admin_client.get(page)
    assert answer.status_code == 200
    assert b"unfold/css/styles.css" in answer.content
    assert b"accounts/proxy.css" in answer.content


def test_one_switch_brings_back_the_stock_admin(tmp_path: Any) -> None:
    """In a process of its own: a skin is chosen when the modules are loaded."""
    environment = os.environ | {
        "PROXY_ADMIN_SKIN": "stock",
        "PROXY_DATA_DIR": str(tmp_path),
        "DJANGO_SETTINGS_MODULE": "proxy_site.settings",
    }
    done = subprocess.run(
        [sys.executable, "-c", STOCK.format(pages=PAGES)],
        cwd=settings.BASE_DIR, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]


def test_a_skin_that_there_is_not_is_refused() -> None:
    with override_settings(PROXY_ADMIN_SKIN="fur"):
        assert [error.id for error in admin_skin(None)] == ["proxy.E005"]
    assert admin_skin(None) == []


def test_nothing_may_come_from_elsewhere(admin_client: Client) -> None:
    found = directives(admin_client.get("/admin/"))
    assert found["default-src"] == ["'self'"]
    assert found["script-src"] == ["'self'", "'unsafe-eval'"]
    assert found["style-src"] == ["'self'", "'unsafe-inline'"]
    assert found["frame-ancestors"] == ["'none'"]


def test_outside_of_the_admin_nothing_is_evaluated(client: Client) -> None:
    found = directives(client.get("/"))
    assert "script-src" not in found
    assert found["default-src"] == ["'self'"]


def test_whoever_logs_in_sees_the_dashboard(client: Client, django_user_model: Any) -> None:
    django_user_model.objects.create_superuser("root", password="a password of the test")
    answer = client.post("/admin/login/", {"username": "root", "password": "a password of the test"})
    assert answer.headers["Location"] == "/admin/"


def test_the_menu_offers_what_may_be_opened(client: Client, django_user_model: Any) -> None:
    client.force_login(django_user_model.objects.create_user("nobody", is_staff=True))
    content = client.get("/admin/").content.decode()
    assert "/admin/chargers/charger/" not in content
    assert "/admin/accounts/user/" not in content


def test_a_browser_finds_the_sign(client: Client) -> None:
    assert client.get("/favicon.ico").headers["Location"] == "/static/accounts/icon.svg"
