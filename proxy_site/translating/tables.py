"""Words that stand in tables and are looked up where they are shown: ``gettext(ALARMS[kind].meaning)``."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from chargers import causes
from routing.core import alarms, quirks
from routing.core.actions import qualifiers
from routing.core.actions.types import Qualifier
from routing.explorer import words

SKIN = (
    *("Apply Filters", "Change History", "Choose file to upload", "Click to cancel", "Dark", "Date from"),
    *("Date to", "Edit", "Expand row", "Filters", "General", "Go back", "Light", "More actions", "Next"),
    *("No results found", "Previous", "Reset filters", "Return to site", "Run", "Search apps and models..."),
    *("Select action", "Select action to run", "Select all rows", "Select record", "Select value", "System"),
    *("This item will be deleted.", "To", "Toggle password visibility", "Type to search", "Welcome"),
    "This page yielded into no results. Create a new item or reset your filters.",
)
"""Words of the admin's skin, which comes without languages: those that our pages show."""


def tabled() -> Iterator[tuple[str, str]]:
    """Every text of a table in English, with the file that it stands in."""
    for place, texts in _tables():
        for text in texts:
            yield text, place


def _tables() -> Iterator[tuple[str, Iterable[str]]]:
    for kind, alarm in alarms.ALARMS.items():
        yield "routing/core/alarms.py", (kind, alarm.meaning, alarm.remedy, alarm.over)
    for quirk in quirks.QUIRKS.values():
        yield "routing/core/quirks.py", (quirk.meaning, quirk.remedy)
    for table in (words.ACTIONS, words.STATUSES, words.REASONS, words.ERROR_CODES, words.OUTCOMES):
        yield "routing/explorer/words.py", table.values()
    yield "routing/explorer/words.py", words.GROUPS.values()
    yield "routing/explorer/words.py", words.KINDS.values()
    yield (
        "routing/core/actions/qualifiers.py",
        {found.what for found in vars(qualifiers).values() if isinstance(found, Qualifier)},
    )
    yield "proxy_site/translating/tables.py", SKIN
    yield "chargers/causes.py", (*causes.LABELS.values(), *causes.REMEDIES.values())
