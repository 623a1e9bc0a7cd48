"""``manage.py runproxy`` as a user runs it: a first start, a second beside it, a stop, a start again."""

import asyncio
import contextlib
import os
import re
import signal
import sys
import urllib.request
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

PATIENCE_S = 60


@contextlib.asynccontextmanager
async def runproxy(data: Path, *arguments: str) -> AsyncIterator[asyncio.subprocess.Process]:
    environment = {
        **os.environ,
        "PROXY_DATA_DIR": str(data),
        "DATABASE_URL": "",
        "REDIS_URL": "",
        "PROXY_ADMIN_PASSWORD": "",
        "PYTHONWARNINGS": "",
    }
    for name in ("SECRET_KEY", "FIELD_ENCRYPTION_KEYS", "PROXY_CREDENTIAL_PEPPERS"):
        environment[name] = ""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "manage.py",
        "runproxy",
        "--host",
        "127.0.0.1",
        "--port",
        "0",
        *arguments,
        cwd=settings.BASE_DIR,
        env=environment,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def until_ready(process: asyncio.subprocess.Process) -> str:
    """What it has printed when it is ready."""
    assert process.stdout
    printed = await asyncio.wait_for(process.stdout.readuntil(b"Ctrl-C stops it.\n"), PATIENCE_S)
    return printed.decode()


async def get(url: str) -> tuple[int, str]:
    def fetch() -> tuple[int, str]:
        with urllib.request.urlopen(url, timeout=PATIENCE_S) as response:
            return response.status, response.read().decode()

    return await asyncio.to_thread(fetch)


async def stop(process: asyncio.subprocess.Process) -> tuple[int | None, str]:
    process.send_signal(signal.SIGINT)
    rest, _ = await asyncio.wait_for(process.communicate(), PATIENCE_S)
    return process.returncode, rest.decode()


def no_complaint(printed: str) -> bool:
    return "ERROR" not in printed and "Traceback" not in printed


async def test_a_first_start_serves_and_a_second_one_knows_it(tmp_path):
    data = tmp_path / "data"
    async with runproxy(data) as process:
        printed = await until_ready(process)
        base = re.search(r"Admin +(http://127\.0\.0\.1:\d+)/admin/ +user admin, password \S{16} ", printed)
        assert base, printed
        assert re.search(r"Chargers +ws://127\.0\.0\.1:\d+/ocpp/<identity>", printed)
        assert f"Data      {data}" in printed
        assert "back this up" in printed

        assert await get(f"{base[1]}/livez") == (200, "ok\n")
        assert await get(f"{base[1]}/readyz") == (200, "ok\n")
        status, figures = await get(f"{base[1]}/metrics")
        assert status == 200
        assert {"ocpp_sessions 0.0", "ocpp_database_up 1.0"} < set(figures.splitlines())
        status, page = await get(f"{base[1]}/")
        assert status == 200
        assert "csrfmiddlewaretoken" in page
        charger_url = base[1].replace("http", "ws") + "/ocpp/nobody-knows-me"
        with pytest.raises(InvalidStatus) as refused:
            await connect(charger_url, subprotocols=["ocpp1.6"])  # type: ignore[list-item]  # a NewType of str
        assert refused.value.response.status_code == 404

        async with runproxy(data) as second:
            output, _ = await asyncio.wait_for(second.communicate(), PATIENCE_S)
        assert second.returncode == 1
        assert f"another proxy (process {process.pid}) uses {data}" in output.decode()

        code, printed = await stop(process)
        assert code == 0
        assert no_complaint(printed), printed

    async with runproxy(data) as process:
        printed = await until_ready(process)
        assert "password" not in printed
        assert "back this up" not in printed
        code, printed = await stop(process)
        assert code == 0
        assert no_complaint(printed), printed


@pytest.mark.parametrize("role", ["web", "links"])
def test_roles_between_processes_are_refused_plainly(role):
    with pytest.raises(CommandError, match=f"--role {role} needs a Bus between processes"):
        call_command("runproxy", "--role", role)
