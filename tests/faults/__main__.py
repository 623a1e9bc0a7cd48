"""``python -m tests.faults``: many runs, and one table. See docs/reliability.md."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import shutil
import sys
import tempfile
import traceback
from dataclasses import asdict
from pathlib import Path

from tests.faults.checker import Findings, check
from tests.faults.plan import KINDS, POSTGRES, Plan, plan
from tests.faults.postgres import Postgres, why_not
from tests.faults.records import RunRecord
from tests.faults.stage import Stage, template

COLUMNS = ("messages", "lost", "out_of_order", "doubled_allowed", "doubled", "late", "other")
HEADINGS = (
    "Done to it", "Runs", "Messages", "Lost", "Out of order", "Doubled, allowed", "Doubled, not allowed",
    "Answered late", "Anything else",
)  # fmt: skip


async def one_run(chosen: Plan, room: Path, made: Path) -> tuple[RunRecord, Findings, str]:
    """Carry out a plan in a directory and check it; also returns what the proxy has printed."""
    postgres = Postgres() if chosen.postgres else None
    if postgres is not None:
        await asyncio.to_thread(postgres.start)
    stage = Stage(chosen, room, made, postgres)
    try:
        record = await stage.run()
        found = check(record)
    except Exception:  # noqa: BLE001 -- whatever ends a run, the others go on, and this one has failed
        record, found = stage.record, Findings(other=1, problems=[traceback.format_exc()])
    finally:
        if postgres is not None:
            await asyncio.to_thread(postgres.close)
    return record, found, stage.proxy.log


def keep(failed: Path, record: RunRecord, found: Findings, log: str, chosen: Plan) -> None:
    """Write down all that is known of a run that failed."""
    failed.mkdir(parents=True, exist_ok=True)
    (failed / "proxy.log").write_text(log)
    (failed / "problems.txt").write_text("\n".join([str(chosen), *found.problems, ""]))
    whole = asdict(record)
    for charger in whole["chargers"]:
        charger["answers"] = [[*key, count] for key, count in charger["answers"].items()]
    (failed / "record.json").write_text(json.dumps(whole, indent=1))


class Table:
    """Counts by kind of fault; a run with several kinds counts in each of their lines, once in the last."""

    def __init__(self) -> None:
        self.lines = {kind: dict.fromkeys(("runs", *COLUMNS), 0) for kind in (*KINDS, POSTGRES, "all runs")}

    def add(self, chosen: Plan, found: Findings) -> None:
        """One run more."""
        for kind in (*chosen.kinds, "all runs"):
            line = self.lines[kind]
            line["runs"] += 1
            for name in COLUMNS:
                line[name] += getattr(found, name)

    def text(self) -> str:
        """In Markdown."""
        rows = ["| " + " | ".join(HEADINGS) + " |", "|---" + "|---:" * (len(HEADINGS) - 1) + "|"]
        for kind, line in self.lines.items():
            if line["runs"]:
                rows.append(f"| {kind} | " + " | ".join(f"{n:,}" for n in line.values()) + " |")
        return "\n".join(rows)


class Runs:
    """Some runs at once, until all are done."""

    def __init__(self, seeds: list[int], room: Path, kept: Path) -> None:
        self.seeds = seeds
        self.room = room
        self.kept = kept
        self.table = Table()
        self.failed: list[int] = []

    async def go(self, at_once: int) -> None:
        """Do them all."""
        made = await template(self.room / "template")
        async with asyncio.TaskGroup() as group:
            for _ in range(at_once):
                group.create_task(self._worker(made))

    async def _worker(self, made: Path) -> None:
        while self.seeds:
            chosen = plan(self.seeds.pop(0))
            room = self.room / str(chosen.seed)
            room.mkdir()
            record, found, log = await one_run(chosen, room, made)
            self.table.add(chosen, found)
            if not found.flawless:
                self.failed.append(chosen.seed)
                keep(self.kept / str(chosen.seed), record, found, log, chosen)
            shutil.rmtree(room, ignore_errors=True)
            verdict = "ok" if found.flawless else f"FAILED: {found.problems[0][-300:]}"
            print(f"seed {chosen.seed}: {', '.join(chosen.kinds)}: {verdict}", file=sys.stderr, flush=True)


def main(arguments: list[str]) -> int:
    """Run the harness; the exit code is 1 where a promise was broken."""
    parser = argparse.ArgumentParser(prog="script/faults", description="Pull plugs and count what is lost.")
    parser.add_argument("--runs", type=int, default=200, help="how many (200)")
    parser.add_argument(
        "--seed", type=int, default=0, help="the seed of the first (0); the next has one more"
    )
    parser.add_argument("--at-once", type=int, default=2, help="runs at the same time (2)")
    parser.add_argument("--keep", type=Path, default=Path("data/faults"), help="where logs of failed runs go")
    given = parser.parse_args(arguments)
    seeds = list(range(given.seed, given.seed + given.runs))
    if reason := why_not():
        print(f"No runs on PostgreSQL: {reason}", file=sys.stderr)
        seeds = [seed for seed in seeds if not plan(seed).postgres]
    with tempfile.TemporaryDirectory(prefix="faults-") as room:
        runs = Runs(seeds, Path(room), given.keep)
        with contextlib.suppress(KeyboardInterrupt):  # the table of what was done so far
            asyncio.run(runs.go(given.at_once))
    print(runs.table.text())
    if runs.failed:
        print(f"Failed: seeds {sorted(runs.failed)}; see {given.keep}", file=sys.stderr)
    return 1 if runs.failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
