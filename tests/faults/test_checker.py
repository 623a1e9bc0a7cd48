"""The checker finds what it is there for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from tests.faults.checker import Findings, check
from tests.faults.plan import ALONE, FORMS, KINDS, OF_TWO, SECONDS, plan
from tests.faults.records import ChargerRecord, Got, RunRecord, Said, Span, Try

Mishap = Callable[[RunRecord], None]


def good_run() -> RunRecord:
    """One charger, one backoffice, one session of three messages."""
    payloads: list[tuple[str, dict[str, Any]]] = [
        ("StartTransaction", {"connectorId": 1, "meterStart": 1}),
        ("MeterValues", {"transactionId": 7, "meterValue": [{"sampledValue": [{"value": "2"}]}]}),
        ("StopTransaction", {"transactionId": 7, "meterStop": 3}),
    ]
    charger = ChargerRecord("CP-1", "1.6")
    run = RunRecord([charger], {"billing": []}, {"billing": 100})
    for mark, (action, payload) in enumerate(payloads, 1):
        tried = Try(1, f"id-{mark}", mark, mark + 0.5, mark + 0.5)
        charger.said.append(Said(action, mark, 1, payload, [tried]))
        charger.answers[1, f"id-{mark}"] = 1
        theirs = payload if mark == 1 else {**payload, "transactionId": 100}
        number = 100 if mark == 1 else None
        run.got["billing"].append(Got("CP-1", action, theirs, "good", mark + 0.1, number))
    return run


def lose(run: RunRecord) -> None:
    del run.got["billing"][1]


def swap(run: RunRecord) -> None:
    got = run.got["billing"]
    got[1], got[2] = got[2], got[1]


def repeat(run: RunRecord) -> None:
    run.got["billing"].append(replace(run.got["billing"][2], at=9.0))


def change(run: RunRecord) -> None:
    got = run.got["billing"]
    got[1] = replace(got[1], payload={**got[1].payload, "connectorId": 2})


def take_anothers_number(run: RunRecord) -> None:
    got = run.got["billing"]
    got[1] = replace(got[1], payload={**got[1].payload, "transactionId": 7})


def answer_twice(run: RunRecord) -> None:
    run.chargers[0].answers[1, "id-1"] = 2


def answer_nobody(run: RunRecord) -> None:
    run.chargers[0].answers[1, "id-9"] = 1


def answer_late(run: RunRecord) -> None:
    run.chargers[0].said[1].tries[0].ended_at = 60.0


def answer_never(run: RunRecord) -> None:
    run.chargers[0].said[1].tries[0].answered_at = None


def number_backwards(run: RunRecord) -> None:
    run.order["CP-1"] = [1, 3, 2]


def stop_with_an_error(run: RunRecord) -> None:
    run.unclean.append("first ended with 1")


@pytest.mark.parametrize(
    ("mishap", "counted"),
    [
        (lose, "lost"),
        (swap, "out_of_order"),
        (repeat, "doubled"),
        (change, "other"),
        (take_anothers_number, "other"),
        (answer_twice, "other"),
        (answer_nobody, "other"),
        (answer_late, "late"),
        (answer_never, "late"),
        (number_backwards, "other"),
        (stop_with_an_error, "other"),
    ],
    ids=lambda value: getattr(value, "__name__", value),
)
def test_a_mishap_is_found_and_counted(mishap: Mishap, counted: str) -> None:
    run = good_run()
    assert check(run) == Findings(messages=3)
    mishap(run)
    found = check(run)
    assert not found.flawless
    assert getattr(found, counted) == 1


@pytest.mark.parametrize("kind", ["proxy killed", "one of two killed"])
def test_a_repeat_after_a_kill_is_allowed(kind: str) -> None:
    run = good_run()
    repeat(run)
    run.done.append(Span(kind, 4.0, 5.0))
    assert check(run) == Findings(messages=3, doubled_killed=1)


@pytest.mark.parametrize(("processes", "counted"), [(2, "doubled_killed"), (1, "doubled")])
def test_what_one_of_two_could_not_store_may_come_again(processes: int, counted: str) -> None:
    run = good_run()
    run.processes = processes
    repeat(run)
    run.done.append(Span("PostgreSQL stopped", 4.0, 5.0))
    assert getattr(check(run), counted) == 1


@pytest.mark.parametrize(("begin", "counted"), [(4.5, "doubled_killed"), (12.0, "doubled")])
def test_what_one_that_was_stopped_could_not_store_may_come_again(begin: float, counted: str) -> None:
    run = good_run()
    repeat(run)
    run.done += [Span("PostgreSQL stopped", 4.0, 5.0), Span("proxy stopped", begin, begin + 1, "first")]
    assert getattr(check(run), counted) == 1


def test_a_repeat_of_what_was_not_answered_is_allowed() -> None:
    run = good_run()
    repeat(run)
    run.got["billing"][2] = replace(run.got["billing"][2], fate="none")
    assert check(run) == Findings(messages=3, doubled_unanswered=1)


@pytest.mark.parametrize(
    ("kind", "target", "allowed"),
    [
        ("proxy frozen", "first", True),
        ("backoffice frozen", "billing", True),
        ("backoffice killed", "billing", True),
        ("backoffice half open", "billing", True),
        ("backoffice half open", "energy", False),
        ("proxy stopped", "first", False),
        ("charger half open", "", False),
        ("network slow", "", False),
        ("clock jumps", "first", False),
    ],
)
def test_a_repeat_is_allowed_where_the_answer_had_no_way(kind: str, target: str, allowed: bool) -> None:
    run = good_run()
    repeat(run)
    run.done.append(Span(kind, 2.9, 4.0, target))
    found = check(run)
    assert (found.doubled_unanswered, found.doubled) == ((1, 0) if allowed else (0, 1))


def test_what_is_not_the_newest_comes_again_for_no_reason() -> None:
    run = good_run()
    run.done.append(Span("one of two frozen", 1.5, 8.0, "first"))
    run.got["billing"].append(replace(run.got["billing"][1], at=9.0))
    assert check(run).doubled == 1


@pytest.mark.parametrize(("kind", "doubled"), [("one of two frozen", 0), ("proxy frozen", 1)])
def test_one_of_two_that_wakes_may_go_on_until_its_chargers_are_taken(kind: str, doubled: int) -> None:
    run = good_run()
    second, third = run.got["billing"][1:3]
    run.done.append(Span(kind, second.at - 0.1, third.at - 0.1, "first"))
    run.got["billing"] += [replace(second, at=third.at + 0.1), replace(third, at=third.at + 0.2)]
    assert check(run).doubled == doubled


@pytest.mark.parametrize(
    ("kind", "target", "excused"),
    [
        ("proxy frozen", "first", True),
        ("one of two frozen", "first", True),
        ("one of two frozen", "second", False),
        ("charger half open", "", True),
        ("PostgreSQL stopped", "", True),
        ("Redis emptied", "", False),
        ("backoffice frozen", "billing", False),
    ],
)
def test_only_who_can_has_to_answer(kind: str, target: str, excused: bool) -> None:
    run = good_run()
    answer_late(run)
    run.done.append(Span(kind, 2.1, 59.0, target))
    assert check(run).flawless is excused


def test_what_is_said_again_and_again_is_late_in_sum() -> None:
    run = good_run()
    said = run.chargers[0].said[1]
    said.tries = [Try(n, "id-2", 4.0 * n, None, 4.0 * n + 3) for n in range(4)]
    said.tries.append(Try(4, "id-2", 16.0, 16.1, 16.1))
    assert check(run).late == 1


def test_a_seed_has_one_plan_and_twelve_in_a_row_have_all_kinds_of_their_form() -> None:
    assert plan(5) == plan(5)
    plans = [plan(seed) for seed in range(200)]
    assert {kind for one in plans[:12] if one.form == ALONE for kind in one.kinds} == set(FORMS[ALONE])
    assert {kind for one in plans for kind in one.kinds} == set(KINDS)
    assert sum(one.form == OF_TWO for one in plans) > 25
    for one in plans:
        assert set(one.kinds) <= set(FORMS[one.form])
        assert all(0 < fault.at < SECONDS for fault in one.faults)


@pytest.mark.parametrize("kind", KINDS)
def test_a_plan_can_be_of_one_kind(kind: str) -> None:
    assert {k for seed in range(20) for k in plan(seed, [kind]).kinds} == {kind}
