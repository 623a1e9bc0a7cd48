"""A PostgreSQL server and a Redis of the harness's own, that it may stop."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path

import psycopg

from benchmarks.ports import free_port
from tests.faults.keeper import Keeper
from tests.faults.programs import postgres_user, program


class Postgres:
    """One in a directory of its own under the system's temporary one, where its user can get to it.

    ``template`` is a stopped one, whose cluster this one begins with.
    """

    def __init__(self, keeper: Keeper, template: Postgres | None = None) -> None:
        self.place = Path(tempfile.mkdtemp(prefix="faults-postgres-"))
        self.cluster = self.place / "cluster"
        self.port = free_port()
        self.url = f"postgres://postgres@127.0.0.1:{self.port}/postgres"
        self._template = template
        keeper.cluster(self.cluster)
        keeper.directory(self.place)

    def start(self) -> None:
        """Make the cluster and start the server."""
        user = postgres_user()
        if os.geteuid() == 0 and user is not None:
            os.chown(self.place, user.pw_uid, user.pw_gid)
        if self._template is not None:
            self._run("cp", "-a", str(self._template.cluster), str(self.cluster))
        else:
            self._run("initdb", "-A", "trust", "-U", "postgres", "-D", str(self.cluster))
        self._begin()

    def _begin(self) -> None:
        options = f"-p {self.port} -c listen_addresses=127.0.0.1 -c unix_socket_directories=''"
        log = str(self.place / "log")
        self._run("pg_ctl", "-w", "-D", str(self.cluster), "-l", log, "-o", options, "start")

    def stop(self) -> None:
        """Stop in an orderly way; the cluster stays."""
        self._end("fast")

    def close(self) -> None:
        """Stop the server and remove everything."""
        try:
            if (self.cluster / "postmaster.pid").exists():
                self._end("immediate")
        finally:
            shutil.rmtree(self.place, ignore_errors=True)

    def _end(self, how: str) -> None:
        self._run("pg_ctl", "-w", "-m", how, "-D", str(self.cluster), "stop")

    def away(self, seconds: float) -> None:
        """Stop as a power cut would, wait, start."""
        self._end("immediate")
        time.sleep(seconds)
        self._begin()

    def rows(self, query: str) -> list[tuple[object, ...]]:
        """What a query returns."""
        with psycopg.connect(self.url) as connection:
            return list(connection.execute(query.encode()).fetchall())

    def _run(self, name: str, *arguments: str) -> None:
        found = program(name)
        assert found is not None  # programs.no_postgres() was asked
        user = "postgres" if os.geteuid() == 0 else None
        subprocess.run(
            [found, *arguments], check=True, user=user, cwd=self.place,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip


class Redis:
    """One that keeps everything in memory: after a restart it is empty."""

    def __init__(self, keeper: Keeper, room: Path) -> None:
        self.port = free_port()
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self._keeper = keeper
        self._room = room
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        """Start it; it takes connections a moment later, and the proxy dials again until it does."""
        found = program("redis-server")
        assert found is not None  # programs.no_redis() was asked
        self._process = await asyncio.create_subprocess_exec(
            found, "--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no",
            cwd=self._room, stdout=asyncio.subprocess.DEVNULL, start_new_session=True,
        )  # fmt: skip
        self._keeper.process(self._process.pid)

    async def kill(self) -> None:
        """Pull its plug; does nothing where it has none."""
        process, self._process = self._process, None
        if process is not None:
            if process.returncode is None:
                process.send_signal(signal.SIGKILL)
            await process.wait()
            self._keeper.ended(process.pid)
