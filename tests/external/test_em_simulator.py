"""The simulator nobody here wrote, directly at the simulated backoffice: what it says is sound."""

from __future__ import annotations

import asyncio
import json

from simulators.backoffice import Policy, SimulatedBackoffice
from tests.external.em_simulator import HERE, EmSimulator, em_simulator

__all__ = ["em_simulator"]


async def test_runs_a_whole_session(em_simulator: EmSimulator):
    async with SimulatedBackoffice(policy=Policy(next_transaction_id=41)) as backoffice:
        said = await em_simulator.run(backoffice.url_of("EM-1"), meterValues=20)

        (session,) = backoffice.sessions("EM-1")
        assert session.transaction_id == 41
        assert session.energies_wh == [1_000 + 50 * number for number in range(1, 21)]
        assert session.stop is not None
        assert backoffice.problems("EM-1") == []
        actions = [line.action for line in said]
        assert (actions[0], actions.count("MeterValues"), actions[-2]) == (
            "BootNotification",
            20,
            "StopTransaction",
        )


async def test_is_stopped_remotely(em_simulator: EmSimulator):
    async with SimulatedBackoffice() as backoffice:
        url = backoffice.url_of("EM-1")
        running = asyncio.create_task(em_simulator.run(url, meterValues=2, waitForRemoteStop=True))
        await backoffice.wait_for("EM-1", "MeterValues", count=2, timeout_s=60)
        answer = await backoffice.call("EM-1", "RemoteStopTransaction", {"transactionId": 1})
        assert answer.payload == {"status": "Accepted"}
        await running
        assert not backoffice.sessions("EM-1")[0].is_open


def test_lock_names_no_registry():
    lock = json.loads((HERE / "package-lock.json").read_text())
    assert not [name for name, package in lock["packages"].items() if "resolved" in package]
    assert lock["packages"]["node_modules/em-ocpp-chargepoint-simulator"]["version"] == "0.0.4"
