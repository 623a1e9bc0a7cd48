"""A test dial: each step against a peer that does it wrong, and what is said then."""

import asyncio
import datetime
import ipaddress
import socket
import ssl

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from backoffices import addresses
from backoffices.trial import STEPS, Wanted, steps, trial
from tests.backoffices.dialling import backoffice, stay
from tests.backoffices.peers import CLOSE, raw_backoffice

NOW = datetime.datetime.now(datetime.UTC)
DAY = datetime.timedelta(days=1)


def wanted(port, **changes):
    fields = {"url": f"ws://127.0.0.1:{port}/ocpp/CP-1", "allow_private": True, "versions": ("1.6",)}
    return Wanted(**{**fields, **changes})


async def tried(port, **changes):
    """The steps by name."""
    found = await trial(wanted(port, **changes))
    assert [step.name for step in found] == list(STEPS)
    return {step.name: step for step in found}


def outcomes(found):
    return [found[name].outcome for name in STEPS]


def sends(answer):
    """A peer that answers the handshake with these bytes."""

    async def behave(peer):
        await peer.read_request()
        peer.writer.write(answer)
        await peer.writer.drain()
        await asyncio.sleep(0)
        peer.writer.close()

    return behave


def http(status, body=b"", *headers):
    lines = [b"HTTP/1.1 " + status, b"Content-Length: %d" % len(body), b"Connection: close", *headers]
    return b"\r\n".join(lines) + b"\r\n\r\n" + body


async def test_all_is_well():
    async with backoffice(stay) as port:
        found = await tried(port)
    assert outcomes(found) == ["ok", "ok", "skipped", "ok", "ok"]
    assert found["tcp"].found == f"Connected to 127.0.0.1:{port}."
    assert "not encrypted" in found["tls"].found
    assert found["subprotocol"].found == "It chose OCPP 1.6."
    assert all(found[name].milliseconds is not None for name in ("dns", "tcp", "http"))


async def test_no_frame_is_sent_but_a_polite_close():
    seen = []

    async def behave(peer):
        await peer.read_request()
        peer.answer()
        seen.append(await peer.read_frame())
        seen.append(await peer.reader.read())

    async with raw_backoffice(behave) as port:
        await tried(port, seconds=5)
    opcode, payload = seen[0]
    assert opcode == CLOSE
    assert payload[:2] == (1000).to_bytes(2)


async def test_the_credentials_are_sent_and_never_told():
    request = []

    async def behave(peer):
        request.append(await peer.read_request())
        header = request[0].split(b"Authorization: Basic ")[1].split(b"\r\n")[0]
        peer.writer.write(http(b"401 Unauthorized", b"wrong: top-secret or " + header))
        peer.writer.close()

    async with raw_backoffice(behave) as port:
        found = await tried(port, username="CP-1", password=b"top-secret")
    assert b"Authorization: Basic Q1AtMTp0b3Atc2VjcmV0" in request[0]
    assert found["http"].found == 'HTTP 401 Unauthorized. It says: "wrong: *** or ***".'
    assert "user name and password" in found["http"].remedy
    assert "top-secret" not in repr(wanted(1, password=b"top-secret"))


REFUSALS = [
    (http(b"401 Unauthorized"), "HTTP 401", "user name and password"),
    (http(b"404 Not Found"), "HTTP 404", "does not know this charger or path"),
    (http(b"302 Found", b"", b"Location: http://169.254.169.254/"), "it redirects to", "final address"),
    (http(b"503 Service Unavailable"), "HTTP 503", "problem of its own"),
    (http(b"200 OK", b"<html>hello"), "HTTP 200", "web pages"),
    (http(b"400 Bad Request", b"unknown subprotocol"), "does not take OCPP 1.6", "accept one of these"),
    (b"SSH-2.0-OpenSSH_9.9\r\n", "does not speak WebSocket", "something else"),
    (b"", "", "something else"),
]


@pytest.mark.parametrize(
    ("answer", "found", "remedy"),
    REFUSALS,
    ids=["401", "404", "redirect", "503", "web page", "version refused", "another protocol", "hangs up"],
)
async def test_a_refusal_is_explained(answer, found, remedy):
    async with raw_backoffice(sends(answer)) as port:
        result = await tried(port)
    assert outcomes(result) == ["ok", "ok", "skipped", "failed", "skipped"]
    assert found in result["http"].found
    assert remedy in result["http"].remedy
    assert "<html>" not in result["http"].found


async def test_a_redirect_is_not_followed():
    followed = []

    async def elsewhere(peer):
        followed.append(peer)

    async with raw_backoffice(elsewhere) as other:
        to = b"Location: ws://127.0.0.1:%d/" % other
        async with raw_backoffice(sends(http(b"301 Moved", b"", to))) as port:
            await tried(port)
    assert followed == []


