"""What can go wrong when a simulated charger talks."""

from __future__ import annotations


class SimulatorError(Exception):
    """Base of all errors of the simulated charger."""


class NotAdmitted(SimulatorError):
    """The first connection was refused, or no common OCPP version was found."""


class CallFailed(SimulatorError):
    """A CALL got no usable answer."""


class NotConnected(CallFailed):
    """There is no connection, or it was lost before the answer came."""


class NoAnswer(CallFailed):
    """The answer did not come in time."""


class Refused(CallFailed):
    """The answer was a CALLERROR, or was against the schema of its action (then ``by_us``)."""

    def __init__(self, code: str, description: str, *, by_us: bool = False) -> None:
        super().__init__(f"{code}: {description}")
        self.code, self.description, self.by_us = code, description, by_us
