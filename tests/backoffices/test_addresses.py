import asyncio
import socket

import pytest

from backoffices.addresses import Addresses
from routing.addresses import AddressRefused, is_public


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("8.8.8.8", True),
        ("2606:4700::1111", True),
        ("127.0.0.1", False),
        ("::1", False),
        ("0.0.0.0", False),
        ("10.1.2.3", False),
        ("172.16.0.1", False),
        ("192.168.1.1", False),
        ("100.64.0.1", False),
        ("169.254.169.254", False),
        ("168.63.129.16", False),
        ("224.0.0.1", False),
        ("fe80::1%eth0", False),
        ("fd00:ec2::254", False),
        ("::ffff:127.0.0.1", False),
        ("::ffff:8.8.8.8", True),
        ("2002:7f00:1::", False),
        ("2002:808:808::", True),
        ("64:ff9b::a9fe:a9fe", False),
        ("64:ff9b::808:808", True),
    ],
)
def test_what_belongs_to_the_internet_at_large(address, public):
    assert is_public(address) is public


class Names:
    """Stands for the resolver: what each name leads to, and how often it was asked."""

    def __init__(self, monkeypatch, known):
        self.asked = []
        self.known = known
        monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", self.getaddrinfo)

    async def getaddrinfo(self, host, port, **_):
        self.asked.append(host)
        await asyncio.sleep(0)
        if host not in self.known:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (ip, at or port)) for ip, at in self.known[host]]


@pytest.fixture
async def listener():
    server = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0)
    yield server.sockets[0].getsockname()[1]
    server.close()
    await server.wait_closed()


async def test_a_name_that_leads_inside_is_refused_before_a_byte_is_sent(monkeypatch, listener):
    Names(monkeypatch, {"csms.example": [("127.0.0.1", None), ("10.0.0.1", None)]})
    with pytest.raises(AddressRefused, match=r"csms\.example is 10\.0\.0\.1, 127\.0\.0\.1: not a public"):
        await Addresses().connect("csms.example", listener, allow_private=False)


async def test_where_it_is_permitted_the_socket_is_connected_to_what_was_looked_up(monkeypatch, listener):
    Names(monkeypatch, {"csms.example": [("127.0.0.1", None)]})
    with await Addresses().connect("csms.example", listener, allow_private=True) as sock:
        assert sock.getpeername() == ("127.0.0.1", listener)
        assert sock.getblocking() is False


async def test_the_next_address_is_tried_where_one_refuses(monkeypatch, listener):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        closed = unused.getsockname()[1]
    Names(monkeypatch, {"csms.example": [("127.0.0.1", closed), ("127.0.0.1", listener)]})
    with await Addresses().connect("csms.example", 1, allow_private=True) as sock:
        assert sock.getpeername()[1] == listener


async def test_links_that_dial_together_share_one_look_up(monkeypatch, listener):
    names = Names(monkeypatch, {"csms.example": [("127.0.0.1", None)]})
    addresses = Addresses()
    dials = [addresses.connect("csms.example", listener, allow_private=True) for _ in range(20)]
    for sock in await asyncio.gather(*dials):
        sock.close()
    assert names.asked == ["csms.example"]


async def test_a_failed_look_up_is_told_to_all_and_repeated_next_time(monkeypatch):
    names = Names(monkeypatch, {})
    addresses = Addresses()
    for _ in range(2):
        dials = [addresses.connect("csms.example", 1, allow_private=True) for _ in range(3)]
        errors = await asyncio.gather(*dials, return_exceptions=True)
        assert all(isinstance(error, socket.gaierror) for error in errors)
    assert names.asked == ["csms.example"] * 2


async def test_one_that_gives_up_does_not_take_the_look_up_from_the_others(monkeypatch, listener):
    Names(monkeypatch, {"csms.example": [("127.0.0.1", None)]})
    addresses = Addresses()
    first, second = (
        asyncio.ensure_future(addresses.connect("csms.example", listener, allow_private=True))
        for _ in range(2)
    )
    await asyncio.sleep(0)
    first.cancel()
    (await second).close()
    assert first.cancelled() or first.cancelling()
