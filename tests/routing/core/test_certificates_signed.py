"""Certificates of the charger itself: who may have them signed, and when (ocpp-semantics 3.10)."""

from __future__ import annotations

import json
from typing import Any

import pytest

from routing.core.options import ChargerOptions
from routing.core.snapshot import Role, Verdict
from tests.routing.core.harness import BILLING, World, route

# -- certificates of the charger ----------------------------------------------------------------------


def signed(world: World, kind: str | None = None, backoffice: str = "billing") -> Any:
    """A backoffice sends a certificate; what it is answered."""
    payload = {"certificateChain": "PEM", **({"certificateType": kind} if kind else {})}
    world[backoffice].call("CertificateSigned", payload)
    return world[backoffice].answers[-1][2]["status"]


@pytest.mark.parametrize("version", ["1.6", "2.0.1", "2.1"])
def test_a_certificate_follows_a_request_once(version: str) -> None:
    world = World(version=version)
    world.boot()
    assert signed(world) == "Rejected"
    world.call("SignCertificate", {"csr": "PEM"})
    assert signed(world) == "Accepted"
    assert signed(world) == "Rejected"
    assert [frame[2] for frame in world.commands] == ["CertificateSigned"]


def test_a_certificate_that_the_charger_refuses_may_be_sent_again() -> None:
    world = World()
    world.boot()
    world.call("SignCertificate", {"csr": "PEM"})
    world.obey = lambda world, frame: world.frame(json.dumps([3, frame[1], {"status": "Rejected"}]))
    assert signed(world) == "Rejected"
    world.obey = World.accept
    assert signed(world) == "Accepted"


def test_a_request_outlasts_a_restart() -> None:
    world = World()
    world.boot()
    world.call("SignCertificate", {"csr": "PEM"})
    world.restart()
    world.boot()
    assert signed(world) == "Accepted"


def test_a_certificate_of_another_kind_was_not_asked_for() -> None:
    world = World(version="2.0.1")
    world.boot()
    world.call("SignCertificate", {"csr": "PEM", "certificateType": "V2GCertificate"})
    assert signed(world) == signed(world, "ChargingStationCertificate") == "Rejected"
    assert signed(world, "V2GCertificate") == "Accepted"


def test_nobody_but_billing_answers_a_request() -> None:
    world = World(BILLING, route(2, "energy", Role.CONTROL, {"CertificateSigned": Verdict.ALLOW}))
    world.boot()
    world.call("SignCertificate", {"csr": "PEM"})
    assert signed(world, backoffice="energy") == "Rejected"


def test_without_a_signer_nothing_is_asked_and_nothing_taken() -> None:
    world = World(version="2.1", options=ChargerOptions(pki="none"))
    world.boot()
    assert world.call("SignCertificate", {"csr": "PEM"})[2] == {"status": "Rejected"}
    assert world["billing"].payloads("SignCertificate") == []
    assert signed(world) == "Rejected"
    assert world.call("SignCertificate", {"csr": "x", "certificateType": "V2GCertificate"})[2] == {}
    assert signed(world, "V2GCertificate") == "Accepted"
