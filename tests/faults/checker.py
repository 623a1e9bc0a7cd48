"""Reads what a run has left behind: was anything lost, out of order, doubled or answered late?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum

from tests.faults.records import MARKED, ChargerRecord, Got, RunRecord, Said, Span, Try, content, mark_of

DEADLINE_S = 10.0
"""A charger gives up after 10 to 30 s (ocpp-semantics 1.8)."""

AFTERWARDS_S = 6.0
"""After a trouble the writer's next try may be 5 s away (routing.writer.RETRY_S)."""

AWAKE_S = 1.0
"""Who was frozen reads what had come meanwhile when it wakes."""

KILLED = ("proxy killed", "one of two killed")
STOPPED = ("proxy stopped", "one of two stopped")
FROZEN = ("proxy frozen", "one of two frozen")
STORES = ("database locked", "disk full", "PostgreSQL stopped")
NETWORK = ("charger half open",)
SILENT = ("backoffice killed", "backoffice frozen", "backoffice half open")
"""What keeps the answers of one backoffice away."""


@dataclass
class Findings:
    """``problems`` in words; the numbers are those of the table."""

    messages: int = 0
    lost: int = 0
    out_of_order: int = 0
    doubled_killed: int = 0
    doubled_unanswered: int = 0
    doubled: int = 0
    late: int = 0
    other: int = 0
    problems: list[str] = field(default_factory=list)

    @property
    def flawless(self) -> bool:
        """Whether every promise was kept."""
        return not self.problems


def check(run: RunRecord) -> Findings:
    """All that is wrong with a run."""
    found = Findings()
    for charger in run.chargers:
        found.messages += len(charger.numbered)
        _answers(run, charger, found)
        for name in run.bands:
            _delivered(run, charger, name, found)
        _numbering(run, charger, found)
    if run.dead:
        found.other += run.dead
        found.problems.append(f"{run.dead} deliveries were given up")
    found.other += len(run.unclean)
    found.problems += run.unclean
    return found


def _numbering(run: RunRecord, charger: ChargerRecord, found: Findings) -> None:
    """The proxy's own numbers follow the charger's order, whatever its clock shows."""
    first = list(dict.fromkeys(run.order.get(charger.identity, [])))
    if first != sorted(first):
        found.other += 1
        found.problems.append(f"{charger.identity}: the proxy's numbers stand in the order {first}")


# --- toward the charger ------------------------------------------------------------------------


def _answers(run: RunRecord, charger: ChargerRecord, found: Findings) -> None:
    sent = {(tried.connection, tried.message_id) for said in charger.said for tried in said.tries}
    for key, count in charger.answers.items():
        if key not in sent or count > 1:
            found.other += 1
            found.problems.append(
                f"{charger.identity}: {key} was answered {count} times, sent: {key in sent}"
            )
    for words in charger.wrong:
        found.other += 1
        found.problems.append(f"{charger.identity} was answered wrongly: {words}")
    for said in charger.said:
        if not said.tries or said.tries[-1].answered_at is None:
            found.late += 1
            found.problems.append(f"{charger.identity}: {said.action} {said.mark} was never answered")
        waited = sum(_waited(tried, run.done) for tried in said.tries)
        if waited > DEADLINE_S:
            found.late += 1
            found.problems.append(f"{charger.identity}: {said.action} {said.mark} waited {waited:.1f} s")


def _waited(tried: Try, done: list[Span]) -> float:
    """Seconds a CALL has waited while somebody could have answered it."""
    end = tried.ended_at if tried.ended_at is not None else tried.sent_at
    waited, at = 0.0, tried.sent_at
    for span in sorted(_excuses(done, tried.process), key=lambda span: span.begin):
        if span.end <= at or span.begin >= end:
            continue
        waited += max(0.0, span.begin - at)
        at = span.end
    return waited + max(0.0, end - at)


def _excuses(done: list[Span], process: str) -> list[Span]:
    """When nobody could answer on a connection to this process."""
    stores = [Span(s.kind, s.begin, s.end + AFTERWARDS_S) for s in done if s.kind in STORES]
    network = [s for s in done if s.kind in NETWORK]
    ended = [s for s in done if s.kind in (*KILLED, *STOPPED, *FROZEN) and s.target == process]
    return stores + network + ended


# --- toward the backoffices --------------------------------------------------------------------


