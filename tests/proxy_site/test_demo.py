"""The demo: what it configures, what it says, and that it ends."""

from __future__ import annotations

import asyncio
import re
import signal
import socket
import sys

import pytest
import yaml

from benchmarks.ports import free_port
from proxy_site.configuration.reading import read
from proxy_site.demo import MANAGE, DemoError, Options, ProxyProcess, Story

PIPE, MERGED = asyncio.subprocess.PIPE, asyncio.subprocess.STDOUT


async def said(process: asyncio.subprocess.Process, *wanted: str) -> str:
    """The output up to the line that holds the last of these words, which must come in this order."""
    assert process.stdout is not None
    heard = ""
    async with asyncio.timeout(60):
        for words in wanted:
            line = ""
            while words not in line:
                line = (await process.stdout.readline()).decode()
                assert line, f"the demo ended without saying {words!r}; it said:\n{heard}"
                heard += line
    return heard


async def test_says_what_happens_and_ends():
    port = free_port()
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, MANAGE, "demo", "--host", "127.0.0.1", "--port", str(port), "--time-scale", "600"),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=PIPE,
        stderr=MERGED,
    )
    try:
        introduction = await said(process, "Ctrl-C stops it")
        assert f"http://127.0.0.1:{port}/admin/   user admin, password " in introduction
        heard = await said(
            process, "as transaction 100", "Accepted; the car draws ", "Rejected by the proxy", "complete: "
        )
        assert "as transaction 70000" in heard
        limit_kw, drawn_kw = re.findall(r" to ([\d.]+) kW: Accepted; the car draws ([\d.]+) kW", heard)[0]
        assert 0 < float(drawn_kw) <= float(limit_kw)
        process.send_signal(signal.SIGINT)
        rest = (await process.stdout.read()).decode()  # type: ignore[union-attr]  # it was asked for
        assert await process.wait() == 0, rest
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", port)) != 0, "the proxy still runs"


async def test_a_port_in_use_is_said(tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(DemoError, match=f"127.0.0.1:{port} can't be used .*; try --port {port + 1}"):
            await ProxyProcess(Options("127.0.0.1", port), tmp_path, "x").start()


async def test_its_configuration_is_one_that_apply_takes():
    story = Story(Options(), print)
    async with story.billing, story.energy:
        document, wanted = read("demo.yaml", yaml.safe_dump(story.configuration()))
    assert not document.faults
    assert list(wanted.chargers) == ["DEMO-1"]
