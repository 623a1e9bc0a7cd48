"""The addresses of another maker that evcc calls: what its public driver reads, in the types that it reads.

The shapes below are the fields that evcc's driver ``plugchoice`` decodes, as Go would: a field that is not
there is its zero value, one of another type is an error.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from accounts.models import Organisation, User
from chargers.models import Charger
from routing.models import ChargerSession, Command, LatestValue, Reading, Transaction
from tests.api.conftest import member, program

pytestmark = pytest.mark.django_db
V3 = "/api/v3/chargers"

ANY = object
CONNECTOR = {
    "id": int, "charger_id": int, "connector_id": int, "status": str, "error": str, "error_info": ANY,
    "max_amperage": int, "created_at": str, "updated_at": str,
}  # fmt: skip
CHARGER = {
    "uuid": str, "id": int, "identity": str, "reference": str, "connection_status": str, "status": str,
    "error": str, "error_info": ANY, "created_at": str, "updated_at": str,
    "model": {"vendor": str, "name": str}, "connectors": [CONNECTOR],
}  # fmt: skip
ONE = {"data": CHARGER}
MANY = {
    "data": [CHARGER],
    "links": {"first": str, "last": str},
    "meta": {"current_page": int, "last_page": int},
}
POWER = {"timestamp": str, "kW": str, "L1": str, "L2": str, "L3": str}
NEEDED = {"uuid", "identity", "connectors", "connector_id", "status", "last_page", "kW", "L1", "L2", "L3"}

STATUSES = {"Available", "Preparing", "SuspendedEVSE", "SuspendedEV", "Finishing", "Charging"}
"""Those that the driver takes; any other is an error to it."""


def decoded(shape: Any, said: Any, name: str = "") -> None:
    """Fails where a typed reader would."""
    if isinstance(shape, dict):
        assert isinstance(said, dict), name
        for key, inner in shape.items():
            assert key in said or key not in NEEDED, f"{name}.{key} is missing"
            if said.get(key) is not None:
                decoded(inner, said[key], f"{name}.{key}")
    elif isinstance(shape, list):
        assert isinstance(said, list), name
        for one in said:
            decoded(shape[0], one, name)
    else:
        assert isinstance(said, shape), f"{name} is {said!r}"


@pytest.fixture
def charger(ours: Organisation) -> Charger:
    now = timezone.now()
    charger = Charger.objects.create(identity="CP-1", organisation=ours, label="Yard")
    ChargerSession.objects.create(charger=charger, online=True, ocpp_version="1.6", connected_at=now)
    for number, status in ((0, "Available"), (1, "Charging"), (2, "Available")):
        charger.connectors.create(connector_id=number, status=status, updated_at=now)
    boot = '{"chargePointVendor":"Acme","chargePointModel":"Wall"}'
    LatestValue.objects.create(charger=charger, kind="boot", payload=boot, at=now)
    return charger


@pytest.fixture
def evcc(installer: User) -> APIClient:
    return program(installer, "chargers:read", "commands:energy")


def test_a_charger_is_found_by_its_identity(evcc: APIClient, charger: Charger) -> None:
    found = evcc.get(f"{V3}?page=1").json()
    decoded(MANY, found)
    assert [(row["identity"], row["uuid"]) for row in found["data"]] == [("CP-1", str(charger.uuid))]
    assert found["meta"]["last_page"] == 1
    beyond = evcc.get(f"{V3}?page=2")
    assert (beyond.status_code, beyond.json()["data"]) == (200, [])
    assert int(beyond.headers["RateLimit-Remaining"]) > 0


def test_a_charger_says_how_its_connectors_are(evcc: APIClient, charger: Charger) -> None:
    found = evcc.get(f"{V3}/{charger.uuid}").json()
    decoded(ONE, found)
    assert found["data"]["model"] == {"vendor": "Acme", "name": "Wall"}
    assert {c["connector_id"]: c["status"] for c in found["data"]["connectors"]} == {
        1: "Charging",
        2: "Available",
    }


@pytest.mark.parametrize(
    ("power", "running", "status"),
    [(None, False, "Preparing"), (7000.0, True, "Charging"), (0.0, True, "SuspendedEV")],
    ids=["a cable", "a session that charges", "a session that does not"],
)
def test_an_occupied_evse_is_told_in_words_of_1_6(
    evcc: APIClient, charger: Charger, power: float | None, running: bool, status: str
) -> None:
    now = timezone.now()
    charger.connectors.all().delete()
    charger.connectors.create(evse_id=1, connector_id=1, status="Occupied", updated_at=now)
    if running:
        Transaction.objects.create(charger=charger, ocpp_version="2.0.1", evse_id=1, connector_id=1)
        Reading.objects.create(charger=charger, evse_id=1, at=now, power_w=power)
    [connector] = evcc.get(f"{V3}/{charger.uuid}").json()["data"]["connectors"]
    assert (connector["connector_id"], connector["status"]) == (1, status)
    assert status in STATUSES


def test_power_is_text(evcc: APIClient, charger: Charger) -> None:
    path = f"{V3}/{charger.uuid}/connectors/1/power-usage"
    nothing = evcc.get(path).json()
    decoded(POWER, nothing)
    assert [nothing[name] for name in ("kW", "L1", "L2", "L3")] == ["-"] * 4
    Reading.objects.create(
        charger=charger,
        connector_id=1,
        at=timezone.now() - timedelta(minutes=1),
        power_w=6900,
        current_l1_a=10.0,
    )
    assert evcc.get(path).json()["kW"] == "0.000"
    Transaction.objects.create(charger=charger, ocpp_version="1.6", connector_id=1)
    said = evcc.get(path).json()
    decoded(POWER, said)
    assert [said[name] for name in ("kW", "L1", "L2", "L3")] == ["6.900", "10.000", "-", "-"]
    assert evcc.get(f"{V3}/{charger.uuid}/connectors/9/power-usage").status_code == 404


@pytest.mark.parametrize(
    ("state", "status"),
    [
        ("accepted", 200),
        ("queued", 202),
        ("offline", 409),
        ("rejected", 422),
        ("not_supported", 422),
        ("timed_out", 504),
    ],
)
def test_a_limit_is_a_command(
    evcc: APIClient, charger: Charger, monkeypatch: pytest.MonkeyPatch, state: str, status: int
) -> None:
    ended = None if state == "queued" else timezone.now()
    monkeypatch.setattr("chargers.api.facade.WAIT_S", 0.05 if state == "queued" else 5)
    monkeypatch.setattr(
        "routing.commands.service.time.sleep",
        lambda seconds: Command.objects.update(state=state, finished_at=ended),
    )
    answer = evcc.post(
        f"{V3}/{charger.uuid}/actions/charge-limit", {"connector_id": 1, "limit": 16}, format="json"
    )
    assert answer.status_code == status, answer.json()
    command = Command.objects.get()
    assert (command.verb, command.action, command.payload["connectorId"]) == (
        "limit",
        "SetChargingProfile",
        1,
    )
    schedule = command.payload["csChargingProfiles"]["chargingSchedule"]
    assert schedule["chargingSchedulePeriod"] == [{"startPeriod": 0, "limit": 16.0}]


@pytest.mark.parametrize(
    "said", [{}, {"connector_id": 1}, {"connector_id": 1, "limit": -1}, {"limit": "x"}], ids=str
)
def test_a_limit_that_is_none_is_told(evcc: APIClient, charger: Charger, said: dict[str, Any]) -> None:
    answer = evcc.post(f"{V3}/{charger.uuid}/actions/charge-limit", said, format="json")
    assert answer.status_code == 400
    assert not Command.objects.exists()


def test_others_find_nothing(
    foreign: APIClient, ours: Organisation, installer: User, charger: Charger
) -> None:
    one = f"{V3}/{charger.uuid}"
    paths = [one, f"{one}/connectors/1/power-usage"]
    assert foreign.get(V3).json()["data"] == []
    for path in paths:
        assert foreign.get(path).status_code == 404
        assert APIClient().get(path).status_code == 401
        assert program(installer, "routes:read").get(path).status_code == 403
    said = {"connector_id": 1, "limit": 6}
    limit = f"{one}/actions/charge-limit"
    reader = program(member(ours, "read_only"))
    for client, status in (
        (foreign, 404),
        (reader, 403),
        (program(installer, "chargers:read"), 403),
        (APIClient(), 401),
    ):
        assert client.post(limit, said, format="json").status_code == status
    assert not Command.objects.exists()
