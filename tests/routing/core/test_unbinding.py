"""What a route was sent, with the charger's identifiers again, so that it can be bound once more."""

from __future__ import annotations

import pytest

from routing.core.unbinding import payload_of, unbound

CARD = '{"idToken":"CARD","type":"ISO14443"}'
ALIAS = '{"idToken":"0F","type":"Central"}'


@pytest.mark.parametrize(
    ("version", "action", "sent", "said", "expected"),
    [
        ("1.6", "StartTransaction", '{"idTag":"0F","a":1}', '{"idTag":"C","a":1}', '{"idTag":"C","a":1}'),
        # What was left out for this route stays out, and what was changed for good stays changed.
        ("1.6", "StartTransaction", '{"idTag":"0F"}', '{"idTag":"C","reservationId":7}', '{"idTag":"C"}'),
        ("1.6", "MeterValues", '{"transactionId":9,"meterValue":[]}', '{"transactionId":5,"meterValue":[1]}',
         '{"transactionId":9,"meterValue":[]}'),
        ("2.0.1", "TransactionEvent", f'{{"idToken":{ALIAS},"offline":true}}', f'{{"idToken":{CARD},"x":1}}',
         f'{{"idToken":{CARD},"offline":true}}'),
        ("2.1", "TransactionEvent", '{"transactionInfo":{"remoteStartId":3}}',
         '{"transactionInfo":{"remoteStartId":1000003}}', '{"transactionInfo":{"remoteStartId":1000003}}'),
        ("1.6", "Unheard", '{"idTag":"0F"}', '{"idTag":"CARD"}', '{"idTag":"0F"}'),
        ("1.6", "StartTransaction", '{"idTag":"0F"}', "", '{"idTag":"0F"}'),
    ],
)  # fmt: skip
def test_identifiers_of_the_charger_are_put_back(
    version: str, action: str, sent: str, said: str, expected: str
) -> None:
    assert unbound(version, action, sent, said) == expected


@pytest.mark.parametrize(
    ("text", "payload"),
    [
        ('[2,"m","Heartbeat",{"a": 1}]', '{"a": 1}'),
        ('[3,"m",{}]', ""),
        ("", ""),
        ("[2,", ""),
    ],
)
def test_the_payload_of_what_the_log_holds(text: str, payload: str) -> None:
    assert payload_of(text) == payload
