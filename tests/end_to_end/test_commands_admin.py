"""The same through the pages of the admin: what a person can ask a charger, beside two backoffices."""

from __future__ import annotations

import hashlib
import json
import re
import urllib.error
import urllib.parse
import urllib.request
from asyncio import to_thread
from functools import partial
from typing import Any

import pytest

from simulators.charger import Habits, SimulatedCharger
from simulators.record import Entry, Record
from tests.end_to_end.conftest import Site
from tests.end_to_end.proxy import ProxyProcess
from tests.end_to_end.test_admin_switch import Browser
from tests.end_to_end.test_commands import heard, limits_and_settings

pytestmark = pytest.mark.asyncio(loop_scope="session")

FIRMWARE = bytes(range(256)) * 2000
"""Large enough to go to disk while it comes."""

LOG = b"all is well\n" * 40_000


class _Stays(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: Any) -> None:
        return None


class Person(Browser):
    """Somebody who is logged in, on the page of a charger's commands."""

    def __init__(self, proxy: ProxyProcess, identity: str) -> None:
        super().__init__(proxy.http)
        self.proxy = proxy
        [(self.key,)] = proxy.rows("SELECT id FROM chargers_charger WHERE identity = ?", identity)
        self.tab = f"/admin/chargers/charger/{self.key}/commands/"
        self.token = ""

    def enter(self) -> None:
        """Log in and open the page."""
        self.log_in()
        found = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', self.get(self.tab))
        assert found
        self.token = found[1]

    def send(self, path: str, fields: dict[str, str]) -> str:
        """Post a form; the address that it leads to, which nobody opens here."""
        body = urllib.parse.urlencode({**fields, "csrfmiddlewaretoken": self.token}).encode()
        request = urllib.request.Request(self.base + path, body, {"Referer": self.base + path})
        stays = urllib.request.build_opener(_Stays, urllib.request.HTTPCookieProcessor(self.cookies))
        try:
            stays.open(request).close()
        except urllib.error.HTTPError as answer:
            with answer:
                return str(answer.headers.get("Location", ""))
        return ""

    def upload(self, path: str, fields: dict[str, str], name: str, content: bytes) -> None:
        """Post a form with a file."""
        parts = [
            f'--x\r\nContent-Disposition: form-data; name="{key}"\r\n\r\n{value}\r\n'.encode()
            for key, value in {**fields, "csrfmiddlewaretoken": self.token}.items()
        ]
        head = f'--x\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n\r\n'
        body = b"".join([*parts, head.encode(), content, b"\r\n--x--\r\n"])
        headers = {"Referer": self.base + path, "Content-Type": "multipart/form-data; boundary=x"}
        with self.opener.open(urllib.request.Request(self.base + path, body, headers)) as response:
            assert response.geturl() != self.base + path, "the form was not taken"

    async def accepted(self, verb: str, **arguments: Any) -> Any:
        """Give a command as the form does; the charger's answer to what it does."""
        fields = {f"a.{name}": _written(value) for name, value in arguments.items()}
        return await self.given({"verb": verb, "confirm": "yes", **fields})

    async def given(self, fields: dict[str, str], tab: str = "", name: str = "give") -> Any:
        where = await to_thread(self.send, f"{tab or self.tab}do/{name}/", fields)
        _page, _hash, key = where.partition("#command-")
        assert key, f"{fields} was not taken"
        query = "SELECT state, words, answer FROM routing_command WHERE uuid = ? AND finished_at IS NOT NULL"
        ((state, words, answer),) = await self.proxy.wait_rows(query, key.replace("-", ""), timeout_s=30)
        assert state == "accepted", (fields, state, words)
        return json.loads(answer)


def _written(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, dict):
        return json.dumps(value)
    return "\n".join(value) if isinstance(value, list) else str(value)


def _with_charge(record: Record, since: int) -> Entry | None:
    """A message with power and state of charge that came after so many."""
    return next((one for one in record.entries[since:] if '"SoC"' in one.text and "Power" in one.text), None)


def put(url: str, content: bytes) -> int:
    request = urllib.request.Request(url, content, method="PUT")
    with urllib.request.urlopen(request) as response:
        return int(response.status)


def fetched(url: str) -> bytes:
    with urllib.request.urlopen(url) as response:
        return bytes(response.read())


