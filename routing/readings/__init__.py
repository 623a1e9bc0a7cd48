"""What chargers measure and are set to, out of the log: for charts, pages and programs.

Whose rows these are is the caller's to ask first: with a charger from ``visible_to(user)``.
"""

from __future__ import annotations

from routing.readings.asking import (
    Place,
    RunningSession,
    Series,
    configuration,
    firmware,
    latest,
    of_session,
    running,
    series,
)

__all__ = [
    "Place",
    "RunningSession",
    "Series",
    "configuration",
    "firmware",
    "latest",
    "of_session",
    "running",
    "series",
]
