"""Every kind of secret goes through the proxy, in every version and direction: none of them is kept.

Looked through afterwards: the whole database (of SQLite also its free pages, of PostgreSQL every column of
every table), all that was printed at DEBUG, every page of the admin that links lead to, what was exported,
and what was told to the other backoffice.
"""

from __future__ import annotations

import asyncio
import base64
import itertools
import json
import os
import re
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from secrets import token_hex
from typing import Any

import psycopg
import pytest
from cryptography.fernet import Fernet
from psycopg import sql
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidStatus
from websockets.typing import Subprotocol

from simulators.backoffice import SimulatedBackoffice
from tests import templates
from tests.end_to_end.conftest import VERSIONS
from tests.end_to_end.crawler import Browser
from tests.end_to_end.hush import Secrets
from tests.end_to_end.proxy import ProxyProcess

pytestmark = pytest.mark.asyncio(loop_scope="session")

TOLD = ("data of", "a query", "a URL of the charger")
"""Secrets that are for a backoffice: what a charger of this vendor tells, or answers it."""

LATE = 1.5
"""Seconds after which the charger answers what it is asked for too late (``T_cmd`` is 1 s)."""

RIGHTS = dict.fromkeys(
    (
        *("ChangeConfiguration", "DataTransfer", "GetConfiguration", "GetDiagnostics", "GetLog", "GetReport"),
        *("GetBaseReport", "GetVariables", "SetVariables", "SignedUpdateFirmware", "UpdateFirmware"),
        *("PublishFirmware", "SetNetworkProfile"),
    ),
    "allow",
)


# -- what the charger knows --------------------------------------------------------------------------------


def variables(secrets: Secrets, who: str) -> list[tuple[dict[str, Any], dict[str, Any], str]]:
    """Components, variables and values that hold secrets, and one that holds none."""
    named = [
        ("SecurityCtrlr", "BasicAuthPassword", None),
        ("NetworkConfiguration", "VpnKey", None),
        ("NetworkConfiguration", "ApnPassword", "1"),
        ("WiFi", "Passphrase", None),
        ("Vendor", "Setting", "WiFiPassword"),
        ("ApiKey", "Value", None),
    ]
    found: list[tuple[dict[str, Any], dict[str, Any], str]] = [
        (
            {"name": component},
            {"name": variable} | ({} if instance is None else {"instance": instance}),
            secrets.text(f"{who} {component}.{variable}"),
        )
        for component, variable, instance in named
    ]
    found.append(({"name": "Vendor"}, {"name": "Server"}, secrets.url(f"{who} URL", "wss")))
    return [*found, ({"name": "Plain"}, {"name": "Setting"}, "seen")]


def keys(secrets: Secrets, who: str) -> list[dict[str, Any]]:
    """The same of 1.6."""
    names = ("AuthorizationKey", "PW-SetChargerPassword", "Cst_WiFiPASS", "SimPin")
    found = [{"key": n, "readonly": False, "value": secrets.text(f"{who} {n}")} for n in names]
    found.append({"key": "ServiceURL", "readonly": False, "value": secrets.url(f"{who} URL", "wss")})
    return [*found, {"key": "Plain", "readonly": False, "value": "seen"}]


