"""Named repairs of what a charger writes, and what stays as it is."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routing.core.frames import Call, parse
from routing.core.options import ChargerOptions
from routing.core.repairs import RULES, repaired, without_nulls
from routing.core.snapshot import Role
from tests.routing.core.harness import BILLING, World, route

VERSIONS = ["1.6", "2.0.1", "2.1"]


@pytest.mark.parametrize(
    ("payload", "expected"),
    [
        ('{"a":1}', '{"a":1}'),
        ('{"a":null}', "{}"),
        ('{"a":null,"b":1.10}', '{"b":1.10}'),
        ('{"b":1.10,"a":null}', '{"b":1.10}'),
        ('{"b":1,"a":null,"c":null}', '{"b":1}'),
        ('{"a":null,"c":null}', "{}"),
        ('{"a":null,"c":null,"b":2}', '{"b":2}'),
        ('{ "b" : 1 , "a" : null }', '{ "b" : 1 }'),
        ('{"x":{"a":null},"y":[{"a":null,"b":[null,null]}]}', '{"x":{},"y":[{"b":[null,null]}]}'),
        ('{"a":"null","b":"\\"c\\":null","null":1}', '{"a":"null","b":"\\"c\\":null","null":1}'),
        ('{"nullable":nullx}', '{"nullable":nullx}'),
        ("null", "null"),
    ],
)
def test_members_that_are_null(payload: str, expected: str) -> None:
    assert without_nulls(payload) == expected


values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.text(max_size=8)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=6), inner, max_size=4)
    ),
    max_leaves=12,
)


def pruned(value: object) -> object:
    """A value without members that are None."""
    if isinstance(value, dict):
        return {k: pruned(v) for k, v in value.items() if v is not None}
    return [pruned(v) for v in value] if isinstance(value, list) else value


@given(value=st.dictionaries(st.text(max_size=6), values, max_size=4), indent=st.sampled_from([None, 1]))
def test_leaving_out_nulls_leaves_the_rest(value: dict[str, object], indent: int | None) -> None:
    assert json.loads(without_nulls(json.dumps(value, indent=indent))) == pruned(value)


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("2026-01-01T12:00:00", "2026-01-01T12:00:00Z"),
        ("2026-01-01T12:00:00.123", "2026-01-01T12:00:00.123Z"),
        ("2026-01-01T12:00", "2026-01-01T12:00Z"),
        ("2026-01-01T12:00:00+02", "2026-01-01T12:00:00+02:00"),
        ("2026-01-01T12:00:00Z", "2026-01-01T12:00:00Z"),
        ("2026-01-01T12:00:00-03:30", "2026-01-01T12:00:00-03:30"),
        ("noon", "noon"),
    ],
)
@pytest.mark.parametrize("member", ["timestamp", "generatedAt", "validFrom", "startSchedule"])
def test_times_without_a_zone(member: str, written: str, meant: str) -> None:
    assert (
        RULES["timezone"](f'{{"{member}": "{written}","n":1.0}}', "1.6")
        == f'{{"{member}": "{meant}","n":1.0}}'
    )


def test_times_within_text_stay() -> None:
    payload = '{"data":"{\\"timestamp\\":\\"2026-01-01T12:00:00\\"}","model":"2026-01-01T12:00:00"}'
    assert RULES["timezone"](payload, "1.6") == payload


@pytest.mark.parametrize(
    ("version", "payload", "expected"),
    [
        ("1.6", '{"connectorId":"1","transactionId":"-1"}', '{"connectorId":1,"transactionId":-1}'),
        ("1.6", '{"idTag":12345,"value":2.50}', '{"idTag":"12345","value":"2.50"}'),
        ("1.6", '{"readonly":"True"}', '{"readonly":true}'),
        ("1.6", '{"connectorId":"one","idTag":"007"}', '{"connectorId":"one","idTag":"007"}'),
        ("1.6", '{"connectorId":"007"}', '{"connectorId":"007"}'),
        ("2.0.1", '{"seqNo":"3","transactionId":"17"}', '{"seqNo":3,"transactionId":"17"}'),
        ("2.1", '{"idToken":4711,"value":2.5}', '{"idToken":"4711","value":2.5}'),
    ],
)
def test_numbers_and_text(version: str, payload: str, expected: str) -> None:
    assert RULES["types"](payload, version) == expected


@pytest.mark.parametrize("version", VERSIONS)
def test_a_frame_keeps_what_was_sent(version: str) -> None:
    frame = parse('[2,"1","Heartbeat",{"a":null}]')
    mended = repaired(frame, ["null_members"], version)
    assert isinstance(mended, Call)
    assert (mended.payload, mended.text) == ("{}", frame.text)
    assert repaired(frame, [], version) is frame
    nonsense = parse("nonsense")
    assert repaired(nonsense, RULES, version) is nonsense


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        (
            '{"vendorId":"v","messageId":null,"data":{"connectorId":"1","a":null,"at":"2026-01-01T00:00:00"}}',
            '{"vendorId":"v","data":{"connectorId":"1","a":null,"at":"2026-01-01T00:00:00"}}',
        ),
        ('{"data":[null,"1"],"vendorId":"v"}', '{"data":[null,"1"],"vendorId":"v"}'),
        ('{"data":null,"vendorId":"v"}', '{"vendorId":"v"}'),
    ],
)
def test_what_vendors_say_among_themselves_stays(sent: str, expected: str) -> None:
    mended = repaired(parse(f'[2,"1","DataTransfer",{sent}]'), RULES, "2.0.1")
    assert isinstance(mended, Call)
    assert mended.payload == expected


def test_a_charger_that_is_repaired() -> None:
    world = World(options=ChargerOptions(repair=("null_members", "timezone", "types")))
    world.boot()
    sent = '[2,"7","StartTransaction",{"connectorId":"1","idTag":12,"meterStart":0,"reservationId":null,"timestamp":"2026-01-01T00:00:00"}]'  # noqa: E501
    world.frame(sent)
    expected = {"connectorId": 1, "idTag": "12", "meterStart": 0, "timestamp": "2026-01-01T00:00:00Z"}
    for name in ("billing", "energy"):
        assert world[name].payloads("StartTransaction") == [expected]
    rows = [row for row in world.database.messages if row.action == "StartTransaction"]
    assert [row.text for row in rows if row.route is None] == [sent]
    assert all('"12"' in row.text for row in rows if row.route is not None)


def test_answers_of_the_charger_are_repaired_too() -> None:
    world = World(options=ChargerOptions(repair=("null_members",)))
    world.boot()
    world.obey = None
    world["billing"].call("GetCompositeSchedule", {"connectorId": 1, "duration": 5}, "b1")
    world.frame(f'[3,"{world.commands[-1][1]}",{{"status":"Accepted","scheduleStart":null}}]')
    assert world["billing"].answers == [[3, "b1", {"status": "Accepted"}]]


def test_without_the_option_nothing_is_touched() -> None:
    world = World()
    world.boot()
    world.frame(
        '[2,"7","StatusNotification",{"connectorId":1,"errorCode":"NoError","info":null,"status":"Available"}]'
    )
    assert '"info":null' in world["billing"].frames[-1]


def test_only_the_strict_backoffice_gets_no_nulls() -> None:
    world = World(BILLING, route(2, "energy", Role.CONTROL, strict=True))
    world.boot()
    world.frame(
        '[2,"7","StatusNotification",{"connectorId":1,"errorCode":"NoError","info":null,"status":"Available"}]'
    )
    assert '"info":null' in world["billing"].frames[-1]
    assert "null" not in world["energy"].frames[-1]
