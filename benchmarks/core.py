"""``python -m benchmarks.core``: CPU time of the pure core per round trip, without sockets or a database.

The least of many repetitions, so that it can be told from one state of the code to the next also on a
busy machine.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterable
from datetime import UTC, datetime
from uuid import uuid4

from benchmarks import frames
from routing.core.decisions import Decision, Memory, Store, ToBackoffice
from routing.core.machine import Machine
from routing.core.snapshot import ChargerSnapshot, Role, RouteSnapshot

FRAMES = 500
TRANSACTION = 77
ANSWERS = {
    '"BootNotification"': '{"status":"Accepted","interval":300,"currentTime":"2026-01-01T00:00:00Z"}',
    '"StartTransaction"': f'{{"transactionId":{TRANSACTION},"idTagInfo":{{"status":"Accepted"}}}}',
}


class World:
    """A charger of OCPP 1.6 in a session, with backoffices and a store that answer at once."""

    def __init__(self, routes: int) -> None:
        self._ids = 0
        self._utc = datetime(2026, 1, 1, tzinfo=UTC)
        roles = [Role.BILLING, *[Role.CONTROL] * (routes - 1)]
        known = tuple(
            RouteSnapshot(key=key, backoffice=f"backoffice {key}", role=role, alias="CP-1")
            for key, role in enumerate(roles, 1)
        )
        snapshot = ChargerSnapshot(key=1, identity="CP-1", routes=known)
        self._machine = Machine(snapshot, Memory(), new_id=self._new_id, new_uuid=uuid4)
        self._carry_out(self._machine.charger_connected("1.6", 0.0, self._utc))
        for route in known:
            self._carry_out(self._machine.link_opened(route.key, 0.0, self._utc))
        self.hear(frames.call(b"1", b"BootNotification", frames.BOOT).decode())
        self.hear(frames.call(b"2", b"StatusNotification", frames.STATUS).decode())
        self.hear(frames.call(b"3", b"StartTransaction", frames.START % (1, 0)).decode())

    def hear(self, text: str) -> None:
        """A frame of the charger, with all that it leads to."""
        self._carry_out(self._machine.charger_frame(text, 0.0, self._utc))

    def _new_id(self) -> str:
        self._ids += 1
        return f"{self._ids:036d}"

    def _carry_out(self, decisions: Iterable[Decision]) -> None:
        for decision in decisions:
            if type(decision) is Store and decision.gate is not None:
                self._carry_out(self._machine.committed(decision.gate, 0.0, self._utc))
            elif type(decision) is ToBackoffice:
                answer = _answer(decision.text)
                self._carry_out(self._machine.link_frame(decision.route, answer, 0.0, self._utc))


def _answer(call: str) -> str:
    message_id, action = call.split('"', 2)[1], call[40:70]
    payload = next((payload for name, payload in ANSWERS.items() if name in action), "{}")
    return f'[3,"{message_id}",{payload}]'


def _call(action: bytes, number: int) -> str:
    payload = frames.METER % (TRANSACTION, number) if action == b"MeterValues" else b"{}"
    return frames.call(b"m%d" % number, action, payload).decode()


def microseconds(action: bytes, routes: int, repetitions: int) -> float:
    """CPU time of one round trip."""
    world, best = World(routes), float("inf")
    for first in range(0, repetitions * FRAMES, FRAMES):
        texts = [_call(action, number) for number in range(first, first + FRAMES)]
        began = time.process_time()
        for text in texts:
            world.hear(text)
        best = min(best, time.process_time() - began)
    return best / FRAMES * 1e6


def main(arguments: list[str]) -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.core", description="Measure the pure core.")
    parser.add_argument("--repetitions", type=int, default=60, help=f"of {FRAMES} frames each (60)")
    given = parser.parse_args(arguments)
    for action, routes in ((b"Heartbeat", 1), (b"MeterValues", 1), (b"MeterValues", 2), (b"MeterValues", 3)):
        least = microseconds(action, routes, given.repetitions)
        print(f"{action.decode()}, backoffices: {routes}: {least:.1f} us")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
