"""The columns P, C, M of ocpp-semantics 2.2 to 2.4 and those of energy and service, by name.

Codes stand in the order of ``Role``: billing, control, observe, energy, service.
Energy sees status, meter values and transactions as control does, and may send charging profiles and ask
for meter values. Service sees what observe sees and the diagnostics, and may send what diagnostics,
firmware, configuration, reset, availability and unlocking need. What no table denies anybody
(GetConfiguration, GetVariables, GetTransactionStatus, GetLocalListVersion) is open to both.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from routing.core.actions.types import Access, Receives
from routing.core.snapshot import Role

ROLES = (Role.BILLING, Role.CONTROL, Role.OBSERVE, Role.ENERGY, Role.SERVICE)


def receives(codes: str) -> Mapping[Role, Receives]:
    """The column of an up action from five codes, as in ``"R F F - F"``."""
    return MappingProxyType({role: Receives(code) for role, code in zip(ROLES, codes.split(), strict=True)})


def access(codes: str) -> Mapping[Role, Access]:
    """The column of a down action from five codes, as in ``"A G D G D"``."""
    return MappingProxyType({role: Access(code) for role, code in zip(ROLES, codes.split(), strict=True)})


ALL_RECEIVE = receives("R R R R R")
ALL_OWN = receives("F F F F F")
ALL_GENERATED = receives("G G G G G")
BILLING_RECEIVES = receives("R - - - -")
BILLING_OWN = receives("F - - - -")
VENDOR_DATA = receives("R F - - -")
CONTROL_OWN = receives("F F - - -")
ENERGY_RECEIVES = receives("R R - R -")
ENERGY_OWN = receives("F F - F -")
EVENTS = receives("R F F F F")
SECURITY_EVENTS = receives("R - F - F")
DIAGNOSTICS = receives("F F - - F")
PUBLISHED_FIRMWARE = receives("F - - - F")

ALL_ALLOWED = access("A A A A A")
NOBODY = access("D D D D D")
BILLING_ONLY = access("A D D D D")
BILLING_GUARDED = access("G D D D D")
BILLING_OR_SERVICE = access("A D D D A")
FIRMWARE = access("G D D D G")
CONFIGURATION = access("G G D D G")
# Energy reads variables one by one (GetVariables is open to all), not the device as a whole: it may send
# profiles only.
REPORTS = access("A A A D A")
MONITORS = access("A G D D G")
OWN_MONITORS = access("O O O D O")
STREAMS = access("A A D D A")
OWN_STREAMS = access("O O D D O")
TRIGGERS = access("A G G G G")
START = access("A G D D D")
STOP = access("A O D D D")
OWN_OF_CONTROL = access("A O D D D")
DISPLAY = access("O O D D D")
# Profiles are for billing, control and energy: service has diagnostics, firmware, reset and configuration.
PROFILES = access("A G D G D")
OWN_PROFILES = access("O O D O D")
READ_PROFILES = access("A A A A D")
READ_SCHEDULE = access("A A G A D")
READ_CONTROLS = access("A A D A D")
OWN_LIST_VERSION = access("A V V V V")
