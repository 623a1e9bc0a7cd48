"""A backoffice that prints what it understands, one line a message, for tests that freeze it."""

from __future__ import annotations

import asyncio
from typing import Any

from simulators.backoffice import SimulatedBackoffice
from simulators.record import Entry


class Printing(SimulatedBackoffice):
    """Prints each transaction message as it is answered: the action, and the meter or ``stop``."""

    def _proper_answer(self, view: Any, call: Entry) -> str:
        answer = super()._proper_answer(view, call)
        values = call.payload.get("meterValue")
        mark = values[0]["sampledValue"][0]["value"] if values else "stop"
        print(call.action, mark, flush=True)
        return answer


async def main() -> None:
    """Listen on any port, say which, and live until killed."""
    async with Printing("recorder") as backoffice:
        print("port", backoffice.port, flush=True)
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
