"""All tabs of a charger's page, in their order."""

from __future__ import annotations

from chargers.tabs import access, backoffices, commands, configuration, elsewhere, overview, setup
from chargers.tabs.tab import Tab

TABS: tuple[Tab, ...] = (
    overview.TAB,
    backoffices.TAB,
    elsewhere.LIVE,
    elsewhere.MESSAGES,
    elsewhere.SESSIONS,
    configuration.TAB,
    commands.TAB,
    elsewhere.SETTINGS,
    access.TAB,
    setup.TAB,
    elsewhere.AUDIT,
)
