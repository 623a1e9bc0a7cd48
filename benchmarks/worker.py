"""A process of the benchmark: reads questions on standard input, answers on standard output, as JSON lines.

Its loop keeps serving sockets while it waits for the next question.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Callable, Mapping
from typing import Any

import uvloop

from benchmarks import fleet, returning, sink

LONGEST_LINE = 2**26


async def serve(handlers: Mapping[str, Callable[..., Any]]) -> None:
    """Answer one question after the other until standard input ends."""
    reader = asyncio.StreamReader(limit=LONGEST_LINE)
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while line := await reader.readline():
        question = json.loads(line)
        answer = await handlers[question.pop("do")](**question)
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


async def _main(kind: str, *given: str) -> None:
    match kind:
        case "sink":
            await serve(dict(sink.handlers(int(given[0]))))
        case "returning":
            await serve(dict(returning.handlers(int(given[0]), float(given[1]))))
        case "fleet":
            await serve(dict(fleet.handlers()))
        case _:
            sys.exit(f'"{kind}" is no kind of worker; expected sink, returning or fleet')


if __name__ == "__main__":
    uvloop.run(_main(*sys.argv[1:]))
