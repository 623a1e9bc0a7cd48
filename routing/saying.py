"""Lines of the log about one charger: for people with its name in front, for programs with fields."""

from __future__ import annotations

import logging


def say(
    logger: logging.Logger, charger: str | int, level: int, words: str, *values: object,
    route: int | None = None, exchange: int | None = None,
) -> None:  # fmt: skip
    """Log ``words`` about a charger.

    ``charger``: its identity, or its primary key where the identity is not at hand. ``route``: a primary key.
    ``exchange``: its number in the log of messages. ``proxy_site.logs`` has the fields.
    """
    is_named = isinstance(charger, str)
    said = {"charger" if is_named else "charger_id": charger, "route": route, "exchange": exchange}
    start = "%s: " if is_named else "charger %d: "
    logger.log(level, start + words, charger, *values, extra=said, stacklevel=2)
