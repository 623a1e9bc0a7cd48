"""Whether the audit log is complete: what crossed a socket stands in one row, and no row tells of more.

What is rightly not there is little, and excused here by name: what a machine has not finished yet, or had
not when it was killed (``wire.UnderWay``); rows that a killed process had not stored; and of a message that
the charger said again and again while the store was away all repeats but the last, which are counted.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from routing.core import frames, redaction
from routing.core.rows import MessageRow
from routing.explorer.folding import Leg, fold
from tests.routing.core.harness import World
from tests.routing.core.wire import Crossed, UnderWay, under_way

REPEATS = re.compile("said again ([0-9]+) times before it was stored")

Claim = tuple[MessageRow, Crossed]
Heads = dict[tuple[int, str], str]


@contextmanager
def worlds() -> Iterator[None]:
    """Every world that is made in here is looked at in the end."""
    made: list[World] = []
    World.made = made
    try:
        yield
    finally:
        World.made = None
    for world in made:
        check(world)


def check(world: World) -> None:
    """Fail where a frame of this world is missing in its audit log, or told of without having been."""
    rows, pending = world.wire.rows, [*world.wire.killed, under_way(world.machine)]
    heads = {key: text for one in pending for key, text in one.heads.items()} | heads_of(rows)
    told = [(row, claim) for row in rows for claim in told_by(row, heads)]
    claims = _without_unsent(_without_unsent(told, world.wire.gone), rows, all_of_them=True)
    missing, too_much = compare(world.wire.frames, claims)
    untold = [frame for one in pending for frame in one.untold] + _gone(world, heads)
    unsent = [frame for one in pending for frame in one.unsent]
    missing = _without_repeats(_without(missing, untold), world, pending)
    said = [f"not in the log: {one}" for one in missing]
    said += [f"in the log, but never was: {one}" for one in _without(too_much, unsent)]
    if ("quirk", "wrong_answer_id") not in world.database.latest:
        said += [problem for row in rows if (problem := wrong_id(row))]
    said += lost_in_folding(rows)
    assert said == [], "\n".join([*said, "rows:", *map(str, rows)])


def heads_of(rows: Sequence[MessageRow]) -> Heads:
    """The first frame of each exchange: the charger's CALL, or that of the backoffice that has asked."""
    firsts = [row for row in rows if row.text and (row.route is None) == (row.direction == "up")]
    return {(row.exchange, row.direction): row.text for row in reversed(firsts)}


def told_by(row: MessageRow, heads: Heads) -> Iterator[Crossed]:
    """The frames of which a row says that they crossed its socket."""
    asks = (row.direction == "up") == (row.route is not None)  # toward whoever is at this socket
    text = text_of(row, heads)
    if text or row.outcome == "malformed":  # which may be an empty frame
        yield Crossed(row.route, asks and text[:2] not in ("[3", "[4"), text)
    if row.answer:
        yield Crossed(row.route, not asks, row.answer)


def text_of(row: MessageRow, heads: Heads) -> str:
    """The frame of a row, "" where none crossed: what is not written in it is that of the first row."""
    if row.text or not row.message_id or is_unsent(row):
        return row.text
    head = heads.get((row.exchange, row.direction))
    assert head is not None, f"the frame of {row} cannot be told: its exchange has no first row"
    asked = frames.parse(head)
    assert isinstance(asked, (frames.Call, frames.Send)), f"{head} is the first of {row}"
    write = frames.call if isinstance(asked, frames.Call) else frames.send
    return write(row.message_id, row.action, asked.payload)


def is_unsent(row: MessageRow) -> bool:
    """Whether a row says that an answer, of which the first of its exchange tells, was not sent after all."""
    return row.route is None and row.direction == "up" and not row.text and row.outcome == "lost"


def compare(crossed: list[Crossed], claims: list[Claim]) -> tuple[list[Crossed], list[Crossed]]:
    """What crossed and no row tells of; what is told and has not crossed."""
    left, hidden = Counter(crossed), []
    for row, claim in claims:
        if left[claim]:
            left[claim] -= 1
        else:
            hidden.append((row, claim))
    by_socket: dict[tuple[int | None, bool], list[Crossed]] = defaultdict(list)
    for frame in left.elements():
        by_socket[frame.socket, frame.sent].append(frame)
    too_much = []
    for row, claim in hidden:
        candidates = by_socket[claim.socket, claim.sent]
        found = next((f for f in candidates if claim.text in redacted(row, f.text)), None)
        if found is None:
            too_much.append(claim)
        else:
            candidates.remove(found)
    return [frame for some in by_socket.values() for frame in some], too_much


