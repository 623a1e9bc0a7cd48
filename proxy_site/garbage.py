"""Python's search for garbage in cycles, kept short: all threads stand still while it goes on."""

from __future__ import annotations

import gc
from typing import Final

THRESHOLDS: Final = (5_000, 4, 20)
"""As for ``gc.set_threshold``. With Python's own (700, 10, 10) a page of a thousand rows counts as old before
it is gone, and under load everything is searched every few seconds. These keep the search of what is young
below 10 ms, and none of all was seen in two minutes of full load."""


def settle() -> None:
    """Leave out of all searches to come what there is now: modules, models, addresses; it stays for ever.

    Call it once all is imported and begun. Some 190,000 objects take 200 ms to search, in which no charger
    gets an answer; what 400 chargers add is 80,000.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(*THRESHOLDS)
