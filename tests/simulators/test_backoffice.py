"""What the simulated backoffice can be made to do, and how it judges what it gets."""

from __future__ import annotations

import asyncio
import json

import pytest

from simulators import schemas
from simulators.backoffice import Policy, Rudeness, SimulatedBackoffice
from simulators.backoffice.answers import answer
from simulators.charger import NoAnswer, NotAdmitted, Refused, simulated_charger
from simulators.record import NothingCame
from tests.simulators import words
from tests.simulators.conftest import IDENTITY


async def test_own_transaction_numbers():
    async with SimulatedBackoffice(policy=Policy(next_transaction_id=700)) as backoffice:
        chargers = [simulated_charger(backoffice.url_of(f"CP-{n}")) for n in (1, 2)]
        for charger in chargers:
            async with charger:
                await charger.boot()
                await charger.start(1, "TAG-1")
        assert backoffice.sessions("CP-1")[0].transaction_id == 700
        assert backoffice.sessions("CP-2")[0].transaction_id == 701


async def test_fixed_answer_comes_before_all_else(charger, backoffice, version):
    backoffice.policy.fixed["Heartbeat"] = {"currentTime": "2001-01-01T00:00:00Z"}
    assert (await charger.heartbeat()).current_time == "2001-01-01T00:00:00Z"


async def test_holds_answers_until_let_go(charger, backoffice, version):
    backoffice.behaviour.hold("Heartbeat")
    beating = asyncio.create_task(charger.heartbeat())
    entry = await backoffice.wait_for(IDENTITY, "Heartbeat", answered=False)
    assert entry.answer is None
    backoffice.behaviour.let_go()
    await beating
    assert entry.answer is not None


@pytest.mark.parametrize("rude", [None, Rudeness.GARBAGE, Rudeness.WRONG_ID])
async def test_silence_and_nonsense_leave_the_charger_without_answer(backoffice, version, rude):
    backoffice.behaviour.rude = rude
    backoffice.behaviour.silent = rude is None
    charger = simulated_charger(backoffice.url_of(IDENTITY), version, call_timeout_s=0.05)
    async with charger:
        with pytest.raises(NoAnswer):
            await charger.heartbeat()


@pytest.mark.parametrize("rude", [Rudeness.CALL_ERROR, Rudeness.WRONG_PAYLOAD])
async def test_rude_answers_are_no_answers(charger, backoffice, version, rude):
    backoffice.behaviour.rude = rude
    with pytest.raises(Refused):
        await charger.heartbeat()


async def test_rude_to_some_actions_only(charger, backoffice, version):
    backoffice.behaviour.rude = Rudeness.CALL_ERROR
    backoffice.behaviour.actions = frozenset({"Authorize"})
    await charger.heartbeat()
    with pytest.raises(Refused):
        await charger.authorize("TAG-1")


async def test_slow_is_not_silent(charger, backoffice, version):
    backoffice.behaviour.delay_s = 0.01
    await charger.heartbeat()


@pytest.mark.parametrize("status", [401, 404, 503])
async def test_refuses_the_handshake(backoffice, status):
    backoffice.behaviour.refuse_status = status
    charger = simulated_charger(backoffice.url_of(IDENTITY))
    with pytest.raises(NotAdmitted, match=f"HTTP {status}"):
        await charger.connect()
    await backoffice.wait_refused()
    await charger.close()


@pytest.mark.parametrize("subprotocol", ["", "ocpp1.5"])
async def test_chooses_a_wrong_subprotocol(backoffice, subprotocol):
    backoffice.behaviour.subprotocol = subprotocol
    charger = simulated_charger(backoffice.url_of(IDENTITY))
    with pytest.raises(NotAdmitted):
        await charger.connect()
    assert backoffice.chargers == {}
    await charger.close()


async def test_speaks_only_its_versions():
    async with SimulatedBackoffice(versions=["2.0.1"]) as backoffice:
        charger = simulated_charger(backoffice.url_of(IDENTITY), "1.6")
        with pytest.raises(NotAdmitted, match=r"no common OCPP version; offered ocpp1\.6"):
            await charger.connect()
        await charger.close()


@pytest.mark.parametrize(
    ("sent", "admitted"),
    [(None, False), ("wrong", False), ("se:cret", True), (b"se:cret", True)],
    ids=["none", "wrong", "text", "bytes"],
)
async def test_demands_basic_auth(sent, admitted):
    async with SimulatedBackoffice(password="se:cret") as backoffice:
        charger = simulated_charger(backoffice.url_of(IDENTITY), password=sent)
        if admitted:
            await charger.connect()
        else:
            with pytest.raises(NotAdmitted, match="HTTP 401"):
                await charger.connect()
        await charger.close()


async def test_down_and_up_again_on_the_same_port(charger, backoffice, version):
    await charger.boot()
    port = backoffice.port
    await backoffice.stop()
    assert charger.uplink.close_code in (None, 1001)
    await backoffice.start()
    assert backoffice.port == port
    await backoffice.wait_connected(IDENTITY, connections=2)
    await charger.connect()
    await charger.heartbeat()