class Charger:
    """A charger that tells everything it knows, some of it late, some of it mangled."""

    def __init__(self, secrets: Secrets, version: str, socket: ClientConnection) -> None:
        self.secrets = secrets
        self.version = version
        self.socket = socket
        self._numbers = itertools.count(1)
        self._answers: dict[str, asyncio.Future[Any]] = {}

    async def live(self) -> None:
        """Answer until the socket closes."""
        async for text in self.socket:
            frame = json.loads(text)
            if frame[0] == 2:
                await self._answer(frame[1], frame[2], frame[3])
            elif frame[1] in self._answers:
                self._answers.pop(frame[1]).set_result(frame)

    async def call(self, action: str, payload: dict[str, Any]) -> Any:
        """Send a CALL; its answer."""
        message_id = f"c{next(self._numbers)}"
        answer = self._answers[message_id] = asyncio.get_running_loop().create_future()
        await self.socket.send(json.dumps([2, message_id, action, payload]))
        return await asyncio.wait_for(answer, 10)

    async def _answer(self, message_id: str, action: str, asked: Any) -> None:
        body = json.dumps([3, message_id, self._told(action)])
        if "late" in json.dumps(asked):
            await asyncio.sleep(LATE)
        if "mangled" in json.dumps(asked):
            body = body[:-1] + ",]"
        await self.socket.send(body)

    def _told(self, action: str) -> dict[str, Any]:
        if action == "GetConfiguration":
            return {"configurationKey": keys(self.secrets, "the charger's")}
        if action == "GetVariables":
            told = variables(self.secrets, "the charger's")
            return {
                "getVariableResult": [
                    {"attributeStatus": "Accepted", "component": c, "variable": v, "attributeValue": value}
                    for c, v, value in told
                ]
            }
        if action == "DataTransfer":
            return {
                "status": "Accepted",
                "data": json.dumps({"password": self.secrets.text("data of an answer")}),
            }
        if action == "GetDiagnostics":
            return {"fileName": "log.zip"}
        return {} if action == "UpdateFirmware" and self.version == "1.6" else {"status": "Accepted"}

    async def tell(self) -> None:
        """Say of itself what nobody asked for."""
        inside = {"wifi": {"psk": self.secrets.text("data of the charger")}}
        await self.call("DataTransfer", {"vendorId": "v", "data": inside})
        token, key = self.secrets.text("a query"), self.secrets.text("a URL of the charger")
        await self.call("DataTransfer", {"vendorId": "v", "data": f"?token={token}&u=https://x/?key={key}"})
        if self.version == "1.6":
            return
        when = "2026-01-01T00:00:00Z"
        report = [
            {"component": c, "variable": v, "variableAttribute": [{"value": value}]}
            for c, v, value in variables(self.secrets, "a report's")
        ]
        await self.call(
            "NotifyReport", {"requestId": 1, "generatedAt": when, "seqNo": 0, "reportData": report}
        )
        await self.call("NotifyEvent", {"generatedAt": when, "seqNo": 0, "eventData": self._events(when)})

    def _events(self, when: str) -> list[dict[str, Any]]:
        return [
            {
                "eventId": number,
                "timestamp": when,
                "trigger": "Delta",
                "eventNotificationType": "HardWiredNotification",
                "component": component,
                "variable": variable,
                "actualValue": value,
            }
            for number, (component, variable, value) in enumerate(variables(self.secrets, "an event's"))
        ]


# -- what backoffices send -----------------------------------------------------------------------------------


def writes_16(secrets: Secrets, who: str) -> list[tuple[str, Any]]:
    """CALLs of 1.6 with secrets in them."""
    url, get = secrets.url, secrets.text
    return [
        *(("ChangeConfiguration", {k: i[k] for k in ("key", "value")}) for i in keys(secrets, who)),
        ("ChangeConfiguration", {"key": "AuthorizationKey", "value": secrets.hexadecimal(f"{who} link")}),
        ("ChangeConfiguration", {"key": " authorizationKEY ", "value": "00" + get(f"{who} odd key")}),
        ("ChangeConfiguration", f'{{"key":"Authorization\\u004bey","value":"{get(f"{who} escaped key")}"}}'),
        ("GetDiagnostics", {"location": url(f"{who} diagnostics")}),
        ("GetDiagnostics", {"location": f"ftp://user:{get(f'{who} @')}@{get(f'{who} @ x')}@files/x"}),
        ("GetDiagnostics", {"location": f"ftp://user:a/{get(f'{who} with /')}@files/x"}),
        ("GetDiagnostics", f'{{"location":"ftp:\\u002f\\u002fuser:{get(f"{who} escaped URL")}@files/x"}}'),
        ("UpdateFirmware", {"location": url(f"{who} firmware"), "retrieveDate": "2026-01-01T00:00:00Z"}),
        ("GetLog", {"logType": "SecurityLog", "requestId": 1, "log": {"remoteLocation": url(f"{who} log")}}),
        *(("GetDiagnostics", {"location": one}) for one in secrets.urls(f"{who} diagnostics")),
        *(("UpdateFirmware", {"location": one, "retrieveDate": "2026-01-01T00:00:00Z"})
          for one in secrets.urls(f"{who} firmware")),
        ("SetVariables", {"setVariableData": assignments(secrets, f"{who} 2.x on 1.6")}),
        *anywhere(secrets, who),
    ]  # fmt: skip


