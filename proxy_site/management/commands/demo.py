"""``manage.py demo``: the proxy with one simulated charger and two simulated backoffices."""

from __future__ import annotations

import asyncio
import logging
import signal
from argparse import ArgumentParser
from datetime import datetime
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from proxy_site.demo import DemoError, Options, run


class Command(BaseCommand):
    help = "Run the proxy with a simulated charger on two simulated backoffices, and say what happens."
    requires_system_checks = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--host", default="0.0.0.0", help="address to listen on (default: all)")
        parser.add_argument("--port", type=int, default=9000)
        parser.add_argument("--ocpp", choices=["1.6", "2.0.1", "2.1"], default="1.6", help="of the charger")
        parser.add_argument("--time-scale", type=float, default=30, help="simulated seconds per second (30)")

    def handle(self, *, host: str, port: int, ocpp: str, time_scale: float, **options: Any) -> None:
        try:
            asyncio.run(self._demo(Options(host, port, ocpp, time_scale)))
        except DemoError as error:
            raise CommandError(str(error)) from error

    async def _demo(self, options: Options) -> None:
        for name in ("ocpp", "simulators", "websockets"):
            logging.getLogger(name).setLevel(logging.WARNING)  # the commentary tells what matters
        stopped = asyncio.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, stopped.set)
        await run(options, self._say, stopped)

    def _say(self, sentence: str) -> None:
        stamp = "" if sentence.startswith("\n") else f"{datetime.now().astimezone():%H:%M:%S} "
        self.stdout.write(f"{stamp}{sentence}")
        self.stdout.flush()
