"""The conformance suite: the 74 scenarios that a proxy between a charger and several backoffices must pass.

A scenario about sockets runs against a real proxy in a process of its own; the others run on the pure core.
Tests are named ``test_NN_...`` by the number of their scenario (ocpp-semantics, section 9).
"""

from tests.end_to_end.conftest import Site, own_site, proxy, site

__all__ = ["Site", "own_site", "proxy", "site"]
