"""What is measured: the proxy, nginx as a bare WebSocket proxy, and nothing at all in between."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks import machine
from benchmarks.ports import free_port

ROOT = Path(__file__).resolve().parents[1]
START_S = 60.0
QUIET_S, QUIET_SHARE = 0.2, 0.1
"""A subject has come to rest when it has used so little of a core for so long."""


class SubjectFailed(Exception):
    """A subject could not be started or configured; the message holds what it printed."""


class Subject:
    """Something that chargers connect to at ``port``, with their identity after ``path``."""

    path = "/"

    def __init__(self, port: int, log: Path | None = None) -> None:
        self.port = port
        self._log = log
        self._process: asyncio.subprocess.Process | None = None

    @property
    def pid(self) -> int | None:
        """Its process, None where there is none."""
        return self._process.pid if self._process is not None else None

    def cpu_s(self) -> float:
        """CPU seconds used so far."""
        return machine.cpu_s(self.pid) if self.pid is not None else 0.0

    def rss_kib(self) -> int:
        """Resident memory now."""
        return machine.rss_kib(self.pid) if self.pid is not None else 0

    def last_words(self) -> str:
        """The end of its log."""
        text = self._log.read_text(errors="replace") if self._log is not None else ""
        return "\n".join(text.splitlines()[-20:])

    async def rest(self, longest_s: float = 20.0) -> None:
        """Wait until it has done what it still had to do."""
        deadline = asyncio.get_running_loop().time() + longest_s
        before = self.cpu_s()
        while asyncio.get_running_loop().time() < deadline:
            await asyncio.sleep(QUIET_S)
            now = self.cpu_s()
            if now - before <= QUIET_S * QUIET_SHARE:
                return
            before = now

    async def _listening(self, process: asyncio.subprocess.Process) -> None:
        async with asyncio.timeout(START_S):
            while process.returncode is None:
                try:
                    _, writer = await asyncio.open_connection("127.0.0.1", self.port)
                except OSError:
                    await asyncio.sleep(0.05)  # nothing tells when a program of others listens
                else:
                    writer.close()
                    return
        raise SubjectFailed(f"it ended at its start:\n{self.last_words()}")

    async def stop(self) -> None:
        """End its process."""
        process, self._process = self._process, None
        if process is not None and process.returncode is None:
            process.send_signal(signal.SIGTERM)
            async with asyncio.timeout(START_S):
                await process.wait()


class Nginx(Subject):
    """nginx with one worker before one backoffice; its files are in ``folder``."""

    def __init__(self, folder: Path, backoffice_port: int) -> None:
        super().__init__(free_port(), folder / "error.log")
        self._folder = folder
        self._backoffice_port = backoffice_port

    @staticmethod
    def command() -> str | None:
        """The program, None where it is not installed."""
        return shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")

    async def start(self) -> None:
        """Start it. Raises SubjectFailed."""
        command = self.command()
        assert command is not None
        self._folder.mkdir()
        settings = self._folder / "nginx.conf"
        settings.write_text(self._settings())
        self._process = await asyncio.create_subprocess_exec(
            command, "-p", str(self._folder), "-c", str(settings), "-e", str(self._log)
        )
        await self._listening(self._process)

    def _settings(self) -> str:
        temporary = "\n".join(
            f"    {kind}_temp_path {self._folder}/{kind};"
            for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        )
        return f"""\
daemon off;
worker_processes 1;
worker_rlimit_nofile 20000;
pid {self._folder}/nginx.pid;
error_log {self._folder}/error.log error;
events {{ worker_connections 16384; }}
http {{
    access_log off;
{temporary}
    server {{
        listen 127.0.0.1:{self.port} backlog=4096;
        location / {{
            proxy_pass http://127.0.0.1:{self._backoffice_port};
            proxy_http_version 1.1;
            proxy_set_header Upgrade $http_upgrade;
            proxy_set_header Connection "upgrade";
            proxy_read_timeout 1h;
            proxy_send_timeout 1h;
        }}
    }}
}}
"""


class Proxy(Subject):
    """``manage.py runproxy`` as ``script/server`` runs it, with a data directory of its own.

    ``folder`` is that directory; ``without``: a part that is left out (``benchmarks.without``).
    """

    path = "/ocpp/"

    def __init__(self, folder: Path, database_url: str = "", *, without: str = "") -> None:
        super().__init__(free_port(), folder / "proxy.log")
        self._program = ("-m", "benchmarks.without", without) if without else ("manage.py",)
        self.folder = folder
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("PROXY_", "DATABASE_", "REDIS_"))}
        kept.pop("DJANGO_SETTINGS_MODULE", None)
        self._environment = kept | {
            "PROXY_DATA_DIR": str(folder),
            "PROXY_ADMIN_PASSWORD": "a password for the benchmark",
            "PROXY_ALLOW_PRIVATE_UPSTREAMS": "true",
            "ALLOWED_HOSTS": "127.0.0.1",
            "DATABASE_URL": database_url,
            "REDIS_URL": "",
        }

    async def start(self) -> None:
        """Start it and wait until it listens. Raises SubjectFailed."""
        self.folder.mkdir(exist_ok=True)
        with (self.folder / "proxy.log").open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable, *self._program, "runproxy", "--host", "127.0.0.1", "--port", str(self.port),
                cwd=ROOT, env=self._environment, stdout=log, stderr=log,
            )  # fmt: skip
        await self._listening(self._process)

    async def apply(
        self, backoffices: Mapping[str, int], chargers: Mapping[str, Sequence[str]], *, catch_up: int = 20
    ) -> None:
        """Configure backoffices (name to port) and chargers (identity to the backoffices it is on).

        The first of a charger is its billing, the others have the role control. ``catch_up``: how many
        messages that have waited a backoffice is sent at once. Raises SubjectFailed.
        """
        configuration: dict[str, Any] = {
            "backoffices": [
                {"name": name, "url": f"ws://127.0.0.1:{port}/{{identity}}", "catch_up": catch_up}
                for name, port in backoffices.items()
            ],
            "chargers": [
                {
                    "identity": identity,
                    "routes": [
                        {"backoffice": name, "role": "control" if number else "billing"}
                        for number, name in enumerate(names)
                    ],
                }
                for identity, names in chargers.items()
            ],
        }
        process = await asyncio.create_subprocess_exec(
            sys.executable, "manage.py", "apply", "-",
            cwd=ROOT, env=self._environment,
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
        )  # fmt: skip
        printed, _ = await process.communicate(json.dumps(configuration).encode())
        if process.returncode:
            raise SubjectFailed(f"apply refused the configuration:\n{printed.decode(errors='replace')}")


class Direct(Subject):
    """The backoffice itself: what chargers and backoffices take by themselves."""