async def test_no_subprotocol_is_a_failure():
    async def behave(peer):
        await peer.read_request()
        peer.answer(subprotocol=b"")
        await peer.reader.read()

    async with raw_backoffice(behave) as port:
        found = await tried(port)
    assert outcomes(found) == ["ok", "ok", "skipped", "ok", "failed"]
    assert "It chose no subprotocol; offered was OCPP 1.6." in found["subprotocol"].found


async def test_the_version_that_is_chosen_is_told():
    async with backoffice(stay, subprotocols=["ocpp2.0.1"]) as port:
        found = await tried(port, versions=("1.6", "2.0.1"))
    assert found["subprotocol"].found == "It chose OCPP 2.0.1 of 1.6, 2.0.1."


async def test_who_never_answers_ends_the_test():
    async def behave(peer):
        await peer.reader.read()
        await asyncio.Event().wait()

    async with raw_backoffice(behave) as port:
        found = await tried(port, seconds=0.2)
    assert outcomes(found) == ["ok", "ok", "skipped", "failed", "skipped"]
    assert found["http"].found == "No answer within the 0.2 s that a test takes at most."


async def test_an_answer_without_an_end_tells_its_status():
    async def behave(peer):
        await peer.read_request()
        peer.writer.write(b"HTTP/1.1 401 Unauthorized\r\n\r\n")
        await asyncio.Event().wait()

    async with raw_backoffice(behave) as port:
        found = await tried(port, seconds=0.5)
    assert found["http"].found == "HTTP 401, and the rest of the answer never came."


async def test_who_drips_an_answer_without_end_is_cut_off():
    async def behave(peer):
        await peer.read_request()
        peer.writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        while True:
            peer.writer.write(b"x" * 65536)
            await peer.writer.drain()

    async with raw_backoffice(behave) as port:
        found = await tried(port, seconds=10)
    assert found["http"].outcome == "failed"


async def test_nobody_listens():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        found = await tried(taken.getsockname()[1])
    assert outcomes(found) == ["ok", "failed", "skipped", "skipped", "skipped"]
    assert "onnection refused" in found["tcp"].found


async def test_steps_are_told_as_they_come():
    async with backoffice(stay) as port:
        came = steps(wanted(port))
        first = await anext(came)
        assert (first.name, first.outcome) == ("dns", "ok")
        await came.aclose()  # whoever asked has gone


# -- addresses ------------------------------------------------------------------------------------------

PRIVATE = {
    "loopback": "127.0.0.1",
    "loopback v6": "[::1]",
    "private": "10.1.2.3",
    "link-local": "169.254.1.1",
    "metadata": "169.254.169.254",
    "metadata of Azure": "168.63.129.16",
    "link-local v6": "[fe80::1]",
    "ULA": "[fd00::1]",
    "mapped": "[::ffff:127.0.0.1]",
    "6to4": "[2002:7f00:1::]",
    "NAT64": "[64:ff9b::7f00:1]",
    "carrier": "100.64.0.1",
    "unspecified": "0.0.0.0",
}


@pytest.mark.parametrize("host", PRIVATE.values(), ids=PRIVATE.keys())
async def test_private_addresses_are_refused(host, monkeypatch):
    async def never(info):
        raise AssertionError(f"connected to {info}")

    monkeypatch.setattr(addresses, "_open", never)
    found = await tried(1, url=f"ws://{host}:80/x", allow_private=False)
    assert outcomes(found) == ["failed", "skipped", "skipped", "skipped", "skipped"]
    assert "not a public address" in found["dns"].found
    assert "PROXY_ALLOW_PRIVATE_UPSTREAMS" in found["dns"].remedy


def infos(*hosts, port=80):
    return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (host, port)) for host in hosts]


async def test_a_name_that_changes_its_mind_is_connected_to_where_it_was_checked(monkeypatch):
    """DNS rebinding: the first look-up is public, every further one is this machine."""
    answers = [infos("93.184.216.34")]
    connected = []

    async def look_up(host, port, **options):
        return answers.pop() if answers else infos("127.0.0.1")

    async def opened(info):
        connected.append(info[4][0])
        raise ConnectionRefusedError

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", look_up)
    monkeypatch.setattr(addresses, "_open", opened)
    found = await tried(1, url="ws://rebind.example/x", allow_private=False)
    assert connected == ["93.184.216.34"]
    assert found["tcp"].outcome == "failed"