async def test_says_how_the_connection_ended(charger, backoffice, version):
    await charger.disconnect()
    view = await backoffice.wait_gone(IDENTITY)
    assert view.close_code == 1000
    with pytest.raises(ConnectionError, match="not connected"):
        await backoffice.call(IDENTITY, "ClearCache", {})


async def test_message_id_and_payload_go_out_as_given(charger, backoffice, version):
    answer = await backoffice.call(IDENTITY, "ClearCache", "{ }", message_id="my-id")
    assert answer.text == '[3,"my-id",{"status":"Accepted"}]'
    assert '[2,"my-id","ClearCache",{ }]' in charger.record.texts("received")


async def test_waiting_in_vain_says_what_came(charger, backoffice, version):
    await charger.heartbeat()
    with pytest.raises(NothingCame, match=r"Authorize number 1 did not come.*<Heartbeat"):
        await backoffice.wait_for(IDENTITY, "Authorize", timeout_s=0.01)
    with pytest.raises(KeyError, match="CP-9 was never connected"):
        backoffice.sessions("CP-9")


async def test_broken_schemas_are_listed_and_answered(charger, backoffice, version):
    unknown = await charger.exchange('[2,"1","MakeCoffee",{}]')
    assert unknown.error_code == "NotImplemented"
    incomplete = await charger.exchange('[2,"2","BootNotification",{}]')
    assert incomplete.error_code == "ProtocolError"
    extra = await charger.exchange('[2,"3","Heartbeat",{"extra":1}]')
    assert extra.error_code == ""
    await charger.uplink.send_text("hello")
    await charger.uplink.send_binary(b"\x00")
    await charger.heartbeat()
    said = " ".join(backoffice.problems(IDENTITY))
    for sentence in ("MakeCoffee", "required property", "'extra' was unexpected", "hello", "binary frame"):
        assert sentence in said


async def test_send_of_21_needs_no_answer(backoffice):
    async with simulated_charger(backoffice.url_of(IDENTITY), "2.1") as charger:
        stream = {"id": 1, "pending": 0, "basetime": "2026-01-01T00:00:00Z", "data": [{"t": 0, "v": "1"}]}
        frame = json.dumps([6, "s-1", "NotifyPeriodicEventStream", stream])
        await charger.uplink.send_text(frame)
        await charger.heartbeat()
        entry = await backoffice.wait_for(IDENTITY, "NotifyPeriodicEventStream", answered=False)
        assert entry.answer is None
        assert backoffice.problems(IDENTITY) == []


async def test_reports_of_21_keep_their_field_names(backoffice):
    async with simulated_charger(backoffice.url_of(IDENTITY), "2.1") as charger:
        await charger.boot()
        action, payload = words.set_limit("2.1", 16, unit="A")
        payload["chargingProfile"]["chargingSchedule"][0]["chargingSchedulePeriod"][0]["limit_L2"] = 8.0
        await backoffice.call(IDENTITY, action, payload)
        await backoffice.call(IDENTITY, "GetChargingProfiles", {"requestId": 1, "chargingProfile": {}})
        report = await backoffice.wait_for(IDENTITY, "ReportChargingProfiles")
        assert report.payload["chargingProfile"] == [payload["chargingProfile"]]


COMMON = (
    "BootNotification",
    "DataTransfer",
    "Heartbeat",
    "MeterValues",
    "SignCertificate",
    "StatusNotification",
)
CHAIN = {
    "certificateHashData": {
        "hashAlgorithm": "SHA256",
        "issuerNameHash": "00",
        "issuerKeyHash": "00",
        "serialNumber": "0",
    },
    "source": "OCSP",
    "urls": ["https://example.test"],
}
REQUESTS = [
    ("1.6", "Authorize", {"idTag": "A"}),
    ("1.6", "StartTransaction", {"idTag": "A"}),
    ("1.6", "StopTransaction", {"idTag": "A"}),
    ("1.6", "StopTransaction", {}),
    ("2.0.1", "Authorize", {"idToken": words.token("A")}),
    ("2.0.1", "TransactionEvent", {"idToken": words.token("A")}),
    ("2.0.1", "TransactionEvent", {}),
    ("2.0.1", "Get15118EVCertificate", {}),
    ("2.0.1", "GetCertificateStatus", {}),
    ("2.0.1", "NotifyEVChargingNeeds", {}),
    ("2.0.1", "NotifyEVChargingSchedule", {}),
    ("2.1", "GetCertificateChainStatus", {"certificateStatusRequests": [CHAIN]}),
    ("2.1", "OpenPeriodicEventStream", {}),
    ("2.1", "PullDynamicScheduleUpdate", {}),
    ("2.1", "VatNumberValidation", {"vatNumber": "NL1"}),
    ("2.1", "BatterySwap", {}),
    ("2.1", "NotifySettlement", {}),
    *[(version, action, {}) for version in ("1.6", "2.0.1", "2.1") for action in COMMON],
]


@pytest.mark.parametrize(("version", "action", "payload"), REQUESTS, ids=lambda value: str(value)[:20])
def test_each_answer_fits_its_schema(version, action, payload):
    assert schemas.problems(version, action, answer(Policy(), version, action, payload), answer=True) == []
