"""The repository's list of known operators, and how it comes into the database."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

SOURCE = Path(__file__).with_name("catalogue.yaml")


def known() -> Sequence[Mapping[str, Any]]:
    """The list as it is in the repository: values of the fields of a ``CatalogueEntry``."""
    return [
        {
            "key": entry["key"],
            "name": entry["name"],
            "url_template": entry["url"],
            "login": entry["credentials"],
            "ocpp_versions": entry["versions"],
            "notes": entry.get("notes", "").strip(),
            "documentation": entry.get("documentation", ""),
        }
        for entry in yaml.safe_load(SOURCE.read_text("utf-8"))
    ]


def load(model: Any, *, anew: bool = False) -> tuple[int, int]:
    """Add what ``model`` (a CatalogueEntry) has not; ``anew``: set what is there as the list says, too.

    How many were added, and how many changed.
    """
    there = {row.key: row for row in model.objects.exclude(key=None)}
    added = changed = 0
    for values in known():
        row = there.get(values["key"])
        if row is None:
            model.objects.create(**values)
            added += 1
        elif anew and any(getattr(row, name) != value for name, value in values.items()):
            for name, value in values.items():
                setattr(row, name, value)
            row.save()
            changed += 1
    return added, changed
