"""What an ordinary backoffice answers, by action; one table for all versions."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from simulators.times import utc_now

Answering = Callable[["Policy", dict[str, Any]], dict[str, Any]]


@dataclass(slots=True)
class Policy:
    """What a backoffice decides. May be changed while it runs.

    ``accepted_tags`` None accepts every card but those in ``refused_tags``, which get
    ``refused_status``. ``fixed`` holds whole answers by action, taken before all else.
    """

    heartbeat_interval_s: int = 300
    registration: str = "Accepted"
    accepted_tags: set[str] | None = None
    refused_tags: set[str] = field(default_factory=set)
    refused_status: str = "Invalid"
    next_transaction_id: int = 1
    fixed: dict[str, dict[str, Any]] = field(default_factory=dict)

    def verdict(self, id_tag: str) -> str:
        """Whether a card may charge: Accepted or ``refused_status``."""
        listed = self.accepted_tags is None or id_tag in self.accepted_tags
        return "Accepted" if listed and id_tag not in self.refused_tags else self.refused_status

    def new_transaction_id(self) -> int:
        """The next number, counting up from the first."""
        number = self.next_transaction_id
        self.next_transaction_id += 1
        return number


def answer(policy: Policy, ocpp_version: str, action: str, payload: dict[str, Any]) -> dict[str, Any]:
    """The payload that answers a CALL; ``{}`` for all actions whose answer says nothing."""
    if action in policy.fixed:
        return policy.fixed[action]
    table = _ANSWERS_16 if ocpp_version == "1.6" else _ANSWERS_2
    return table.get(action, _nothing)(policy, payload)


def _nothing(policy: Policy, payload: dict[str, Any]) -> dict[str, Any]:
    return {}


def _accepted(policy: Policy, payload: dict[str, Any]) -> dict[str, Any]:
    return {"status": "Accepted"}


def _boot(policy: Policy, payload: dict[str, Any]) -> dict[str, Any]:
    return {
        "currentTime": utc_now(),
        "interval": policy.heartbeat_interval_s,
        "status": policy.registration,
    }


def _heartbeat(policy: Policy, payload: dict[str, Any]) -> dict[str, Any]:
    return {"currentTime": utc_now()}


def _authorize_16(policy: Policy, payload: dict[str, Any]) -> dict[str, Any]:
    return {"idTagInfo": {"status": policy.verdict(payload["idTag"])}}


def _start(policy: Policy, payload: dict[str, Any]) -> dict[str, Any]:
    status = policy.verdict(payload["idTag"])
    return {"transactionId": policy.new_transaction_id(), "idTagInfo": {"status": status}}


def _stop(policy: Policy, payload: dict[str, Any]) -> dict[str, Any]:
    return {"idTagInfo": {"status": policy.verdict(payload["idTag"])}} if "idTag" in payload else {}


def _authorize_2(policy: Policy, payload: dict[str, Any]) -> dict[str, Any]:
    return {"idTokenInfo": {"status": policy.verdict(payload["idToken"]["idToken"])}}


def _transaction_event(policy: Policy, payload: dict[str, Any]) -> dict[str, Any]:
    return _authorize_2(policy, payload) if "idToken" in payload else {}


def _certificate_chain(policy: Policy, payload: dict[str, Any]) -> dict[str, Any]:
    return {
        "certificateStatus": [
            {
                "certificateHashData": request["certificateHashData"],
                "source": request["source"],
                "status": "Good",
                "nextUpdate": utc_now(),
            }
            for request in payload["certificateStatusRequests"]
        ]
    }


def _vat_number(policy: Policy, payload: dict[str, Any]) -> dict[str, Any]:
    return {"status": "Accepted", "vatNumber": payload["vatNumber"]}


_ANSWERS_16: Mapping[str, Answering] = {
    "Authorize": _authorize_16,
    "BootNotification": _boot,
    "DataTransfer": _accepted,
    "Heartbeat": _heartbeat,
    "SignCertificate": _accepted,
    "StartTransaction": _start,
    "StopTransaction": _stop,
}

_ANSWERS_2: Mapping[str, Answering] = {
    "Authorize": _authorize_2,
    "BootNotification": _boot,
    "DataTransfer": _accepted,
    "Get15118EVCertificate": lambda policy, payload: {"status": "Accepted", "exiResponse": "AA=="},
    "GetCertificateChainStatus": _certificate_chain,
    "GetCertificateStatus": lambda policy, payload: {"status": "Accepted", "ocspResult": "AA=="},
    "Heartbeat": _heartbeat,
    "NotifyEVChargingNeeds": _accepted,
    "NotifyEVChargingSchedule": _accepted,
    "OpenPeriodicEventStream": _accepted,
    "PullDynamicScheduleUpdate": _accepted,
    "SignCertificate": _accepted,
    "TransactionEvent": _transaction_event,
    "VatNumberValidation": _vat_number,
}
