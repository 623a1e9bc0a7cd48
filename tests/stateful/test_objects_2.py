"""Random use of the whole of OCPP 2.0.1 and 2.1 by three backoffices at once, under faults."""

from tests.stateful.objects import Objects21, Objects201
from tests.stateful.traffic import profile

TestObjects201 = Objects201.TestCase
TestObjects201.settings = profile(100)
TestObjects21 = Objects21.TestCase
TestObjects21.settings = profile(100)
