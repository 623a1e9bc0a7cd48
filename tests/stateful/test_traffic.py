"""Sessions under faults of every kind: nothing lost, nothing twice, in order, each with its own numbers."""

from tests.stateful.traffic import Traffic16, Traffic21, Traffic201, profile

TestTraffic16 = Traffic16.TestCase
TestTraffic16.settings = profile(100)
TestTraffic201 = Traffic201.TestCase
TestTraffic201.settings = profile(40)
TestTraffic21 = Traffic21.TestCase
TestTraffic21.settings = profile(40)
