"""The npm package em-ocpp-chargepoint-simulator (OCPP 1.6) as a pytest fixture.

Installed by ``npm ci`` from the lock beside this file, once, into pytest's cache. Use it with
``from tests.external.em_simulator import em_simulator``.
"""

from __future__ import annotations

import asyncio
import fcntl
import hashlib
import json
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).parent
FILES = ("package.json", "package-lock.json", "em_simulator.cjs")
NO_NETWORK = ("ENOTFOUND", "EAI_AGAIN", "ECONNREFUSED", "ENETUNREACH", "ETIMEDOUT")


@dataclass(frozen=True)
class Said:
    """One line of the simulator: an action and the answer it got (or, of a RemoteStop, its payload)."""

    action: str
    answer: Any


@dataclass(frozen=True)
class EmSimulator:
    """The installed simulator; ``folder`` holds its node_modules."""

    folder: Path

    async def run(self, url: str, *, timeout_s: float = 60, **options: Any) -> list[Said]:
        """A whole session at ``url``: boot, statuses, authorise, start, meter values, stop.

        ``options``: ``meterValues``, ``idTag``, ``waitForRemoteStop`` as em_simulator.cjs says.
        Fails the test when the simulator was not answered.
        """
        process = await asyncio.create_subprocess_exec(
            "node",
            "em_simulator.cjs",
            url,
            json.dumps(options),
            cwd=self.folder,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        try:
            output, errors = await asyncio.wait_for(process.communicate(), timeout_s)
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        assert process.returncode == 0, f"the simulator failed: {errors.decode()[-2000:]}"
        return [Said(**json.loads(line)) for line in output.decode().splitlines() if line.startswith("{")]


@pytest.fixture(scope="session")
def em_simulator(request: pytest.FixtureRequest) -> EmSimulator:
    """The simulator, installed. Skips where there is no Node, or no network for the first time."""
    missing = [program for program in ("node", "npm") if shutil.which(program) is None]
    if missing:
        pytest.skip(f"{' and '.join(missing)} not found; install Node to run a charger nobody here wrote")
    cache = request.config.cache
    assert cache is not None
    folder = Path(cache.mkdir(f"em_simulator_{_fingerprint()}"))
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # tests run in several processes, and npm ci wants the folder alone
        if not (folder / "installed").exists():
            _install(folder)
    return EmSimulator(folder)


def _fingerprint() -> str:
    digest = hashlib.sha256()
    for name in FILES:
        digest.update((HERE / name).read_bytes())
    return digest.hexdigest()[:12]


def _install(folder: Path) -> None:
    for name in FILES:
        shutil.copy(HERE / name, folder)
    done = subprocess.run(
        ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    if done.returncode and any(code in done.stderr for code in NO_NETWORK):
        pytest.skip(f"npm ci needs the network once: {done.stderr[-300:]}")
    assert done.returncode == 0, f"npm ci failed: {done.stderr[-2000:]}"
    (folder / "installed").touch()