def assignments(secrets: Secrets, who: str) -> list[dict[str, Any]]:
    """Items of SetVariables."""
    return [
        {"component": c, "variable": v, "attributeValue": value} for c, v, value in variables(secrets, who)
    ]


def writes_2(secrets: Secrets, who: str) -> list[tuple[str, Any]]:
    """CALLs of 2.x with secrets in them."""
    get = secrets.text
    connection = {
        "ocppCsmsUrl": secrets.url(f"{who} CSMS URL", "wss"),
        "basicAuthPassword": get(f"{who} profile"),
        "apn": {
            "apn": "a",
            "apnUserName": "u",
            "apnPassword": get(f"{who} APN"),
            "simPin": get(f"{who} SIM"),
        },
        "vpn": {"server": "s", "user": "u", "password": get(f"{who} VPN"), "key": get(f"{who} VPN key")},
    }
    log = {"remoteLocation": secrets.url(f"{who} log")}
    return [
        *(("SetVariables", {"setVariableData": [item]}) for item in assignments(secrets, who)),
        ("SetVariables", {"setVariableData": assignments(secrets, f"{who} all")}),
        ("SetVariables", {"setVariableData": [[assignments(secrets, f"{who} nested")]]}),
        ("SetNetworkProfile", {"configurationSlot": 1, "connectionData": connection}),
        ("GetLog", {"logType": "DiagnosticsLog", "requestId": 1, "log": log}),
        ("UpdateFirmware", {"requestId": 1, "firmware": {"location": secrets.url(f"{who} firmware")}}),
        ("PublishFirmware", {"requestId": 1, "checksum": "x", "location": secrets.url(f"{who} published")}),
        *(("GetLog", {"logType": "DiagnosticsLog", "requestId": 1, "log": {"remoteLocation": one}})
          for one in secrets.urls(f"{who} log")),
        *(("UpdateFirmware", {"requestId": 1, "firmware": {"location": one}})
          for one in secrets.urls(f"{who} firmware")),
        ("ChangeConfiguration", {"key": "AuthorizationKey", "value": get(f"{who} 1.6 on 2.x")}),
        *anywhere(secrets, who),
    ]  # fmt: skip


def anywhere(secrets: Secrets, who: str) -> list[tuple[str, Any]]:
    """CALLs of all versions."""
    inside = json.dumps({"password": secrets.text(f"{who} data")})
    return [
        ("DataTransfer", {"vendorId": "v", "messageId": "SetPassword", "data": inside}),
        ("DataTransfer", {"vendorId": "v", "data": {"wifi_psk": secrets.text(f"{who} data object")}}),
        ("Teleport", {"key": "AuthorizationKey", "value": secrets.text(f"{who} unknown action")}),
    ]


def reads(version: str) -> list[tuple[str, Any]]:
    """CALLs that ask for secrets; the last ones are answered too late, and in no JSON."""
    if version == "1.6":
        return [("GetConfiguration", payload) for payload in ({}, {"key": ["late"]}, {"key": ["mangled"]})]
    asked = [{"component": {"name": n}, "variable": {"name": "x"}} for n in ("a", "late", "mangled")]
    return [("GetVariables", {"getVariableData": [item]}) for item in asked]


def mangled(action: str, payload: Any) -> str:
    """The same CALL as text that is no JSON."""
    body = payload if isinstance(payload, str) else json.dumps(payload)
    return f'[2,"m","{action}",{body},]'


# -- the test ------------------------------------------------------------------------------------------------


async def say(backoffice: SimulatedBackoffice, identity: str, action: str, payload: Any) -> None:
    """A CALL and its answer; where the backoffice has set its own password, its link is dialled anew."""
    view = await backoffice.wait_connected(identity)
    before = view.connections
    answer = await backoffice.call(identity, action, payload)
    if "Accepted" in answer.text and re.search(
        "authorization(k|.u004b)ey|BasicAuthPassword", str(payload), re.IGNORECASE
    ):
        async with asyncio.timeout(10):
            while view.connections == before:  # noqa: ASYNC110 - the simulator counts, and tells nobody
                await asyncio.sleep(0.02)


