"""The ordinary CSMS and the ordinary charger understand each other, and the simulators."""

from __future__ import annotations

from simulators.charger import simulated_charger
from simulators.plain import PlainCharger, PlainCsms


async def run_session(charger, stop) -> None:
    """A session of 20 meter values that is stopped remotely."""
    assert await charger.boot() == "Accepted"
    transaction_id = await charger.begin("TAG-1")
    for number in range(20):
        await charger.meter(100 * number)
    assert await stop("unknown-1" if isinstance(transaction_id, str) else 999_999) == "Rejected"
    assert await stop(transaction_id) == "Accepted"
    await charger.stopped.wait()
    await charger.end(2_000)


async def test_plain_charger_at_plain_csms(version):
    async with (
        PlainCsms(first_transaction_id=500) as csms,
        PlainCharger(f"{csms.url}/CP-1", version) as charger,
    ):
        # The CSMS has its object for this charger once the charger has booted, not before.
        await charger.boot()
        await run_session(charger, csms.chargers["CP-1"].stop_transaction)
        point = csms.chargers["CP-1"]
        assert point.transaction_ids == ([500] if version == "1.6" else [charger.transaction_id])
        assert len(point.log) == 2 + 2 + 1 + 1 + 20 + 1


async def test_plain_charger_at_simulated_backoffice(backoffice, version):
    async with PlainCharger(backoffice.url_of("CP-1"), version) as charger:

        async def stop(transaction_id: int | str) -> str:
            action = "RemoteStopTransaction" if version == "1.6" else "RequestStopTransaction"
            answer = await backoffice.call("CP-1", action, {"transactionId": transaction_id})
            return str(answer.payload["status"])

        await run_session(charger, stop)
        session = await backoffice.wait_session("CP-1")
        assert len(session.meter_values) == 20
        assert backoffice.problems("CP-1") == []


async def test_simulated_charger_at_plain_csms(version):
    async with PlainCsms() as csms, simulated_charger(f"{csms.url}/CP-1", version) as charger:
        await charger.boot()
        await charger.authorize("TAG-1")
        transaction = await charger.start(1, "TAG-1")
        await charger.meter(1, seconds=60)
        assert transaction.transaction_id is not None
        assert await csms.chargers["CP-1"].stop_transaction(transaction.transaction_id) == "Accepted"
        await charger.wait_for("StopTransaction" if version == "1.6" else "StatusNotification")
        assert csms.chargers["CP-1"].transaction_ids == [transaction.transaction_id]