async def files(person: Person, charger: SimulatedCharger, version: str) -> None:
    """Diagnostics come to the admin, a firmware goes to the charger."""
    await person.given({"verb": "diagnostics", "f.where": "here"})
    action = "GetDiagnostics" if version == "1.6" else "GetLog"
    asked = charger.record.calls(action, "received")[-1].payload
    location = asked["location"] if version == "1.6" else asked["log"]["remoteLocation"]
    assert await to_thread(put, f"{location}/diagnostics.log", LOG) == 201
    [(upload,)] = await person.proxy.wait_rows(
        "SELECT id FROM routing_upload WHERE charger_id = ? AND received_at IS NOT NULL", person.key
    )
    page = await to_thread(person.get, person.tab)
    assert f"/admin/routing/upload/{upload}/change/" in page
    assert location.rpartition("/")[2] not in page
    content = await to_thread(person.get, f"/admin/routing/upload/{upload}/download/")
    assert content.encode() == LOG

    organisation = person.proxy.rows("SELECT organisation_id FROM chargers_charger WHERE id = ?", person.key)
    fields = {"organisation": str(organisation[0][0]), "version": version}
    await to_thread(person.upload, "/admin/routing/firmwarefile/add/", fields, "fw.bin", FIRMWARE)
    [(key, sha256)] = person.proxy.rows(
        "SELECT uuid, sha256 FROM routing_firmwarefile WHERE version = ?", version
    )
    assert sha256 == hashlib.sha256(FIRMWARE).hexdigest()
    key = re.sub(r"(.{8})(.{4})(.{4})(.{4})(.{12})", r"\1-\2-\3-\4-\5", key)
    await person.given({"verb": "firmware", "confirm": "yes", "f.file": key})
    asked = charger.record.calls("UpdateFirmware", "received")[-1].payload
    location = asked["location"] if version == "1.6" else asked["firmware"]["location"]
    assert await to_thread(fetched, location) == FIRMWARE


@pytest.mark.parametrize("version", ["1.6", "2.0.1"])
async def test_a_person_does_it_all_in_the_admin(site: Site, version: str) -> None:
    billing, energy = await site.backoffice("billing", 100), await site.backoffice("energy", 900)
    both, identity = (billing, energy), site.identity()
    await site.proxy.apply({"organisations": [{"name": f"People {version}"}]})
    await site.configure(identity, charger={"organisation": f"People {version}"})
    charger = await site.booted(identity, version, habits=Habits(time_scale=30))
    person = Person(site.proxy, identity)
    await to_thread(person.enter)

    # a card, a session of both, its meter
    await person.accepted("authorise", id_tag="CARD-1", connector=1)
    for one in both:
        await one.wait_session(identity, stopped=False)
    told = [one.record(identity) for one in both]
    marks = [len(record) for record in told]
    await person.accepted("read_values", connector=1)
    for record, mark in zip(told, marks, strict=True):
        await record.wait_until(partial(_with_charge, record, mark), "the state of charge")

    # limits, pause, profiles, settings: nobody is told
    before = [heard(one, identity) for one in both]
    await limits_and_settings(person, charger, version)  # type: ignore[arg-type]  # it asks alike
    tab = f"/admin/chargers/charger/{person.key}/configuration/"
    setting = {"1.6": "ResetRetries", "2.0.1": "OCPPCommCtrlr.OfflineThreshold"}[version]
    await person.given({"key": setting, "value": "9"}, tab, "write")
    assert charger.configuration.text(setting) == "9"
    await person.given({}, tab, "read")
    assert [heard(one, identity) for one in both] == before

    # an action of OCPP out of its form
    where = {"p.connectorId": "1"} if version == "1.6" else {"p.evse.id": "1"}
    name = "p.type" if version == "1.6" else "p.operationalStatus"
    await person.given({"action": "ChangeAvailability", name: "Operative", **where})

    await person.accepted("stop")
    for one in both:
        await one.wait_session(identity)
    await files(person, charger, version)
    boots = [heard(one, identity)["BootNotification"] for one in both]
    await person.accepted("reset", how="hard")
    for one, count in zip(both, boots, strict=True):
        await one.wait_for(identity, "BootNotification", count=count + 1)
    for one in both:
        assert one.problems(identity) == []