def redacted(row: MessageRow, text: str) -> set[str]:
    """A frame as the log may keep it."""
    frame = frames.parse(text)
    payload = getattr(frame, "payload", "")
    return {
        redaction.loose(frame.text),
        redaction.told(row.action, frame.text),
        redaction.frame(row.action, payload, frame.text),
    }


def wrong_id(row: MessageRow) -> str:
    """What is wrong with the message id of a row, in words; "" for nothing."""
    for text in (row.text, row.answer):
        frame = frames.parse(text) if text else None
        if frame is None or isinstance(frame, frames.Malformed) or frame.message_id in (None, "-1"):
            continue
        if str(frame.message_id)[:64] != row.message_id:
            return f"{row.message_id} is not the id of {text}"
    return ""


def lost_in_folding(rows: Sequence[MessageRow]) -> list[str]:
    """What the explorer does not show of these rows, or shows without a row."""
    heads = heads_of(rows)
    begun = [(row, (row.exchange, row.direction) in heads) for row in rows]
    stored = Counter(_shown(row, text_of(row, heads) if known else row.text) for row, known in begun)
    folded = Counter(_shown(leg, one.frame(leg)) for one in fold(rows) for leg in one.legs)
    said = [f"not in the explorer: {one}" for one in (stored - folded).elements()]
    return said + [f"in the explorer only: {one}" for one in (folded - stored).elements()]


def _shown(one: MessageRow | Leg, text: str) -> tuple[object, ...]:
    return one.route, one.message_id, one.action, one.outcome, one.rule, text, one.answer


def _gone(world: World, heads: Heads) -> list[Crossed]:
    """What was told by rows that a killed process had not stored."""
    gone = world.wire.gone
    known = heads | heads_of(gone)
    return [claim for row in gone for claim in told_by(row, known)]


def _without(found: list[Crossed], excused: list[Crossed]) -> list[Crossed]:
    return list((Counter(found) - Counter(excused)).elements())


def _without_repeats(found: list[Crossed], world: World, pending: Sequence[UnderWay]) -> list[Crossed]:
    """What is left when repeats are left out that a row counts, or that nobody could count any more."""
    lost: list[tuple[frames.Frame, int]] = [(call, times) for one in pending for call, times in one.repeats]
    lost += [(frames.parse(row.text), _counted(row)) for row in world.wire.gone]
    for row in world.wire.rows:
        again = _leave_out(found, frames.parse(row.text), _counted(row))
        assert again == _counted(row), f"{row} counts repeats that there were not"
    for said, times in lost:
        _leave_out(found, said, times)
    return found


def _counted(row: MessageRow) -> int:
    """How many repeats besides its own a row tells of."""
    counted = REPEATS.search(row.rule)
    return int(counted[1]) - 1 if counted else 0


def _leave_out(found: list[Crossed], said: frames.Frame, times: int) -> int:
    """Leave out so many repeats of a CALL; how many there were."""
    same = [one for one in found if _is_again(one, said)][:times] if times else []
    for one in same:
        found.remove(one)
    return len(same)


def _is_again(one: Crossed, said: frames.Frame) -> bool:
    again = frames.parse(one.text)
    if not isinstance(again, frames.Call) or not isinstance(said, frames.Call):
        return False
    return (one.socket, one.sent, again.payload) == (None, False, said.payload)


def _without_unsent(
    claims: list[Claim], rows: Sequence[MessageRow], *, all_of_them: bool = False
) -> list[Claim]:
    """What is left when answers are left out that a later row takes back."""
    unsent = Counter((row.exchange, row.message_id) for row in rows if is_unsent(row))
    kept = []
    for row, claim in claims:
        is_answer = claim.socket is None and claim.sent and row.direction == "up"
        if is_answer and unsent[row.exchange, row.message_id]:
            unsent[row.exchange, row.message_id] -= 1
        else:
            kept.append((row, claim))
    assert not (all_of_them and +unsent), f"rows that take back what no row had said: {+unsent}"
    return kept
