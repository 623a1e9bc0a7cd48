"""A port that was given stays with whom it was given to."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from benchmarks import ports

RANGE = Path("/proc/sys/net/ipv4/ip_local_port_range")


def test_a_port_that_is_taken_is_not_given(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as taken:
        first = ports.free_port()
        taken.bind(("127.0.0.1", first))
        second = ports.free_port()
        drawn = [first - ports.LOWEST, second - ports.LOWEST]
        monkeypatch.setattr("secrets.randbelow", lambda most: drawn.pop(0))
        assert ports.free_port() == second


@pytest.mark.skipif(not RANGE.exists(), reason="only Linux tells which ports it gives to whoever dials")
def test_nobody_is_given_it_who_dials() -> None:
    lowest = int(RANGE.read_text().split()[0])
    assert all(ports.free_port() < lowest for _ in range(20))
