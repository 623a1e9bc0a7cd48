"""Signatures, held against the package that receivers use."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from standardwebhooks import Webhook as Verifier
from standardwebhooks import WebhookVerificationError

from routing.webhooks.signing import new_secret, sign

BODY = '{"type":"charger.connected","data":{"identity":"CP/1 é"}}'.encode()


def headers(*known: str) -> dict[str, str]:
    now = int(datetime.now(UTC).timestamp())
    return {
        "webhook-id": "evt",
        "webhook-timestamp": str(now),
        "webhook-signature": sign(known, "evt", now, BODY),
    }


def test_a_receiver_can_verify_it() -> None:
    secret = new_secret()
    assert Verifier(secret).verify(BODY, headers(secret))["type"] == "charger.connected"


def test_another_secret_or_body_does_not_do() -> None:
    secret = new_secret()
    with pytest.raises(WebhookVerificationError):
        Verifier(new_secret()).verify(BODY, headers(secret))
    with pytest.raises(WebhookVerificationError):
        Verifier(secret).verify(BODY + b" ", headers(secret))


def test_while_a_secret_is_renewed_both_do() -> None:
    old, new = new_secret(), new_secret()
    for secret in (old, new):
        Verifier(secret).verify(BODY, headers(new, old))


def test_no_secret_is_given_twice() -> None:
    assert len({new_secret() for _ in range(20)}) == 20
