"""The simulated charger against the simulated backoffice, in all versions."""

from __future__ import annotations

import asyncio
import gc
import json

import pytest

from simulators.charger import NotAdmitted, NotConnected, Refused, simulated_charger
from simulators.times import from_text
from tests.simulators import words
from tests.simulators.conftest import IDENTITY


async def begin_session(charger, backoffice):
    await charger.boot()
    await charger.start(1, "TAG-1", meter_wh=5_000)
    return await backoffice.wait_session(IDENTITY, stopped=False)


async def test_goes_through_a_whole_session(charger, backoffice, version):
    assert await charger.boot() == "Accepted"
    for connector_id in charger.connectors:
        await charger.status(connector_id, "Available")
    assert await charger.authorize("TAG-1")
    transaction = await charger.start(1, "TAG-1", meter_wh=1_000)
    for minute in range(20):
        await charger.meter(1, energy_wh=1_000 + 100 * minute)
    await charger.stop(1, meter_wh=3_000)

    session = await backoffice.wait_session(IDENTITY)
    assert session.transaction_id == transaction.transaction_id
    assert session.energies_wh == [1_000 + 100 * minute for minute in range(20)]
    assert len(backoffice.record(IDENTITY).calls("StatusNotification")) == 2
    assert backoffice.problems(IDENTITY) == []


async def test_meter_values_hold_what_a_meter_shows(charger, backoffice, version):
    await begin_session(charger, backoffice)
    reading = await charger.meter(1, seconds=360)

    session = backoffice.sessions(IDENTITY)[0]
    samples = session.meter_values[0]["meterValue"][0]["sampledValue"]
    shown = {sample["measurand"]: float(sample["value"]) for sample in samples}
    assert shown == {
        "Energy.Active.Import.Register": 5_000 + 1_100,  # 11 kW for a tenth of an hour
        "Power.Active.Import": 11_000,
        "Current.Import": pytest.approx(11_000 / 690, abs=0.1),
        "Voltage": 230,
        "SoC": reading.soc_percent,
    }


async def test_boots_until_accepted(backoffice, charger, version):
    backoffice.policy.registration = "Pending"
    backoffice.policy.heartbeat_interval_s = 3600
    assert await charger.boot(persistent=False) == "Pending"

    booting = charger.spawn(charger.boot())
    await backoffice.wait_for(IDENTITY, "BootNotification", count=2)
    backoffice.policy.registration = "Accepted"
    await backoffice.call(IDENTITY, *words.trigger("BootNotification"))  # an hour is too long to wait for
    await booting
    assert charger.registration == "Accepted"
    assert len(backoffice.record(IDENTITY).calls("BootNotification")) == 3


async def test_pending_charger_keeps_transactions_back(backoffice, charger, version):
    backoffice.policy.registration = "Pending"
    await charger.boot(persistent=False)
    queued = charger.outbox.put(charger.meter_call(charger.connectors[1], charger.read(1), False))
    await charger.heartbeat()
    assert backoffice.record(IDENTITY).calls("MeterValues") == []

    backoffice.policy.registration = "Accepted"
    await charger.boot()
    await queued.done
    assert len(backoffice.record(IDENTITY).calls("MeterValues")) == 1


async def test_heartbeats_follow_at_the_interval_given(backoffice, charger, version):
    backoffice.policy.heartbeat_interval_s = 5
    await charger.boot()
    await backoffice.wait_for(IDENTITY, "Heartbeat")


async def test_refused_card_may_not_charge(charger, backoffice, version):
    backoffice.policy.refused_tags.add("STOLEN")
    await charger.boot()
    assert not await charger.authorize("STOLEN")

    await charger.start(1, "STOLEN")
    session = await backoffice.wait_session(IDENTITY)
    reason = session.stop["reason"] if version == "1.6" else session.stop["transactionInfo"]["stoppedReason"]
    assert reason == "DeAuthorized"
    assert backoffice.problems(IDENTITY) == []


