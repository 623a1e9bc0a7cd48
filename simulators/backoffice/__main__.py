"""``python -m simulators.backoffice``: a backoffice that listens, and takes commands from its input."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import threading
from contextlib import suppress

from simulators.backoffice import Policy, Rudeness, SimulatedBackoffice
from simulators.backoffice.server import VERSIONS, ChargerView
from simulators.narration import sentence
from simulators.record import NothingCame

KEPT_FRAMES = 1000


def parser() -> argparse.ArgumentParser:
    """The command line."""
    result = argparse.ArgumentParser(
        prog="python -m simulators.backoffice",
        description="A simulated backoffice (CSMS) for any number of chargers of all OCPP versions. "
        "A line on its input is a command to a charger: IDENTITY ACTION JSON. Ctrl-C ends it.",
        epilog='example of a command: CP-1 RemoteStopTransaction {"transactionId": 1}',
    )
    result.add_argument("--name", default="backoffice", help="in what it prints (backoffice)")
    result.add_argument("--host", default="127.0.0.1", help="address to listen on (127.0.0.1)")
    result.add_argument("--port", type=int, default=9101, help="0 for any free one (9101)")
    result.add_argument(
        "--versions", nargs="+", choices=VERSIONS, default=list(VERSIONS), help="of OCPP it accepts (all)"
    )
    result.add_argument("--password", help="demand HTTP Basic with this password")
    result.add_argument("--username", help="and this user name (the charger's identity)")
    result.add_argument("--quiet", action="store_true", help="do not print frames")
    decisions = result.add_argument_group("what it decides")
    decisions.add_argument("--first-transaction-id", type=int, default=1, metavar="N", help="(1)")
    decisions.add_argument("--heartbeat", type=int, default=300, metavar="S", help="interval it gives (300)")
    decisions.add_argument("--registration", choices=["Accepted", "Pending", "Rejected"], default="Accepted")
    decisions.add_argument(
        "--refuse-tag", action="append", default=[], metavar="TAG", help="a card it refuses; may be repeated"
    )
    faults = result.add_argument_group("how it misbehaves")
    faults.add_argument("--delay", type=float, default=0, metavar="S", help="each answer comes so late")
    faults.add_argument("--silent", action="store_true", help="never answer")
    faults.add_argument("--rude", choices=[rudeness.value for rudeness in Rudeness], help="answer wrongly")
    faults.add_argument("--refuse-status", type=int, metavar="N", help="refuse the handshake with HTTP N")
    faults.add_argument("--subprotocol", metavar="NAME", help='choose this one; "" for none')
    return result


def backoffice(arguments: argparse.Namespace) -> SimulatedBackoffice:
    """A backoffice as the command line asks for; not listening yet."""
    result = SimulatedBackoffice(
        arguments.name,
        host=arguments.host,
        port=arguments.port,
        versions=arguments.versions,
        username=arguments.username,
        password=arguments.password,
        policy=Policy(
            heartbeat_interval_s=arguments.heartbeat,
            registration=arguments.registration,
            refused_tags=set(arguments.refuse_tag),
            next_transaction_id=arguments.first_transaction_id,
        ),
    )
    result.behaviour.delay_s = arguments.delay
    result.behaviour.silent = arguments.silent
    result.behaviour.rude = Rudeness(arguments.rude) if arguments.rude else None
    result.behaviour.refuse_status = arguments.refuse_status
    result.behaviour.subprotocol = arguments.subprotocol
    return result


async def command(station: SimulatedBackoffice, line: str) -> str:
    """Carry out ``IDENTITY ACTION JSON``; returns what to print: the answer's text, or what was wrong."""
    identity, _, rest = line.strip().partition(" ")
    action, _, payload = rest.partition(" ")
    try:
        json.loads(payload or "{}")
        return (await station.call(identity, action, payload or "{}")).text
    except (ValueError, KeyError, ConnectionError, NothingCame) as error:
        return f"not done: {error}"


async def run(arguments: argparse.Namespace) -> None:
    """A backoffice as the command line asks for, until cancelled."""
    async with backoffice(arguments) as station:
        print(f"{station.name} listens at {station.url}", flush=True)

        def arrived(view: ChargerView) -> None:
            print(f"{station.name}: {view.identity} is here, OCPP {view.ocpp_version}", flush=True)
            view.record.keep = KEPT_FRAMES
            if not arguments.quiet:
                view.record.listener = lambda entry: print(sentence(view.identity, entry), flush=True)

        station.on_arrival = arrived
        lines = _input()
        while True:
            print(await command(station, await lines.get()), flush=True)


def _input() -> asyncio.Queue[str]:
    """Lines of standard input, whatever it is: a terminal, a pipe, a file or nothing."""
    loop, lines = asyncio.get_running_loop(), asyncio.Queue[str]()

    def read() -> None:
        # Not through sys.stdin: a thread that waits in there breaks the end of the interpreter.
        with suppress(RuntimeError, OSError):  # the loop is closed, or there is no input
            rest = b""
            while data := os.read(0, 4096):
                *whole, rest = (rest + data).split(b"\n")
                for line in whole:
                    loop.call_soon_threadsafe(lines.put_nowait, line.decode(errors="replace"))

    threading.Thread(target=read, daemon=True).start()
    return lines


if __name__ == "__main__":
    with suppress(KeyboardInterrupt):
        asyncio.run(run(parser().parse_args()))
