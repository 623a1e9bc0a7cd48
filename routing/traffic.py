"""How many frames passed: plain counters, since every frame pays for them."""

from __future__ import annotations


class Traffic:
    """Frames of all sessions of one process since its start.

    ``charger_received`` from chargers, ``charger_sent`` to them, ``backoffice_received`` and
    ``backoffice_sent`` likewise. Changed on the loop only.
    """

    __slots__ = ("backoffice_received", "backoffice_sent", "charger_received", "charger_sent")

    def __init__(self) -> None:
        self.charger_received = 0
        self.charger_sent = 0
        self.backoffice_received = 0
        self.backoffice_sent = 0

    def counts(self) -> dict[str, int]:
        """Each counter by its name."""
        return {name: getattr(self, name) for name in self.__slots__}