async def test_starts_and_stops_remotely(charger, backoffice, version):
    await charger.boot()
    answer = await backoffice.call(IDENTITY, *words.remote_start(version, "APP"))
    assert answer.payload == {"status": "Accepted"}
    session = await backoffice.wait_session(IDENTITY, stopped=False)
    await backoffice.wait_for(IDENTITY, "StatusNotification", count=2)

    assert (await backoffice.call(IDENTITY, *words.remote_start(version, "APP"))).payload[
        "status"
    ] == "Rejected"
    stop = words.remote_stop(version, session.transaction_id)
    assert (await backoffice.call(IDENTITY, *stop)).payload["status"] == "Accepted"
    await backoffice.wait_session(IDENTITY)
    await backoffice.wait_for(IDENTITY, "StatusNotification", count=4)
    assert (await backoffice.call(IDENTITY, *stop)).payload["status"] == "Rejected"
    assert backoffice.problems(IDENTITY) == []


async def test_answers_before_it_acts(charger, backoffice, version):
    await charger.boot()
    await backoffice.call(IDENTITY, *words.remote_start(version, "APP"), message_id="start-1")
    await backoffice.wait_session(IDENTITY, stopped=False)

    sent = charger.record.texts("sent")
    answer = next(i for i, text in enumerate(sent) if text.startswith('[3,"start-1"'))
    first_status = next(i for i, text in enumerate(sent) if '"StatusNotification"' in text)
    assert answer < first_status


@pytest.mark.parametrize(("unit", "limit", "watts"), [("W", 4_000, 4_000), ("A", 10, 6_900)])
async def test_power_follows_the_limit(charger, backoffice, version, unit, limit, watts):
    await begin_session(charger, backoffice)
    assert (await charger.meter(1)).power_w == 11_000

    answer = await backoffice.call(IDENTITY, *words.set_limit(version, limit, unit=unit))
    assert answer.payload["status"] == "Accepted"
    assert (await charger.meter(1)).power_w == watts
    schedule = (await backoffice.call(IDENTITY, *words.composite(version, unit))).payload
    periods = schedule["chargingSchedule" if version == "1.6" else "schedule"]["chargingSchedulePeriod"]
    assert periods == [{"startPeriod": 0, "limit": limit}]

    assert (await backoffice.call(IDENTITY, *words.clear_limit(version))).payload["status"] == "Accepted"
    assert (await backoffice.call(IDENTITY, *words.clear_limit(version))).payload["status"] == "Unknown"
    assert (await charger.meter(1)).power_w == 11_000


async def test_reset_comes_back_and_boots(charger, backoffice, version):
    await begin_session(charger, backoffice)
    await backoffice.call(IDENTITY, *words.reset(version, at_once=True))

    await backoffice.wait_connected(IDENTITY, connections=2)
    await backoffice.wait_for(IDENTITY, "BootNotification", count=2)
    session = await backoffice.wait_session(IDENTITY)
    reason = session.stop["reason"] if version == "1.6" else session.stop["transactionInfo"]["stoppedReason"]
    assert reason == ("HardReset" if version == "1.6" else "ImmediateReset")
    await backoffice.wait_for(IDENTITY, "StatusNotification", count=2)
    assert backoffice.problems(IDENTITY) == []


async def test_gentle_reset_lets_the_session_end(charger, backoffice, version):
    session = await begin_session(charger, backoffice)
    answer = await backoffice.call(IDENTITY, *words.reset(version, at_once=False))
    assert answer.payload["status"] == ("Accepted" if version == "1.6" else "Scheduled")
    if version != "1.6":
        await backoffice.call(IDENTITY, *words.remote_stop(version, session.transaction_id))
    await backoffice.wait_for(IDENTITY, "BootNotification", count=2)
    assert not backoffice.sessions(IDENTITY)[0].is_open


