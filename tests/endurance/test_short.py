"""The short form of ``script/endurance``: a few minutes of a charger's day, and what ends a run early."""

from __future__ import annotations

import asyncio
import json
import signal
import sqlite3
import sys
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from tests.end_to_end.proxy import ROOT
from tests.endurance.samples import left
from tests.endurance.stage import Stage

pytestmark = pytest.mark.skipif(
    not Path("/proc/self/statm").exists(), reason="what a process holds is read from /proc"
)

HOURS = 0.12
SEED = 51
"""With it each backoffice asks for something within two minutes after it was connected to."""
PATIENCE_S = 60


async def test_a_short_day_leaves_nothing(tmp_path: Path) -> None:
    stage = Stage(tmp_path, hours=HOURS, speed=100, seed=SEED, version="1.6", trace=False)
    await stage.run()
    assert left(stage.samples) == [], stage.proxy.log
    assert [sample.links for sample in stage.samples][1:-1].count(len(stage.backoffices)) > 0
    assert all(one.counts["heard"] for one in stage.backoffices.values())
    assert sum(one.counts["asked"] for one in stage.backoffices.values()) > 0
    with closing(sqlite3.connect(stage.proxy.data / "db.sqlite3")) as database:
        first, last = database.execute("SELECT min(at), max(at) FROM routing_message").fetchone()
    passed = datetime.fromisoformat(last) - datetime.fromisoformat(first)
    assert passed > timedelta(hours=HOURS / 2)  # of the sessions' own time: it took seconds


async def test_a_run_that_is_ended_says_what_it_has_seen(tmp_path: Path) -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.endurance", "--keep", str(tmp_path),
        cwd=ROOT, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert process.stdout is not None  # both are pipes
    assert process.stderr is not None
    async with asyncio.timeout(PATIENCE_S):
        assert (await process.stderr.readline()).startswith(b"hour 0.0")
        assert len(json.loads((tmp_path / "0" / "samples.json").read_text())) == 1
        process.send_signal(signal.SIGTERM)
        said, problems = await process.communicate()
    assert process.returncode == 1
    assert b"| before |" in said
    assert b"FAILED: it was ended before its time" in problems
