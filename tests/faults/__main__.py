"""``python -m tests.faults``: many runs, and one table. See docs/reliability.md."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Collection, Sequence
from dataclasses import asdict
from pathlib import Path

from tests.faults.checker import Findings, check
from tests.faults.keeper import Keeper
from tests.faults.plan import ALONE, CLOCK, KINDS, OF_TWO, Plan, plan
from tests.faults.programs import no_faketime, no_postgres, no_redis
from tests.faults.records import RunRecord
from tests.faults.stage import Stage, templates
from tests.faults.table import Table
from tests.faults.world import Templates


def why_not(chosen: Plan) -> str:
    """Why a run can't be had on this machine, in words; "" when it can."""
    if chosen.form == ALONE:
        return ""
    return no_postgres() or (no_redis() if chosen.form == OF_TWO else "")


def left_out() -> dict[str, str]:
    """Kinds that can't be had on this machine, and why."""
    return {CLOCK: no_faketime()} if no_faketime() else {}


async def one_run(
    chosen: Plan, room: Path, made: Templates, keeper: Keeper
) -> tuple[RunRecord, Findings, str]:
    """Carry out a plan in a directory and check it; also returns what the proxy has printed."""
    stage = Stage(chosen, room, made, keeper)
    try:
        record = await stage.run()
        found = check(record)
    except Exception:  # noqa: BLE001 -- whatever ends a run, the others go on, and this one has failed
        record, found = stage.world.record, Findings(other=1, problems=[traceback.format_exc()])
    return record, found, stage.world.log


def keep(failed: Path, record: RunRecord, found: Findings, log: str, chosen: Plan) -> None:
    """Write down all that is known of a run that failed."""
    failed.mkdir(parents=True, exist_ok=True)
    (failed / "proxy.log").write_text(log)
    (failed / "problems.txt").write_text("\n".join([str(chosen), *record.routes, *found.problems, ""]))
    whole = asdict(record)
    for charger in whole["chargers"]:
        charger["answers"] = [[*key, count] for key, count in charger["answers"].items()]
    (failed / "record.json").write_text(json.dumps(whole, indent=1))


class Runs:
    """Some runs at once, until all are done."""

    def __init__(self, plans: Sequence[Plan], room: Path, kept: Path, keeper: Keeper) -> None:
        self.plans = list(plans)
        self.room = room
        self.kept = kept
        self.keeper = keeper
        self.table = Table()
        self.failed: list[int] = []

    async def go(self, at_once: int) -> None:
        """Do them all. A signal to end cancels them, and what they have started ends."""
        loop, task = asyncio.get_running_loop(), asyncio.current_task()
        assert task is not None
        loop.add_signal_handler(signal.SIGTERM, task.cancel)
        postgres = any(chosen.form != ALONE for chosen in self.plans)
        made = await templates(self.room, self.keeper, postgres=postgres)
        async with asyncio.TaskGroup() as group:
            for _ in range(at_once):
                group.create_task(self._worker(made))

    async def _worker(self, made: Templates) -> None:
        while self.plans:
            chosen = self.plans.pop(0)
            room = self.room / str(chosen.seed)
            room.mkdir()
            began = time.monotonic()
            record, found, log = await one_run(chosen, room, made, self.keeper)
            self.table.add(chosen, found)
            if not found.flawless:
                self.failed.append(chosen.seed)
                keep(self.kept / str(chosen.seed), record, found, log, chosen)
            shutil.rmtree(room, ignore_errors=True)
            verdict = "ok" if found.flawless else f"FAILED: {found.problems[0][-300:]}"
            seconds = f"{time.monotonic() - began:.0f} s"
            print(
                f"seed {chosen.seed}: {', '.join(chosen.kinds)}: {verdict} ({seconds})",
                file=sys.stderr,
                flush=True,
            )


def plans(first: int, count: int, kinds: Collection[str]) -> list[Plan]:
    """Those of ``count`` seeds, without what this machine can't do; what that is goes to standard error."""
    chosen = [plan(seed, kinds).without(left_out()) for seed in range(first, first + count)]
    for kind, reason in left_out().items():
        print(f"Left out: {kind}: {reason}", file=sys.stderr)
    for form, reason in {one.form: why_not(one) for one in chosen}.items():
        if reason:
            print(f"Left out: runs {form}: {reason}", file=sys.stderr)
    return [one for one in chosen if one.faults and not why_not(one)]


def _kinds(text: str) -> list[str]:
    kinds = [kind.strip() for kind in text.split(",")]
    if unknown := [kind for kind in kinds if kind not in KINDS]:
        raise argparse.ArgumentTypeError(f"{unknown[0]!r} is none of: {', '.join(KINDS)}")
    return kinds


def main(arguments: list[str]) -> int:
    """Run the harness; the exit code is 1 where a promise was broken."""
    parser = argparse.ArgumentParser(prog="script/faults", description="Pull plugs and count what is lost.")
    parser.add_argument("--runs", type=int, default=200, help="how many (200)")
    parser.add_argument(
        "--seed", type=int, default=0, help="the seed of the first (0); the next has one more"
    )
    parser.add_argument(
        "--kinds", type=_kinds, default=KINDS, help="only these, with commas: " + ", ".join(KINDS)
    )
    parser.add_argument("--at-once", type=int, default=2, help="runs at the same time (2)")
    parser.add_argument("--keep", type=Path, default=Path("data/faults"), help="where logs of failed runs go")
    given = parser.parse_args(arguments)
    interrupted = False
    with contextlib.closing(Keeper()) as keeper, tempfile.TemporaryDirectory(prefix="faults-") as room:
        keeper.directory(Path(room))
        runs = Runs(plans(given.seed, given.runs, given.kinds), Path(room), given.keep, keeper)
        try:
            asyncio.run(runs.go(given.at_once))
        except (KeyboardInterrupt, asyncio.CancelledError):
            interrupted = True  # the table says what was done so far
    print(runs.table.text())
    if runs.failed:
        print(f"Failed: seeds {sorted(runs.failed)}; see {given.keep}", file=sys.stderr)
    return 1 if runs.failed else 130 if interrupted else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
