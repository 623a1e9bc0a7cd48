"""The process is killed or stopped in mid-session (issue 2, acceptance)."""

from __future__ import annotations

from typing import Any

import pytest

from simulators.charger import Habits
from tests.end_to_end.conftest import Site

SOON: dict[str, Any] = {"retry_s": 0.2, "longest_retry_s": 0.5}
"""How a charger of these tests dials again, in seconds."""

pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest.mark.parametrize("version", ["1.6"])  # 2.0.1: test_stop, and both in the harness of faults
async def test_killed_in_mid_session(own_site: Site, version: str) -> None:
    billing, energy = await own_site.backoffice("billing", 100), await own_site.backoffice("energy", 900)
    identity = own_site.identity()
    await own_site.configure(identity)
    charger = await own_site.booted(identity, version, habits=Habits(retry_s=0.5), **SOON)
    await charger.start(1, "CARD-1")
    for _ in range(5):
        await charger.meter(1, seconds=60)
    await energy.stop()
    await charger.meter(1, seconds=60)  # stored for energy, which is away when the plug is pulled
    await own_site.proxy.kill()
    await charger.meter(1, seconds=60)  # waits in the charger
    await energy.start()
    await own_site.proxy.start()
    await charger.meter(1, seconds=60)
    await charger.stop(1)
    for backoffice in (billing, energy):
        session = await backoffice.wait_session(identity, timeout_s=60)
        energies = session.energies_wh
        assert energies == sorted(energies)
        assert len({value.get("seqNo", str(value)) for value in session.meter_values}) == 8
        assert len(backoffice.sessions(identity)) == 1


async def test_stopped_in_mid_session(own_site: Site) -> None:
    billing, energy = await own_site.backoffice("billing", 100), await own_site.backoffice("energy", 900)
    identity = own_site.identity()
    await own_site.configure(identity)
    charger = await own_site.booted(identity, **SOON)
    await charger.start(1, "CARD-1")
    await energy.wait_session(identity, stopped=False)
    assert await own_site.proxy.stop() == 0
    for backoffice in (billing, energy):
        view = await backoffice.wait_gone(identity)
        assert view.close_code == 1001
    assert charger.uplink.close_code == 1012
    await own_site.proxy.start()
    await charger.uplink.online.wait()
    await charger.stop(1)
    for backoffice in (billing, energy):
        await backoffice.wait_session(identity, timeout_s=60)
        assert backoffice.problems(identity) == []
