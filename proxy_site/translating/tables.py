"""Words that stand in tables and are looked up where they are shown: ``gettext(ALARMS[kind].meaning)``."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from chargers import causes
from routing.core import alarms, quirks
from routing.explorer import words


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
    yield "chargers/causes.py", (*causes.LABELS.values(), *causes.REMEDIES.values())
