"""A port that was given stays with whom it was given to."""

from __future__ import annotations

import socket

import pytest

from benchmarks import ports


def test_a_port_that_is_taken_is_not_given(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as taken:
        first = ports.free_port()
        taken.bind(("127.0.0.1", first))
        second = ports.free_port()
        drawn = [first - ports.LOWEST, second - ports.LOWEST]
        monkeypatch.setattr("secrets.randbelow", lambda most: drawn.pop(0))
        assert ports.free_port() == second


def test_it_is_none_that_the_system_gives_to_whoever_dials() -> None:
    """Linux begins at 32768, macOS at 49152."""
    assert all(1024 <= ports.LOWEST <= ports.free_port() < 32_768 for _ in range(20))
