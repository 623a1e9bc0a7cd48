"""How many things an object holds, by where it holds them: for tests about what grows."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet
from datetime import datetime, timedelta
from enum import Enum
from functools import partial
from types import FunctionType, MethodType
from typing import Any
from uuid import UUID

LEAVES = (str, bytes, int, float, bool, complex, type(None), type, Enum, datetime, timedelta, UUID)
SERIES = (list, tuple, deque, AbstractSet)


def sizes(root: object) -> Counter[str]:
    """Elements in all containers below ``root``, by path: ``State.lines[].fifo`` is those of all lines.

    Each object counts once, where it is met first. Closures and partial functions are looked into, so that
    what only a callback holds is counted too.
    """
    found: Counter[str] = Counter()
    for path, thing in below(root):
        if isinstance(thing, (Mapping, *SERIES)):
            found[path] += len(thing)
    return found


def below(root: object) -> Iterator[tuple[str, object]]:
    """``root`` and all that it holds, each once, with the path where it is met first."""
    seen = {id(root)}
    waiting: deque[tuple[str, object]] = deque([(type(root).__name__, root)])
    while waiting:
        path, thing = waiting.popleft()
        yield path, thing
        for name, held in _held(thing):
            if id(held) not in seen and not isinstance(held, LEAVES):
                seen.add(id(held))
                waiting.append((path + name, held))


def _held(thing: object) -> Iterator[tuple[str, Any]]:
    if isinstance(thing, Mapping):
        for key, value in thing.items():
            yield "{}", key
            yield "[]", value
    elif isinstance(thing, SERIES):
        yield from (("[]", one) for one in thing)
    elif isinstance(thing, FunctionType):
        yield from (("()", cell.cell_contents) for cell in thing.__closure__ or () if _is_filled(cell))
    elif isinstance(thing, MethodType):
        yield "()", thing.__self__
    elif isinstance(thing, partial):
        yield from (("()", one) for one in (thing.func, *thing.args, *thing.keywords.values()))
    else:
        yield from _attributes(thing)


def _attributes(thing: object) -> Iterator[tuple[str, Any]]:
    names = {name for kind in type(thing).__mro__ for name in _slots(kind)}
    for name in sorted(names | set(getattr(thing, "__dict__", ()))):
        if hasattr(thing, name):
            yield f".{name}", getattr(thing, name)


def _slots(kind: type) -> tuple[str, ...]:
    slots = kind.__dict__.get("__slots__") or kind.__dict__.get("__struct_fields__") or ()
    if isinstance(slots, str):
        return (slots,)
    return tuple(n for n in slots if n != "__weakref__") if isinstance(slots, (tuple, list)) else ()


def _is_filled(cell: Any) -> bool:
    try:
        cell.cell_contents  # noqa: B018 -- an empty cell raises
    except ValueError:
        return False
    return True
