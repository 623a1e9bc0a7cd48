"""The conformance suite: the 74 scenarios that a proxy between a charger and several backoffices must pass.

A scenario about sockets runs against a real proxy in a process of its own; the others run on the pure core.
Tests are named ``test_NN_...`` by the number of their scenario (ocpp-semantics, section 9).
"""

from collections.abc import Iterator

import pytest

from tests.end_to_end.conftest import Site, own_site, proxy, site
from tests.routing.core import complete

__all__ = ["Site", "own_site", "proxy", "site"]


@pytest.fixture(autouse=True)
def the_log_is_complete() -> Iterator[None]:
    """Nothing that is forwarded is missing in the audit log, nothing is in it that was not."""
    with complete.worlds():
        yield
