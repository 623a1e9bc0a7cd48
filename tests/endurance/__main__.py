"""``python -m tests.endurance``: a day of one charger, and what it leaves behind. See docs/reliability.md."""

from __future__ import annotations

import argparse
import asyncio
import json
import signal
import sys
import tempfile
import traceback
from dataclasses import asdict
from pathlib import Path

from tests.endurance.samples import Sample, problems, table
from tests.endurance.stage import Stage


def _say(sample: Sample) -> None:
    print(
        f"hour {sample.hour:.1f}: {sample.rss / 2**20:.1f} MiB, {sample.held} held, "
        f"{sum(sample.tasks.values())} tasks, {sample.rows.get('deliveries')} deliveries",
        file=sys.stderr,
        flush=True,
    )


async def until_told(stage: Stage) -> None:
    """Live through it, or until SIGINT or SIGTERM, also where the shell has the background ignore SIGINT."""
    this = asyncio.current_task()
    assert this is not None  # it runs
    for signum in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(signum, this.cancel)
    await stage.run()


def keep(place: Path, stage: Stage) -> None:
    """Write down all that is known of a run."""
    place.mkdir(parents=True, exist_ok=True)
    (place / "proxy.log").write_text(stage.proxy.log)
    (place / "samples.json").write_text(json.dumps([asdict(one) for one in stage.samples], indent=1))


def summary(stage: Stage) -> str:
    """What happened, in a few lines."""
    faults = ", ".join(f"{kind} {count}" for kind, count in sorted(stage.done.items()))
    talk = ", ".join(
        f"{name} heard {one.counts['heard']:,} CALLs and asked {one.counts['asked']:,}"
        for name, one in stage.backoffices.items()
    )
    return f"{stage.done.total()} faults: {faults}\n{talk}"


def main(arguments: list[str]) -> int:
    """Run it; the exit code is 1 where memory has grown or anything is left."""
    parser = argparse.ArgumentParser(
        prog="script/endurance", description="A charger's day, and what it leaves."
    )
    parser.add_argument("--hours", type=float, default=24, help="simulated (24)")
    parser.add_argument("--speed", type=float, default=100, help="simulated seconds per second (100)")
    parser.add_argument("--seed", type=int, default=0, help="the same seed, the same faults (0)")
    parser.add_argument("--version", choices=["1.6", "2.0.1"], default="1.6", help="of OCPP (1.6)")
    parser.add_argument("--trace", action="store_true", help="note who allocates; slow, and it costs memory")
    parser.add_argument("--keep", type=Path, default=Path("data/endurance"), help="where log and samples go")
    given = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="endurance-") as room:
        stage = Stage(
            Path(room), hours=given.hours, speed=given.speed, seed=given.seed,
            version=given.version, trace=given.trace,
        )  # fmt: skip
        place = given.keep / str(given.seed)

        def told(sample: Sample) -> None:
            keep(place, stage)
            _say(sample)

        stage.told = told
        try:
            asyncio.run(until_told(stage))
            found = problems(stage.samples)
        except asyncio.CancelledError:
            found = ["it was ended before its time"]
        except Exception:  # noqa: BLE001 -- what is known so far is kept, and the run has failed
            found = [traceback.format_exc()]
        finally:
            keep(place, stage)
    if stage.samples:
        print(table(stage.samples))
    print(summary(stage))
    for problem in found:
        print(f"FAILED: {problem}", file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
