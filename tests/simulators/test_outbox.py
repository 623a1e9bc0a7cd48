"""Transaction messages of a charger whose backoffice is away, slow or rude."""

from __future__ import annotations

from simulators.backoffice import Rudeness
from tests.simulators import words
from tests.simulators.conftest import IDENTITY


async def test_session_without_connection_arrives_whole_and_in_order(charger, backoffice, version):
    await charger.boot()
    await charger.disconnect()
    transaction = await charger.start(1, "TAG-1", meter_wh=100)
    for energy_wh in (200, 300, 400):
        await charger.meter(1, energy_wh=energy_wh)
    await charger.stop(1)
    assert transaction.accepted is None
    assert len(charger.outbox) == 5

    await charger.connect()
    session = await backoffice.wait_session(IDENTITY)
    assert session.energies_wh == [200, 300, 400]
    assert backoffice.problems(IDENTITY) == []
    if version != "1.6":
        assert [event["offline"] for event in (session.start, session.stop)] == [True, True]


async def test_lost_connection_repeats_under_a_new_message_id(charger, backoffice, version):
    await charger.boot()
    backoffice.behaviour.hold()
    starting = charger.spawn(charger.start(1, "TAG-1"))
    action = words.STARTS[version]
    await backoffice.wait_for(IDENTITY, action, answered=False)
    backoffice.drop(IDENTITY)
    await starting
    backoffice.behaviour.let_go()

    await charger.wait_for(action)
    first, second = charger.record.calls(action)
    assert first.payload == second.payload
    assert first.message_id != second.message_id


async def test_failed_attempts_end(charger, backoffice, version):
    await charger.boot()
    backoffice.behaviour.rude = Rudeness.CALL_ERROR
    transaction = await charger.start(1, "TAG-1")
    assert transaction.accepted is None
    assert len(charger.record.calls(words.STARTS[version])) == charger.habits.attempts
    assert len(charger.outbox) == 0


async def test_stop_without_an_id_says_minus_one(charger, backoffice, version):
    await charger.boot()
    backoffice.behaviour.rude = Rudeness.CALL_ERROR
    transaction = await charger.start(1, "TAG-1")
    backoffice.behaviour.rude = None
    await charger.meter(1, energy_wh=2_000)
    await charger.stop(1)

    if version == "1.6":
        ids = [
            backoffice.record(IDENTITY).calls(action)[0].payload["transactionId"]
            for action in ("MeterValues", "StopTransaction")
        ]
        assert ids == [-1, -1]
    else:
        events = backoffice.record(IDENTITY).calls("TransactionEvent")
        assert {e.payload["transactionInfo"]["transactionId"] for e in events} == {transaction.transaction_id}
    assert "unknown transaction" in " ".join(backoffice.problems(IDENTITY))


async def test_card_refused_late_ends_the_session(charger, backoffice, version):
    backoffice.policy.refused_tags.add("STOLEN")
    await charger.boot()
    await charger.disconnect()
    await charger.start(1, "STOLEN")
    await charger.connect()

    await backoffice.wait_session(IDENTITY)
    assert backoffice.problems(IDENTITY) == []


async def test_unseen_status_is_reported_on_return(charger, backoffice, version):
    await charger.boot()
    await charger.disconnect()
    await charger.begin(2, "TAG-1")
    await charger.connect()
    notice = await backoffice.wait_for(IDENTITY, "StatusNotification")
    assert words.status_of(version, notice.payload) == ("Charging" if version == "1.6" else "Occupied")
