"""``python -m simulators.charger URL``: a charger that lives on its own."""

from __future__ import annotations

import argparse
import asyncio
import logging
from contextlib import suppress

from simulators.charger import Habits, simulated_charger
from simulators.charger.life import Routine, live
from simulators.narration import sentence

KEPT_FRAMES = 1000


def parser() -> argparse.ArgumentParser:
    """The command line."""
    result = argparse.ArgumentParser(
        prog="python -m simulators.charger",
        description="A simulated charger: boots, reports its connectors, charges one car after the other, "
        "and does what its backoffice asks. Ctrl-C ends it.",
        epilog="example: python -m simulators.charger ws://127.0.0.1:9000/ocpp/CP-1 "
        "--version 2.0.1 --time-scale 30",
    )
    result.add_argument("url", help="where to connect; the last segment is the charger's identity")
    result.add_argument("--version", choices=["1.6", "2.0.1", "2.1"], default="1.6", help="of OCPP (1.6)")
    result.add_argument("--password", help="send HTTP Basic with this password")
    result.add_argument("--username", help="user name of HTTP Basic (the identity)")
    result.add_argument("--connectors", type=int, default=1, metavar="N", help="how many (1)")
    result.add_argument(
        "--time-scale", type=float, default=1, metavar="X", help="simulated seconds per second (1)"
    )
    result.add_argument(
        "--session-minutes", type=float, default=60, metavar="M", help="simulated length of a session (60)"
    )
    result.add_argument(
        "--pause-minutes", type=float, default=10, metavar="M", help="simulated time between cars (10)"
    )
    result.add_argument(
        "--tag", action="append", dest="tags", metavar="TAG", help="a card people come with; may be repeated"
    )
    result.add_argument(
        "--call-timeout", type=float, default=30, metavar="S", help="seconds to wait for an answer (30)"
    )
    result.add_argument("--seed", type=int, help="the same seed, the same day")
    result.add_argument("--quiet", action="store_true", help="do not print frames")
    return result


async def run(arguments: argparse.Namespace) -> None:
    """A charger as the command line asks for, until cancelled."""
    charger = simulated_charger(
        arguments.url,
        arguments.version,
        habits=Habits(connectors=arguments.connectors, time_scale=arguments.time_scale),
        username=arguments.username,
        password=arguments.password,
        call_timeout_s=arguments.call_timeout,
    )
    charger.record.keep = KEPT_FRAMES
    if not arguments.quiet:
        charger.record.listener = lambda entry: print(sentence(charger.identity, entry), flush=True)
    routine = Routine(
        session_s=60 * arguments.session_minutes,
        pause_s=60 * arguments.pause_minutes,
        seed=arguments.seed,
        **({"id_tags": tuple(arguments.tags)} if arguments.tags else {}),
    )
    try:
        await live(charger, routine)
    finally:
        await charger.close()


if __name__ == "__main__":
    logging.basicConfig(format="%(asctime)s %(name)s: %(message)s", level=logging.WARNING)
    logging.getLogger("simulators").setLevel(logging.INFO)
    with suppress(KeyboardInterrupt):
        asyncio.run(run(parser().parse_args()))