async def test_of_a_mixed_name_only_what_is_public_is_tried(monkeypatch):
    connected = []

    async def look_up(host, port, **options):
        return infos("10.0.0.1", "93.184.216.34", "127.0.0.1")

    async def opened(info):
        connected.append(info[4][0])
        raise ConnectionRefusedError

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", look_up)
    monkeypatch.setattr(addresses, "_open", opened)
    await tried(1, url="ws://mixed.example/x", allow_private=False)
    assert connected == ["93.184.216.34"]


async def test_a_name_that_does_not_resolve(monkeypatch):
    async def look_up(host, port, **options):
        raise socket.gaierror(-2, "unknown")

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", look_up)
    found = await tried(1, url="ws://nowhere.example/x")
    assert found["dns"].found == "The name nowhere.example does not resolve."


@pytest.mark.parametrize("url", ["http://x/", "ws://", "nonsense", "ws://x:99999/"], ids=str)
async def test_what_is_no_address_fails_the_first_step(url):
    found = await tried(1, url=url)
    assert found["dns"].outcome == "failed"


async def test_who_may_not_know_the_address_is_not_told():
    async with raw_backoffice(sends(http(b"404 Not Found", b"at billing.internal"))) as port:
        found = await tried(port, discreet=True)
    said = " ".join(step.found + step.remedy for step in found.values())
    assert "127.0.0.1" not in said
    assert "billing" not in said
    assert found["http"].found == "HTTP 404."


# -- TLS ------------------------------------------------------------------------------------------------


class Authority:
    """A CA of the test's own, and servers with certificates of it."""

    def __init__(self):
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Test CA")])
        self.certificate = self._sign(self.name, self.key, ca=True)

    def _sign(self, subject, key, *, ca=False, until=30 * DAY, names=()):
        built = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self.name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(NOW - 60 * DAY)
            .not_valid_after(NOW + until)
            .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key()), critical=False
            )
        )
        if ca:
            usage = x509.KeyUsage(False, False, False, False, False, True, True, False, False)
            built = built.add_extension(usage, critical=True)
        if names:
            built = built.add_extension(x509.SubjectAlternativeName(names), critical=False)
        return built.sign(self.key, hashes.SHA256())

    def server(self, directory, *, until=30 * DAY, address="127.0.0.1"):
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "csms.example")])
        names = [x509.IPAddress(ipaddress.ip_address(address))]
        certificate = self._sign(subject, key, until=until, names=names)
        pem = directory / "server.pem"
        pem.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
            + certificate.public_bytes(serialization.Encoding.PEM)
        )
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(pem)
        return context

    def client(self):
        pem = self.certificate.public_bytes(serialization.Encoding.PEM).decode()
        return ssl.create_default_context(cadata=pem)


@pytest.fixture(scope="module")
def authority():
    return Authority()


async def over_tls(server, **changes):
    async with backoffice(stay, ssl=server) as port:
        return await tried(port, url=f"wss://127.0.0.1:{port}/CP-1", **changes)


async def test_a_good_certificate_is_described(authority, tmp_path):
    found = await over_tls(authority.server(tmp_path), context=authority.client())
    assert outcomes(found) == ["ok"] * 5
    until = f"{NOW + 30 * DAY:%Y-%m-%d}"
    assert f"Certificate of csms.example, by Test CA, valid until {until}." in found["tls"].found


BAD_CERTIFICATES = {
    "expired": ({"until": -DAY}, "expired", "renew"),
    "of another name": ({"address": "192.0.2.1"}, "mismatch", "name that the certificate is for"),
}


@pytest.mark.parametrize(("made", "said", "remedy"), BAD_CERTIFICATES.values(), ids=list(BAD_CERTIFICATES))
async def test_a_bad_certificate_is_told_and_described(made, said, remedy, authority, tmp_path):
    found = await over_tls(authority.server(tmp_path, **made), context=authority.client())
    assert outcomes(found) == ["ok", "ok", "failed", "skipped", "skipped"]
    assert said in found["tls"].found
    assert "Certificate of csms.example, by Test CA" in found["tls"].found
    assert remedy in found["tls"].remedy


async def test_an_authority_that_nobody_knows_is_not_trusted(authority, tmp_path):
    found = await over_tls(authority.server(tmp_path))
    assert found["tls"].outcome == "failed"
    assert "by Test CA" in found["tls"].found
    assert "public authority" in found["tls"].remedy


async def test_a_certificate_need_not_be_verified(authority, tmp_path):
    found = await over_tls(authority.server(tmp_path), verify_tls=False)
    assert outcomes(found) == ["ok"] * 5


async def test_tls_where_there_is_none():
    async with backoffice(stay) as port:
        found = await tried(port, url=f"wss://127.0.0.1:{port}/CP-1")
    assert found["tls"].outcome == "failed"
    assert "ws://" in found["tls"].remedy
