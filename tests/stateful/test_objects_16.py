"""Random use of the whole of OCPP 1.6 by three backoffices at once, under faults."""

from tests.stateful.objects import Objects16
from tests.stateful.traffic import profile

TestObjects16 = Objects16.TestCase
TestObjects16.settings = profile(120)
