"""All tabs of a charger's page, in their order."""

from __future__ import annotations

from chargers.tabs import elsewhere, overview, setup
from chargers.tabs.tab import Tab

TABS: tuple[Tab, ...] = (
    overview.TAB,
    elsewhere.LIVE,
    elsewhere.MESSAGES,
    elsewhere.SESSIONS,
    elsewhere.SETTINGS,
    setup.TAB,
    elsewhere.AUDIT,
)
