"""Waiting in a request without keeping what others need."""

from __future__ import annotations

from django.db import connection


def let_go() -> None:
    """Give the database connection of this thread back while nothing is asked of it; the next query gets one.

    A pool has few of them, and whoever waits for a peer would keep one for nothing.
    """
    if not connection.in_atomic_block:
        connection.close()
