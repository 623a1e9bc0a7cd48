"""PROXY_SSO, on in a process of its own and off in this one: applications are chosen at the start."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

import pytest
from django.conf import settings
from django.urls import NoReverseMatch, reverse

from proxy_site import sso

DIRECTORY = {
    "id": "directory",
    "name": "Example Energy",
    "client_id": "proxy",
    "secret": "not-to-be-seen",
    "issuer": "https://login.example.org/realms/energy/",
}
WITHOUT = """
import sys
class Hidden:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("allauth", "fido2", "qrcode", "oauthlib"):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
sys.meta_path.insert(0, Hidden())
import importlib.util
found = importlib.util.find_spec
importlib.util.find_spec = lambda name, *more: None if name == "allauth" else found(name, *more)
import django; django.setup()
from django.core import checks; from django.urls import get_resolver
print(sorted(one.id for one in checks.run_checks() if one.is_serious()))
print(len(get_resolver().url_patterns) > 0)
"""


def run(tmp_path: Any, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    given = os.environ | {"PROXY_DATA_DIR": str(tmp_path), "DATABASE_URL": "", "REDIS_URL": ""} | environment
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=settings.BASE_DIR, env=given | {"DJANGO_SETTINGS_MODULE": "proxy_site.settings"},
        capture_output=True, text=True, check=False,
    )  # fmt: skip


@pytest.mark.skipif(not sso.is_installed(), reason="django-allauth is not installed (requirements-sso.txt)")
def test_with_it(tmp_path):
    """What inside.py tells."""
    options = ("-q", "-x", "-n", "0", "-p", "no:cacheprovider", "--no-header")
    done = run(
        tmp_path, "-m", "pytest", "tests/accounts/sso/inside.py", *options,
        PROXY_SSO="true", PROXY_OIDC=json.dumps(DIRECTORY),
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]


@pytest.mark.parametrize(("on", "found"), [("", []), ("true", ["proxy.E020"])], ids=["off", "on"])
def test_without_the_package(tmp_path, on, found):
    """Off, nothing is missed; on, the start says what to install."""
    done = run(tmp_path, "-c", WITHOUT, PROXY_SSO=on)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-2:] == [str(found), "True"]


def test_off_there_is_nothing_of_it(admin_client):
    with pytest.raises(NoReverseMatch):
        reverse("mfa_index")
    assert admin_client.get("/accounts/factors/").status_code == 404
    assert "Second factor" not in admin_client.get("/admin/help/").content.decode()
