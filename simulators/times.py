"""Timestamps as OCPP writes them."""

from __future__ import annotations

from datetime import UTC, datetime


def utc_now() -> str:
    """The present in UTC, RFC 3339 with milliseconds: ``2026-01-31T12:00:00.123Z``."""
    return to_text(datetime.now(UTC))


def to_text(moment: datetime) -> str:
    """An aware datetime as RFC 3339 in UTC with milliseconds."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def from_text(text: str) -> datetime | None:
    """The aware datetime that ``text`` means, or None where it is not RFC 3339."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
