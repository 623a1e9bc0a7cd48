"""What processes count together, in Redis, which may be away."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Any

from django.core.cache.backends.redis import RedisCache
from redis.exceptions import RedisError

logger = logging.getLogger(__name__)

ASK_AGAIN_S = 5.0
"""So long a Redis that did not answer is not asked: each time would keep a request waiting."""


class ForgivingCache(RedisCache):
    """Django's; while Redis is away nothing is in it, and nobody is refused.

    Then ``add`` says that it was done, and ``incr`` raises ValueError, as for a count that has ended: whoever
    counts decides what that means.
    """

    _asks_again_at = 0.0
    """On the clock of ``time.monotonic``, for the whole process: each thread has a cache of its own."""

    def add(self, *args: Any, **kwargs: Any) -> bool:
        return bool(self._asked(super().add, args, kwargs, otherwise=True))

    def get(self, key: Any, default: Any = None, version: int | None = None) -> Any:
        return self._asked(super().get, (key, default, version), {}, otherwise=default)

    def set(self, *args: Any, **kwargs: Any) -> None:
        self._asked(super().set, args, kwargs)

    def delete(self, *args: Any, **kwargs: Any) -> bool:
        return bool(self._asked(super().delete, args, kwargs))

    def incr(self, *args: Any, **kwargs: Any) -> int:
        count = self._asked(super().incr, args, kwargs)
        if count is None:
            raise ValueError("Redis is away, and counts nothing")
        return int(count)

    @staticmethod
    def _asked(
        ask: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any], *, otherwise: Any = None
    ) -> Any:
        if time.monotonic() < ForgivingCache._asks_again_at:
            return otherwise
        try:
            return ask(*args, **kwargs)
        except RedisError as error:
            ForgivingCache._asks_again_at = time.monotonic() + ASK_AGAIN_S
            logger.warning("requests are not counted while Redis is away; start it, or look at it: %s", error)
            return otherwise
