"""Nobody is kept out, and nobody waits, because Redis does not answer."""

from __future__ import annotations

from typing import Any

import pytest
from redis.exceptions import ConnectionError as RedisConnectionError

from proxy_site.caching import ForgivingCache


class Client:
    """Of a Redis that is away; counts how often it is asked."""

    asked = 0

    def __getattr__(self, name: str) -> Any:
        def away(*args: Any, **kwargs: Any) -> None:
            self.asked += 1
            raise RedisConnectionError("refused")

        return away


@pytest.fixture
def client() -> Client:
    return Client()


@pytest.fixture
def cache(client: Client, monkeypatch: pytest.MonkeyPatch) -> ForgivingCache:
    monkeypatch.setattr(ForgivingCache, "_asks_again_at", 0.0)
    made = ForgivingCache("redis://127.0.0.1:1/0", {})
    monkeypatch.setattr(made, "_cache", client)
    return made


def test_what_is_away_holds_nothing_and_refuses_nobody(
    cache: ForgivingCache, caplog: pytest.LogCaptureFixture
) -> None:
    assert cache.add("key", 1, 60) is True
    assert cache.get("key", "nothing") == "nothing"
    cache.set("key", 1)
    assert cache.delete("key") is False
    with pytest.raises(ValueError, match="counts nothing"):
        cache.incr("key")
    assert "not counted while Redis is away" in caplog.text


def test_it_is_not_asked_again_at_once(
    cache: ForgivingCache, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(3):
        cache.get("key")
    assert client.asked == 1
    monkeypatch.setattr(ForgivingCache, "_asks_again_at", 0.0)
    cache.get("key")
    assert client.asked == 2