@pytest.mark.parametrize(
    "message",
    [
        "BootNotification",
        "Heartbeat",
        "StatusNotification",
        "MeterValues",
        "FirmwareStatusNotification",
    ],
)
async def test_triggers_send_the_message(charger, backoffice, version, message):
    await charger.boot()
    before = len(backoffice.record(IDENTITY).calls(message))
    answer = await backoffice.call(IDENTITY, *words.trigger(message))
    assert answer.payload == {"status": "Accepted"}
    await backoffice.wait_for(IDENTITY, message, count=before + 1)
    assert backoffice.problems(IDENTITY) == []


async def test_availability_is_changed_and_reported(charger, backoffice, version):
    await charger.boot()
    answer = await backoffice.call(IDENTITY, *words.change_availability(version, operative=False))
    assert answer.payload["status"] == "Accepted"
    notice = await backoffice.wait_for(IDENTITY, "StatusNotification")
    assert words.status_of(version, notice.payload) == "Unavailable"
    refused = await backoffice.call(IDENTITY, *words.remote_start(version, "APP"))
    assert refused.payload["status"] == "Rejected"


async def test_reservation_is_for_one_card(charger, backoffice, version):
    await charger.boot()
    assert (await backoffice.call(IDENTITY, *words.reserve(version, 3, "MINE"))).payload[
        "status"
    ] == "Accepted"
    await backoffice.wait_for(IDENTITY, "StatusNotification")
    other = await backoffice.call(IDENTITY, *words.remote_start(version, "OTHER"))
    assert other.payload["status"] == "Rejected"
    cancelled = await backoffice.call(IDENTITY, "CancelReservation", {"reservationId": 3})
    assert cancelled.payload["status"] == "Accepted"
    assert (await backoffice.call(IDENTITY, "CancelReservation", {"reservationId": 3})).payload[
        "status"
    ] == "Rejected"


async def test_local_list_counts_while_offline(charger, backoffice, version):
    await charger.boot()
    await backoffice.call(IDENTITY, *words.local_list(version, 4, "LISTED"))
    number = (await backoffice.call(IDENTITY, "GetLocalListVersion", {})).payload
    assert list(number.values()) == [4]
    assert (await backoffice.call(IDENTITY, "ClearCache", {})).payload["status"] == "Accepted"

    for name in ("AllowOfflineTxForUnknownId", "AuthCtrlr.OfflineTxForUnknownIdEnabled"):
        charger.configuration.change(name, "false")
    await charger.disconnect()
    assert await charger.authorize("LISTED")
    assert not await charger.authorize("UNKNOWN")


async def test_firmware_update_reports_each_step(charger, backoffice, version):
    await charger.boot()
    firmware: dict[str, object] = {
        "location": "https://example.test/fw",
        "retrieveDateTime": "2026-01-01T00:00:00Z",
    }
    if version == "1.6":
        payload: dict[str, object] = {
            "location": firmware["location"],
            "retrieveDate": firmware["retrieveDateTime"],
        }
    else:
        payload = {"requestId": 9, "firmware": firmware}
    await backoffice.call(IDENTITY, "UpdateFirmware", payload)
    await backoffice.wait_for(IDENTITY, "FirmwareStatusNotification", count=4)
    calls = backoffice.record(IDENTITY).calls("FirmwareStatusNotification")
    steps = [call.payload["status"] for call in calls]
    assert steps == ["Downloading", "Downloaded", "Installing", "Installed"]


async def test_log_is_reported_until_uploaded(charger, backoffice, version):
    await charger.boot()
    await backoffice.call(
        IDENTITY,
        "GetLog",
        {"logType": "DiagnosticsLog", "requestId": 2, "log": {"remoteLocation": "https://example.test/"}},
    )
    last = await backoffice.wait_for(IDENTITY, "LogStatusNotification", count=2)
    assert last.payload == {"status": "Uploaded", "requestId": 2}


