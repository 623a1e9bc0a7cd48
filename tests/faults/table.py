"""What came out of many runs, as docs/reliability.md shows it."""

from __future__ import annotations

from tests.faults.checker import Findings
from tests.faults.plan import KINDS, Plan

ALL = "all runs"
COLUMNS = {
    "runs": "Runs",
    "messages": "Messages",
    "lost": "Lost",
    "out_of_order": "Out of order",
    "doubled_killed": "Doubled after a kill",
    "doubled_unanswered": "Doubled, not answered",
    "doubled": "Doubled otherwise",
    "late": "Answered late",
    "other": "Anything else",
}


class Table:
    """Counts by kind of fault; a run with several kinds counts in each of their lines, once in the last."""

    def __init__(self) -> None:
        self.lines = {kind: dict.fromkeys(COLUMNS, 0) for kind in (*KINDS, ALL)}

    def add(self, chosen: Plan, found: Findings) -> None:
        """One run more."""
        for kind in (*chosen.kinds, ALL):
            line = self.lines[kind]
            line["runs"] += 1
            for name in COLUMNS:
                if name != "runs":
                    line[name] += getattr(found, name)

    def text(self) -> str:
        """In Markdown."""
        rows = [
            "| " + " | ".join(("Done to it", *COLUMNS.values())) + " |",
            "|---" + "|---:" * len(COLUMNS) + "|",
        ]
        for kind, line in self.lines.items():
            if line["runs"]:
                rows.append(f"| {kind} | " + " | ".join(f"{n:,}" for n in line.values()) + " |")
        return "\n".join(rows)
