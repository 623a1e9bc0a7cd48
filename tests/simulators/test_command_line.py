"""The simulators as programs."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from simulators.backoffice import Rudeness, SimulatedBackoffice
from simulators.backoffice.__main__ import backoffice as backoffice_of
from simulators.backoffice.__main__ import command
from simulators.backoffice.__main__ import parser as backoffice_parser
from simulators.charger import simulated_charger
from tests.simulators.conftest import IDENTITY

PIPE = asyncio.subprocess.PIPE


@asynccontextmanager
async def program(*arguments: str) -> AsyncIterator[asyncio.subprocess.Process]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", *arguments, stdin=PIPE, stdout=PIPE, stderr=PIPE
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def line_with(process: asyncio.subprocess.Process, words: str) -> str:
    """The next line of output that holds these words. Fails when the program ends before."""
    assert process.stdout is not None
    async with asyncio.timeout(20):
        while line := (await process.stdout.readline()).decode():
            if words in line:
                return line
    raise AssertionError(f"the program ended without saying {words!r}")


async def test_both_run_and_take_commands():
    async with program("simulators.backoffice", "--port", "0", "--name", "bo") as backoffice:
        url = (await line_with(backoffice, "listens at")).split()[-1].replace("{identity}", IDENTITY)
        async with program(
            "simulators.charger", url, "--time-scale", "600", "--session-minutes", "3", "--pause-minutes", "1"
        ) as charger:
            await line_with(backoffice, "is here, OCPP 1.6")
            assert backoffice.stdin is not None
            backoffice.stdin.write(f"{IDENTITY} ClearCache {{}}\n".encode())
            assert '{"status":"Accepted"}' in await line_with(backoffice, "[3,")
            await line_with(charger, "> StopTransaction")


@pytest.mark.parametrize("name", ["simulators.charger", "simulators.backoffice"])
async def test_help_shows_an_example(name):
    async with program(name, "--help") as process:
        await line_with(process, "example")


async def test_options_become_the_backoffice():
    line = "--name x --first-transaction-id 5 --refuse-tag A --registration Pending --rude garbage --delay 2"
    made = backoffice_of(backoffice_parser().parse_args(line.split()))
    assert made.name == "x"
    assert (made.policy.next_transaction_id, made.policy.registration) == (5, "Pending")
    assert made.policy.verdict("A") == "Invalid"
    assert (made.behaviour.rude, made.behaviour.delay_s) == (Rudeness.GARBAGE, 2)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (f'{IDENTITY} GetConfiguration {{"key": ["Colour"]}}', '"unknownKey":["Colour"]'),
        (f"{IDENTITY} GetConfiguration {{", "not done: Expecting"),
        ("CP-9 ClearCache", "CP-9 was never connected"),
    ],
    ids=["done", "not JSON", "nobody"],
)
async def test_commands(line, said):
    async with SimulatedBackoffice() as station, simulated_charger(station.url_of(IDENTITY)) as charger:
        await charger.boot()
        assert said in await command(station, line)