async def speak(backoffice: SimulatedBackoffice, secrets: Secrets, version: str, identity: str) -> None:
    """One backoffice says all that it can, rightly and wrongly."""
    make: Callable[..., list[tuple[str, Any]]] = writes_16 if version == "1.6" else writes_2
    for action, payload in make(secrets, f"{version} {backoffice.name}"):
        await say(backoffice, identity, action, payload)
    await backoffice.wait_connected(identity)
    for action, payload in make(secrets, f"{version} {backoffice.name} mangled")[:4]:
        await backoffice.send_text(identity, mangled(action, payload))
    for action, payload in reads(version):
        await say(backoffice, identity, action, payload)
    await asyncio.sleep(LATE)


async def session(
    proxy: ProxyProcess, secrets: Secrets, version: str, password: str, names: list[SimulatedBackoffice]
) -> None:
    """A charger of this version, and all that is said of secrets."""
    identity = f"CP-{version}"
    pair = base64.b64encode(f"{identity}:{password}".encode()).decode()
    secrets.made[f"{identity}, its header"] = pair
    dialled = connect(
        proxy.url(identity),
        subprotocols=[Subprotocol(f"ocpp{version}")],
        additional_headers={"Authorization": f"Basic {pair}"},
        proxy=None,
    )
    async with dialled as socket:
        charger = Charger(secrets, version, socket)
        living = asyncio.create_task(charger.live())
        boot = {"chargePointVendor": "V", "chargePointModel": "M"}
        boot_2 = {"reason": "PowerUp", "chargingStation": {"vendorName": "V", "model": "M"}}
        await charger.call("BootNotification", boot if version == "1.6" else boot_2)
        for backoffice in names:
            await backoffice.wait_for(identity, "BootNotification")
        await charger.tell()
        for backoffice in names:
            await speak(backoffice, secrets, version, identity)
        living.cancel()


def configuration(
    secrets: Secrets, names: list[SimulatedBackoffice], passwords: dict[str, str], elsewhere: str
) -> Any:
    routes = [
        {"backoffice": "billing", "role": "billing", "permissions": RIGHTS | {"SetNetworkProfile": "deny"}},
        {"backoffice": "energy", "role": "control", "permissions": RIGHTS},
        {"backoffice": "elsewhere", "role": "observe"},
    ]
    return {
        "backoffices": [
            {"name": b.name, "url": b.url, "password": secrets.text(f"the link of {b.name}")} for b in names
        ]
        + [{"name": "elsewhere", "url": elsewhere}],
        "chargers": [
            {"identity": i, "password": p, "options": {"T_cmd": 1}, "routes": routes}
            for i, p in passwords.items()
        ],
    }


def headers(secrets: Secrets) -> None:
    """Passwords of links as they go over the wire."""
    for what, secret in list(secrets.made.items()):
        for version in VERSIONS:
            pair = f"CP-{version}:{secret}".encode("latin-1")
            secrets.made[f"{what}, in a header of {version}"] = base64.b64encode(pair).decode()


def of_the_process(secrets: Secrets) -> dict[str, str]:
    """What the proxy itself is told."""
    return {
        "SECRET_KEY": secrets.text("SECRET_KEY") * 3,
        "PROXY_CREDENTIAL_PEPPERS": secrets.text("a pepper") + "," + secrets.text("an older pepper"),
        "FIELD_ENCRYPTION_KEYS": secrets.keep("a key", Fernet.generate_key().decode()),
        "PROXY_METRICS_TOKEN": secrets.text("the metrics token"),
        "PROXY_ADMIN_PASSWORD": secrets.text("the password of admin"),
        "PROXY_LOG_LEVEL": "DEBUG",
    }


async def knock(proxy: ProxyProcess, secrets: Secrets) -> None:
    """Chargers that are refused, with what they should have kept for themselves."""
    pair = base64.b64encode(f"CP-1.6:{secrets.text('a wrong password')}".encode()).decode()
    secrets.made["the header of a wrong one"] = pair
    refused = [
        (proxy.url("CP-1.6"), {"Authorization": f"Basic {pair}"}),
        (proxy.url("CP-1.6"), {"Authorization": f"Bearer {secrets.text('a bearer')}"}),
        (proxy.url(f"CP-1.6?password={secrets.text('a query of a charger')}"), {}),
    ]
    for url, headers in refused:
        with pytest.raises(InvalidStatus):
            await connect(url, subprotocols=[Subprotocol("ocpp1.6")], additional_headers=headers, proxy=None)