def _delivered(run: RunRecord, charger: ChargerRecord, name: str, found: Findings) -> None:
    """What one backoffice got of one charger."""
    got = [one for one in run.got[name] if one.identity == charger.identity and one.action in MARKED]
    said = {one.mark: one for one in charger.numbered}
    place = f"{name} of {charger.identity}"
    seen: dict[int, Got] = {}
    first: dict[int, float] = {}
    for one in got:
        if one.mark not in said:
            found.other += 1
            found.problems.append(f"{place}: {one.action} {one.mark} was never said: {one.payload}")
            continue
        _same(said[one.mark], one, place, found)
        if one.mark in seen:
            reason = _reason(run, name, first, seen[one.mark], one)
            _doubled(reason, seen[one.mark], one, place, found)
        elif one.mark < max(seen, default=0):
            found.out_of_order += 1
            found.problems.append(f"{place}: {one.action} {one.mark} came after {max(seen)}")
        seen[one.mark] = one
        first.setdefault(one.mark, one.at)
    for mark in said.keys() - seen.keys():
        found.lost += 1
        found.problems.append(f"{place}: {said[mark].action} {mark} was lost")
    if charger.version == "1.6":
        _numbers(run.bands[name], said, got, place, found)


def _same(said: Said, got: Got, place: str, found: Findings) -> None:
    if content(said.payload) != content(got.payload):
        found.other += 1
        found.problems.append(f"{place}: {got.action} {got.mark} is not what was said: {got.payload}")


class Reason(StrEnum):
    """Why a message came again."""

    KILLED = "the proxy, or the database that it could not wait for, was killed in between"
    UNANSWERED = "its answer had not arrived"
    NONE = "no reason is known"


def _reason(run: RunRecord, name: str, first: dict[int, float], before: Got, again: Got) -> Reason:
    """What allows ``again``; ``first`` is when each message that has come did so first."""
    if any(first[again.mark] <= end and begin <= again.at for begin, end in _kills(run)):
        return Reason.KILLED
    # What was not answered comes again at once, before anything newer (ocpp-semantics 2.5).
    newer = [at for mark, at in first.items() if mark > again.mark]
    spans = [span for span in run.done if span.begin <= again.at and before.at <= span.end + AWAKE_S]
    if any(_is_silent(span, name) and (not newer or _sent_awake(span, newer)) for span in spans):
        return Reason.UNANSWERED
    return Reason.UNANSWERED if before.fate != "good" and not newer else Reason.NONE


def _is_silent(span: Span, name: str) -> bool:
    """Whether this keeps answers of that backoffice away."""
    return span.kind in FROZEN or (span.kind in SILENT and span.target == name)


def _sent_awake(span: Span, times: list[float]) -> bool:
    """Whether what came at these times is of one of two that was frozen, and is awake.

    Until the other one has taken its chargers by force it has them, and goes on (decision 19).
    """
    return span.kind == "one of two frozen" and all(span.end <= at <= span.end + AWAKE_S for at in times)


def _kills(run: RunRecord) -> Iterator[tuple[float, float]]:
    """When something was killed, from when to when.

    A database that was killed counts too where nobody could store later what a process had sent: not the
    other one of two, until its writer has tried again, and not one that was stopped meanwhile.
    """
    stops = [span for span in run.done if span.kind in STOPPED]
    for span in run.done:
        if span.kind in KILLED:
            yield span.begin, span.end
        elif span.kind == "PostgreSQL stopped":
            end = span.end + AFTERWARDS_S
            if run.processes > 1 or any(s.begin <= end and span.begin <= s.end for s in stops):
                yield span.begin, end


def _doubled(reason: Reason, before: Got, again: Got, place: str, found: Findings) -> None:
    if reason is Reason.KILLED:
        found.doubled_killed += 1
    elif reason is Reason.UNANSWERED:
        found.doubled_unanswered += 1
    else:
        found.doubled += 1
        found.problems.append(f"{place}: {again.action} {again.mark} came again, {before.fate} before")


def _numbers(band: int, said: dict[int, Said], got: list[Got], place: str, found: Findings) -> None:
    """Each message of a session has a number that this backoffice has given to that session."""
    given: dict[int, set[int]] = {}
    for one in got:
        session = said[one.mark].session if one.mark in said else 0
        if one.number is not None:
            given.setdefault(session, set()).add(one.number)
        elif one.payload.get("transactionId") not in given.get(session, set()):
            found.other += 1
            found.problems.append(
                f"{place}: {one.action} {mark_of(one.action, one.payload)} has the number "
                f"{one.payload.get('transactionId')}, given were {given.get(session)} from {band} on"
            )
