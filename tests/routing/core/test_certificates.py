"""Who may delete a certificate: Billing, and who has installed it (ocpp-semantics 3.10)."""

from __future__ import annotations

import base64
import hashlib
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography import x509 as certificates
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from routing.core import x509
from routing.core.snapshot import Role, Verdict
from tests.routing.core.harness import BILLING, World, route

RIGHTS = {"InstallCertificate": Verdict.ALLOW, "DeleteCertificate": Verdict.ALLOW}
SERVICE = route(2, "service", Role.SERVICE, RIGHTS)
OTHER = route(3, "other", Role.CONTROL, RIGHTS)


def certificate(serial: int = 0xAB12, name: str = "V2G Root") -> certificates.Certificate:
    """A root of its own."""
    key = ec.generate_private_key(ec.SECP256R1())
    who = certificates.Name([certificates.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime(2026, 1, 1, tzinfo=UTC)
    built = certificates.CertificateBuilder(who, who, key.public_key(), serial, now, now + timedelta(days=1))
    return built.sign(key, hashes.SHA256())


def pem(one: certificates.Certificate) -> str:
    return one.public_bytes(serialization.Encoding.PEM).decode()


def hash_data(one: certificates.Certificate, algorithm: str = "SHA256", **changes: Any) -> dict[str, Any]:
    name = hashlib.new(algorithm.lower(), one.issuer.public_bytes()).hexdigest()
    data = {"hashAlgorithm": algorithm, "issuerNameHash": name, "issuerKeyHash": "00", "serialNumber": "ab12"}
    return {"certificateHashData": {**data, **changes}}


def install(world: World, who: str, one: certificates.Certificate) -> None:
    payload = {"certificateType": "V2GRootCertificate", "certificate": pem(one)}
    world[who].call("InstallCertificate", payload, "i")


def delete(world: World, who: str, payload: Any) -> Any:
    world[who].call("DeleteCertificate", payload, "d")
    return world[who].answers[-1][2]["status"]


@pytest.fixture
def world() -> World:
    made = World(BILLING, SERVICE, OTHER, version="2.0.1")
    made.boot()
    return made


@pytest.mark.parametrize("serial", [1, 0x80, 0xAB12, 2**159 - 1])
def test_a_certificate_is_named(serial: int) -> None:
    one = certificate(serial)
    found = x509.names("junk\n" + pem(one) + pem(certificate()))
    assert found == (f"{serial:x}", one.issuer.public_bytes())


@pytest.mark.parametrize(
    "text",
    [
        "",
        "PEM",
        "-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----",
        "-----BEGIN CERTIFICATE-----\nA\n-----END CERTIFICATE-----",
        "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----",
        "-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----",
        "-----BEGIN CERTIFICATE-----\nMP////////8=\n-----END CERTIFICATE-----",
    ],
)
def test_what_is_no_certificate_has_no_names(text: str) -> None:
    assert x509.names(text) is None


def test_a_certificate_that_is_cut_anywhere_is_none() -> None:
    whole = certificate().public_bytes(serialization.Encoding.DER)
    for end in range(len(whole)):
        body = base64.b64encode(whole[:end]).decode()
        assert x509.names(f"-----BEGIN CERTIFICATE-----{body}-----END CERTIFICATE-----") is None


@pytest.mark.parametrize("algorithm", ["SHA256", "SHA384", "SHA512"])
def test_who_has_installed_it_may_delete_it_once(world: World, algorithm: str) -> None:
    one = certificate()
    install(world, "service", one)
    assert delete(world, "other", hash_data(one, algorithm)) == "Failed"
    world.restart()
    world.boot()
    assert delete(world, "service", hash_data(one, algorithm)) == "Accepted"
    assert delete(world, "service", hash_data(one, algorithm)) == "Failed"


@pytest.mark.parametrize(
    "changes",
    [{"serialNumber": "ab13"}, {"issuerNameHash": "00"}, {"hashAlgorithm": "MD5"}, {"hashAlgorithm": None}],
)
def test_another_certificate_stays(world: World, changes: Any) -> None:
    one = certificate()
    install(world, "service", one)
    assert delete(world, "service", hash_data(one, **changes)) == "Failed"
    assert delete(world, "service", {}) == "Failed"
    assert delete(world, "billing", hash_data(one, **changes)) == "Accepted"


def test_what_the_charger_has_refused_is_nobodys(world: World) -> None:
    one = certificate()
    world.obey = lambda world, frame: world.frame(json.dumps([3, frame[1], {"status": "Rejected"}]))
    install(world, "service", one)
    world.obey = World.accept
    assert delete(world, "service", hash_data(one)) == "Failed"
