"""Chargers and backoffices that know nothing of this project, configured as architecture.md shows."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from simulators.plain import AnyCsms, PlainCharger, PlainCsms
from tests.end_to_end.conftest import VERSIONS, Site
from tests.external.em_simulator import EmSimulator, em_simulator

pytestmark = pytest.mark.asyncio(loop_scope="session")

__all__ = ["em_simulator"]

VALUES = 20


async def eventually(what: str, is_so: Callable[[], bool]) -> None:
    """Return once it is so; peers that nobody here wrote do not tell, so they are asked again."""
    for _ in range(1000):
        if is_so():
            return
        await asyncio.sleep(0.02)
    raise AssertionError(f"{what} did not happen within 20 s")


async def configure(site: Site, identity: str, billing: PlainCsms, energy: PlainCsms) -> None:
    """The file of architecture.md section 4, with this test's names and ports."""
    names = f"billing-{site.number}", f"energy-{site.number}"
    await site.proxy.apply(
        {
            "organisations": [{"name": "Example Installers"}],
            "backoffices": [
                {
                    "name": names[0],
                    "url": billing.url + "/ocpp/{identity}",
                    "username": None,
                    "password": None,
                },
                {"name": names[1], "url": energy.url + "/ocpp/{identity}"},
            ],
            "default_routes": [
                {"backoffice": names[0], "role": "billing"},
                {"backoffice": names[1], "role": "control"},
            ],
            "chargers": [
                {
                    "identity": identity,
                    "organisation": "Example Installers",
                    "password": None,
                    "options": {"offline_grace": 5},
                    "routes": [
                        {"backoffice": names[0], "role": "billing"},
                        {
                            "backoffice": names[1],
                            "role": "control",
                            "identity": f"{identity}-EMS",
                            "permissions": {"Reset": "deny", "RemoteStopTransaction": "own"},
                            "options": {"foreign_tx": "alias"},
                        },
                    ],
                }
            ],
        }
    )


def ids_seen(csms: AnyCsms, version: str) -> list[Any]:
    """The transaction id in each message of a session, in order."""
    if version == "1.6":
        fields = [f for action, f in csms.log if action in ("MeterValues", "StopTransaction")]
        return [f["transaction_id"] for f in fields]
    return [f["transaction_info"]["transaction_id"] for action, f in csms.log if action == "TransactionEvent"]


def _has_seen(csms: AnyCsms, version: str, messages: int) -> bool:
    return len(ids_seen(csms, version)) == messages


def cards_seen(csms: AnyCsms) -> set[str]:
    """Every card that it was shown."""
    tags = {fields["id_tag"] for _, fields in csms.log if "id_tag" in fields}
    return tags | {fields["id_token"]["id_token"] for _, fields in csms.log if "id_token" in fields}


@pytest.mark.parametrize("version", VERSIONS)
async def test_a_whole_session(site: Site, version: str) -> None:
    identity = site.identity()
    async with PlainCsms(100) as billing, PlainCsms(900) as energy:
        await configure(site, identity, billing, energy)
        async with PlainCharger(site.proxy.url(identity), version) as charger:
            assert await charger.boot() == "Accepted"
            await charger.begin("CARD-1")
            for energy_wh in range(1, VALUES + 1):
                await charger.meter(energy_wh)
            await eventually("the start", lambda: bool(billing.chargers[identity].transaction_ids))
            one, other = billing.chargers[identity], energy.chargers[f"{identity}-EMS"]
            assert await one.stop_transaction(one.transaction_ids[0]) == "Accepted"
            await charger.stopped.wait()
            await charger.end(VALUES + 1)
            messages = VALUES + (1 if version == "1.6" else 2)
            for csms in (one, other):
                await eventually("the stop", partial(_has_seen, csms, version, messages))
                assert set(ids_seen(csms, version)) == {csms.transaction_ids[0]}
            assert (version == "1.6") == (one.transaction_ids != other.transaction_ids)
            assert cards_seen(one) == {"CARD-1"}
            assert len(cards_seen(other)) == 1
            assert "CARD-1" not in cards_seen(other)


async def test_em_ocpp_chargepoint_simulator(site: Site, em_simulator: EmSimulator) -> None:
    billing, energy = await site.backoffice("billing", 41), await site.backoffice("energy", 900)
    identity = site.identity("EM")
    await site.configure(identity)
    said = await em_simulator.run(site.proxy.url(identity), meterValues=VALUES)
    assert said[0].action == "BootNotification"
    for backoffice, number in ((billing, 41), (energy, 900)):
        session = await backoffice.wait_session(identity)
        assert session.transaction_id == number
        assert len(session.energies_wh) == VALUES
        assert backoffice.problems(identity) == []


async def test_em_simulator_is_stopped_by_its_number(site: Site, em_simulator: EmSimulator) -> None:
    billing = await site.backoffice("billing", 41)
    await site.backoffice("energy", 900)
    identity = site.identity("EM")
    await site.configure(identity)
    url = site.proxy.url(identity)
    running = asyncio.create_task(em_simulator.run(url, meterValues=2, waitForRemoteStop=True))
    await billing.wait_connected(identity, timeout_s=60)
    await billing.wait_for(identity, "MeterValues", count=2)
    answer = await billing.call(identity, "RemoteStopTransaction", {"transactionId": 41})
    assert answer.payload == {"status": "Accepted"}
    await running
    for backoffice in site.backoffices.values():
        await backoffice.wait_session(identity)