@asynccontextmanager
async def redirecting(secrets: Secrets) -> AsyncIterator[str]:
    """A backoffice that sends whoever dials it elsewhere, with a token."""
    target = f"Location: https://x/?token={secrets.text('a redirect')}\r\n"

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(f"HTTP/1.1 302 Found\r\n{target}Content-Length: 0\r\n\r\n".encode())
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        yield f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}/ocpp"


def pages(proxy: ProxyProcess, secrets: Secrets, *, walked: bool) -> dict[str, str]:
    """All that the admin shows to whoever may see everything, what is exported there, and the figures."""
    browser = Browser(proxy.http)
    browser.log_in("admin", secrets.text("a wrong password of admin"))
    browser.log_in("admin", proxy.settings["PROXY_ADMIN_PASSWORD"])
    if walked:
        browser.walk()
    for form in ("jsonl", "csv"):
        browser.get(f"/admin/routing/message/export/?window=any&format={form}")
    for token in (secrets.text("a wrong metrics token"), proxy.settings["PROXY_METRICS_TOKEN"]):
        browser.get("/metrics", {"Authorization": f"Bearer {token}"})
    return browser.seen


def database(proxy: ProxyProcess) -> bytes:
    """All of it: the file as it lies on the disk, or every column of every table."""
    url = proxy.settings.get("DATABASE_URL", "")
    if not url:
        return b"".join(path.read_bytes() for path in proxy.data.glob("db.sqlite3*"))
    with psycopg.connect(url) as postgres:
        tables = postgres.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall()
        names = [sql.Identifier(table) for (table,) in tables]
        rows = [row for name in names for row in postgres.execute(sql.SQL("SELECT * FROM {}").format(name))]
    return "\n".join(map(str, rows)).encode()


@contextmanager
def place(kind: str) -> Iterator[dict[str, str]]:
    """The settings of a database of this kind, that goes afterwards."""
    if kind == "sqlite":
        yield {}
    elif not os.environ.get("TEST_POSTGRES_URL"):
        pytest.skip("TEST_POSTGRES_URL is not set")
    else:
        with templates.postgres_database(f"ocpp_secrets_{token_hex(4)}") as url:
            private = {"PROXY_ALLOW_PRIVATE_UPSTREAMS": "true", "ALLOWED_HOSTS": "127.0.0.1"}
            yield {"DATABASE_URL": url, **private}


@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
async def test_no_secret_is_kept_or_printed(tmp_path: Path, kind: str) -> None:
    secrets = Secrets()
    with place(kind) as settings:
        proxy = ProxyProcess(tmp_path, settings | of_the_process(secrets))
        await proxy.start()
        passwords = {f"CP-{version}": secrets.text(f"charger {version}") for version in VERSIONS}
        backoffices = SimulatedBackoffice("billing"), SimulatedBackoffice("energy")
        async with backoffices[0] as billing, backoffices[1] as energy, redirecting(secrets) as elsewhere:
            names = [billing, energy]
            await proxy.apply(configuration(secrets, names, passwords, elsewhere))
            await knock(proxy, secrets)
            await asyncio.gather(*(session(proxy, secrets, v, passwords[f"CP-{v}"], names) for v in VERSIONS))
            code, exported = await proxy.manage("export")
            assert code == 0
            # Pages are made of the same rows on both: they are walked once.
            seen = await asyncio.to_thread(pages, proxy, secrets, walked=kind == "sqlite")
        assert await proxy.stop() == 0
        kept = database(proxy)
    headers(secrets)
    assert b"seen" in kept  # what is no secret is there
    assert secrets.found_in(kept) == []
    assert secrets.found_in(exported.encode()) == []
    assert " INFO " in proxy.log
    assert secrets.found_in(proxy.log.encode()) == []
    if kind == "sqlite":
        assert len(seen) > 100, sorted(seen)
        assert [path for path in seen if re.search(r"/message/\d+/\d+/$", path)]
    assert "seen" in seen["/admin/routing/message/export/?window=any&format=jsonl"]
    assert {path: found for path, page in seen.items() if (found := secrets.found_in(page.encode()))} == {}
    for backoffice in names:
        for identity in passwords:
            received = "\n".join(backoffice.record(identity).texts("received")).encode()
            told = [w for w in secrets.found_in(received) if not w.startswith(TOLD)]
            assert told == []  # what a vendor answers is for who has asked
