"""How often a peer may try: token buckets and counters. Time is an argument, monotonic seconds."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from ipaddress import IPv6Address, ip_address
from typing import Generic, TypeVar

import msgspec

KeyT = TypeVar("KeyT", bound=Hashable)

_REMEMBERED = 20_000


class Buckets(Generic[KeyT]):
    """A token bucket per key, each with ``burst`` tokens, refilled at ``per_second``.

    At most ``remembered`` keys are kept; the one unused for longest is forgotten, which fills it.
    """

    def __init__(self, burst: float, per_second: float, remembered: int = _REMEMBERED) -> None:
        self._burst, self._per_second, self._remembered = burst, per_second, remembered
        self._levels: OrderedDict[KeyT, tuple[float, float]] = OrderedDict()

    def level(self, key: KeyT, now: float) -> float:
        """Tokens that are left."""
        tokens, since = self._levels.get(key, (self._burst, now))
        return min(self._burst, tokens + (now - since) * self._per_second)

    def take(self, key: KeyT, now: float) -> bool:
        """Take one token; False when there is none."""
        level = self.level(key, now)
        self._levels[key] = (max(level - 1, 0.0), now)
        self._levels.move_to_end(key)
        if len(self._levels) > self._remembered:
            self._levels.popitem(last=False)
        return level >= 1


class Recent(Generic[KeyT]):
    """The keys seen last, at most ``remembered`` of them."""

    def __init__(self, remembered: int = _REMEMBERED) -> None:
        self._remembered = remembered
        self._keys: OrderedDict[KeyT, None] = OrderedDict()

    def add(self, key: KeyT) -> None:
        self._keys[key] = None
        self._keys.move_to_end(key)
        if len(self._keys) > self._remembered:
            self._keys.popitem(last=False)

    def discard(self, key: KeyT) -> None:
        self._keys.pop(key, None)

    def __contains__(self, key: KeyT) -> bool:
        return key in self._keys


class AttemptLimits:
    """Limits of failed attempts, per identity and per address.

    Only failures cost tokens. A pair of identity and address that was admitted before is never
    refused unheard, so that nobody can lock a charger out by guessing in its name. The bucket of an
    address (a /64 of IPv6) never refuses anybody either: behind one address may be a whole fleet.
    It only says that failures from there need not be recorded one by one any more.
    """

    def __init__(
        self,
        identity: tuple[float, float] = (30, 0.5),
        address: tuple[float, float] = (300, 10),
    ) -> None:
        self._identities: Buckets[str] = Buckets(*identity)
        self._addresses: Buckets[str] = Buckets(*address)
        self._admitted: Recent[tuple[str, str]] = Recent()

    def may_try(self, identity: str, address: str, now: float) -> bool:
        """Whether the credentials of this attempt are to be looked at."""
        return (identity, network(address)) in self._admitted or self._identities.level(identity, now) >= 1

    def failed(self, identity: str, address: str, now: float) -> bool:
        """Count a failure; True while the address has not used up its failures."""
        self._identities.take(identity, now)
        return self._addresses.take(network(address), now)

    def admitted(self, identity: str, address: str) -> None:
        """Remember that this identity was admitted from this address."""
        self._admitted.add((identity, network(address)))

    def revoked(self, identity: str, address: str) -> None:
        """Forget it: the credentials that were good are refused now."""
        self._admitted.discard((identity, network(address)))


class Tally:
    """Counts what is too frequent to be written each time, per key.

    ``add`` returns how many to write now: the first at once, later ones together, at most once
    in ``seconds``; 0 means not yet.
    """

    def __init__(self, seconds: float = 10) -> None:
        self._seconds = seconds
        self._buckets: Buckets[Hashable] = Buckets(1, 1 / seconds)
        self._waiting: dict[Hashable, int] = {}

    def add(self, key: Hashable, now: float) -> int:
        waiting = self._waiting.pop(key, 0) + 1
        if self._buckets.level(key, now) >= 1:
            self._buckets.take(key, now)
            return waiting
        if len(self._waiting) < _REMEMBERED:
            self._waiting[key] = waiting
        return 0


class FrameMeter(msgspec.Struct):
    """Whether one socket sends more than ``per_second`` frames, looked at every ``window`` frames.

    The owner counts; asking for the time with each frame would cost more than the frame.
    """

    per_second: float
    window: int
    since: float
    count: int = 0

    def is_flooded(self, now: float) -> bool:
        """Called after ``window`` further frames; starts the next window."""
        flooded = now - self.since < self.window / self.per_second
        self.count, self.since = 0, now
        return flooded


def network(address: str) -> str:
    """What counts as one address: an IPv4 address, or the /64 of an IPv6 address."""
    try:
        parsed = ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(parsed, IPv6Address):
        return str(parsed.ipv4_mapped or parsed.exploded[:19])
    return address
