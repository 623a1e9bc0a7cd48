"""A PostgreSQL server of the harness's own, that it may stop."""

from __future__ import annotations

import glob
import os
import pwd
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

import psycopg

from tests.end_to_end.proxy import free_port


def why_not() -> str:
    """Why no private server can be started here, in words; "" when one can."""
    if _program("initdb") is None or _program("pg_ctl") is None:
        return "initdb and pg_ctl are not installed"
    if os.geteuid() == 0 and _user() is None:
        return "PostgreSQL does not run as root, and there is no user postgres"
    return ""


def _program(name: str) -> str | None:
    places = sorted(glob.glob("/usr/lib/postgresql/*/bin"), reverse=True)
    return shutil.which(name, path=os.pathsep.join([*places, os.environ.get("PATH", "")]))


def _user() -> pwd.struct_passwd | None:
    try:
        return pwd.getpwnam("postgres")
    except KeyError:
        return None


class Postgres:
    """One in a directory of its own under the system's temporary one, where its user can get to it."""

    def __init__(self) -> None:
        self.place = Path(tempfile.mkdtemp(prefix="faults-postgres-"))
        self.port = free_port()
        self.url = f"postgres://postgres@127.0.0.1:{self.port}/postgres"

    def start(self) -> None:
        """Make the cluster and start the server."""
        user = _user()
        if os.geteuid() == 0 and user is not None:
            os.chown(self.place, user.pw_uid, user.pw_gid)
        self._run("initdb", "-A", "trust", "-U", "postgres", "-D", str(self.place / "cluster"))
        self._begin()

    def _begin(self) -> None:
        options = f"-p {self.port} -c listen_addresses=127.0.0.1 -c unix_socket_directories=''"
        log = str(self.place / "log")
        self._run("pg_ctl", "-w", "-D", str(self.place / "cluster"), "-l", log, "-o", options, "start")

    def close(self) -> None:
        """Stop the server and remove everything."""
        try:
            self._end()
        finally:
            shutil.rmtree(self.place, ignore_errors=True)

    def _end(self) -> None:
        self._run("pg_ctl", "-w", "-m", "immediate", "-D", str(self.place / "cluster"), "stop")

    def away(self, seconds: float) -> None:
        """Stop as a power cut would, wait, start."""
        self._end()
        time.sleep(seconds)
        self._begin()

    def ask(self, query: str) -> int:
        """The number that a query returns."""
        with psycopg.connect(self.url) as connection:
            row = connection.execute(query.encode()).fetchone()
        return int(row[0]) if row else 0

    def _run(self, name: str, *arguments: str) -> None:
        program = _program(name)
        assert program is not None  # why_not() was asked
        user = "postgres" if os.geteuid() == 0 else None
        subprocess.run(
            [program, *arguments], check=True, user=user, cwd=self.place,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
