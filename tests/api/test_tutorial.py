"""The tutorial of docs/api.md is run, block by block, against a server; its answers are as it says."""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.utils import timezone
from drf_spectacular.generators import SchemaGenerator

from accounts.models import Membership, Organisation, User
from accounts.tokens import SCOPES, issue
from chargers.models import Charger
from routing.models import ChargerSession, Command, Reading

DOCUMENT = Path(settings.BASE_DIR) / "docs" / "api.md"
BLOCK = re.compile(r"```(?P<kind>sh|json)\n(?P<text>.*?)```|<!-- (?P<step>.*?) -->", re.DOTALL)
ANYTHING = "…"
END = "--- end of a block"


def connects() -> None:
    charger = Charger.objects.get()
    now = timezone.now()
    ChargerSession.objects.create(charger=charger, online=True, ocpp_version="1.6", connected_at=now)
    charger.connectors.create(connector_id=1, status="Charging", updated_at=now)
    Reading.objects.create(charger=charger, connector_id=1, at=now, power_w=7360)


def does_it() -> None:
    now = timezone.now()
    Command.objects.update(state="accepted", answer={"status": "Accepted"}, finished_at=now)


STEPS: dict[str, Callable[[], None]] = {"the charger connects": connects, "the charger does it": does_it}


def blocks() -> list[tuple[str, str]]:
    text = DOCUMENT.read_text().split("## Tutorial")[1].split("\n## ")[0]
    return [(m["kind"] or "step", (m["text"] or m["step"]).strip()) for m in BLOCK.finditer(text)]


class Shell:
    """One shell for all blocks."""

    def __init__(self, **environment: str) -> None:
        self.process = subprocess.Popen(
            ["bash"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, **environment},
        )

    def __call__(self, block: str) -> str:
        """What the block prints. Fails where one of its commands does."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(f"set -e -o pipefail\n{block}\necho; echo '{END}'\n")
        self.process.stdin.flush()
        said = ""
        for line in self.process.stdout:
            if line.strip() == END:
                return said
            said += line
        raise AssertionError(f"it failed:\n{block}\n\n{said}")

    def close(self) -> None:
        self.process.communicate()


def fits(expected: Any, found: Any, where: str = "") -> None:
    """What the document shows is in the answer; of lists the first row."""
    if expected == ANYTHING:
        return
    if isinstance(expected, dict):
        for name, value in expected.items():
            assert name in found, f"{where}.{name} is missing in {found}"
            fits(value, found[name], f"{where}.{name}")
    elif isinstance(expected, list) and expected:
        assert found, where
        fits(expected[0], found[0], where)
    else:
        assert expected == found, where


def last_json(said: str) -> Any:
    """The last of the objects that were printed, one after the other."""
    decoder, at, found = json.JSONDecoder(), 0, None
    while (at := said.find("{", at)) != -1:
        found, at = decoder.raw_decode(said, at)
    return found


@pytest.mark.django_db(transaction=True)
def test_the_tutorial_does_what_it_says(live_server: Any) -> None:
    anna = User.objects.create_user("anna", is_staff=True)
    Membership.objects.create(user=anna, organisation=Organisation.objects.create(name="Ours"), role="owner")
    token = issue(anna, "tutorial", list(SCOPES))[1]
    shell, said, compared = Shell(PROXY=live_server.url, TOKEN=token), "", 0
    try:
        for kind, text in blocks():
            if kind == "step":
                STEPS[text]()
            elif kind == "sh":
                said = shell(text)
            else:
                fits(json.loads(text), last_json(said))
                compared += 1
    finally:
        shell.close()
    assert compared == 8
    assert Charger.objects.count() == 1


def test_every_scope_is_in_the_document() -> None:
    text = DOCUMENT.read_text()
    assert [scope for scope in SCOPES if f"`{scope}`" not in text] == []


def test_every_resource_is_in_some_document() -> None:
    paths = SchemaGenerator().get_schema(request=None, public=True)["paths"]
    text = "".join(document.read_text() for document in DOCUMENT.parent.glob("*.md"))
    assert [name for name in {path.split("/")[3] for path in paths} if f"/{name}/" not in text] == []