async def test_unlocks_and_knows_no_vendor(charger, backoffice, version):
    await charger.boot()
    place = {"connectorId": 1} if version == "1.6" else {"evseId": 1, "connectorId": 1}
    assert (await backoffice.call(IDENTITY, "UnlockConnector", place)).payload["status"] == "Unlocked"
    answer = await backoffice.call(IDENTITY, "DataTransfer", {"vendorId": "nobody"})
    assert answer.payload["status"] == "UnknownVendorId"


@pytest.mark.parametrize(
    ("action", "payload", "codes"),
    [
        ("MakeCoffee", {}, {"NotImplemented"}),
        ("InstallCertificate", {}, {"NotSupported"}),
        ("Reset", {"type": "Gently"}, {"FormationViolation", "FormatViolation"}),
    ],
    ids=["unknown", "unsupported", "malformed"],
)
async def test_refuses_what_it_cannot_do(charger, backoffice, version, action, payload, codes):
    await charger.boot()
    answer = await backoffice.call(IDENTITY, action, payload)
    assert answer.error_code in codes
    assert (answer.error_code == "FormationViolation") == (version == "1.6" and action == "Reset")


async def test_frames_of_no_use_are_passed_over(charger, backoffice, version):
    await charger.boot()
    for text in ("hello", '[5,"x","GenericError","",{}]', "[3]", '[99,"x",{}]', '[3,"nobody",{}]'):
        await backoffice.send_text(IDENTITY, text)
    await charger.heartbeat()
    assert "hello" in charger.record.texts("received")


async def test_raw_text_goes_out_byte_for_byte(charger, backoffice, version):
    await charger.boot()
    text = '[2, "raw-1","Heartbeat",  {"a":1.10,"b":1e400,"a":2}]'
    answer = await charger.exchange(text)
    assert "currentTime" in answer.payload
    assert text in backoffice.record(IDENTITY).texts("received")
    await backoffice.send_text(IDENTITY, '[2,"raw-2", "ClearCache",{}]')
    await charger.wait_for("ClearCache")
    assert json.loads(charger.record.texts("sent")[-1]) == [3, "raw-2", {"status": "Accepted"}]


async def test_callerror_is_said(charger, backoffice, version):
    with pytest.raises(Refused, match="NotImplemented"):
        await charger.call_exact("MakeCoffee", {})


async def test_unknown_host_is_said(version):
    charger = simulated_charger("ws://127.0.0.1:1/ocpp/CP-1", version)
    with pytest.raises(NotAdmitted, match=r"127\.0\.0\.1:1"):
        await charger.connect()
    with pytest.raises(NotConnected):
        await charger.heartbeat()
    await charger.close()


async def test_timestamps_are_utc(charger, backoffice, version):
    await begin_session(charger, backoffice)
    stamp = backoffice.sessions(IDENTITY)[0].start["timestamp"]
    assert stamp.endswith("Z")
    assert from_text(stamp) is not None


def test_unknown_version_is_said():
    with pytest.raises(ValueError, match=r'"1\.5" is not a version of OCPP'):
        simulated_charger("ws://127.0.0.1:1/ocpp/CP-1", "1.5")


async def test_what_follows_an_answer_that_can_not_be_sent_is_dropped(charger):
    call = json.dumps([2, "1", "TriggerMessage", {"requestedMessage": "Heartbeat"}])
    text, go_on = charger.answer(charger.record.add("received", call))
    assert json.loads(text)[2] == {"status": "Accepted"}
    go_on(False)
    gc.collect()  # a coroutine that nobody awaited says so now
    assert charger.record.calls("Heartbeat") == []


async def test_background_work_that_ends_before_it_began_is_dropped(charger):
    task = charger.spawn(charger.heartbeat())
    task.cancel()
    await asyncio.wait([task])
    gc.collect()
    assert charger.record.calls("Heartbeat") == []
