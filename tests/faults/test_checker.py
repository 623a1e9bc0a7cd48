"""The checker finds what it is there for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from tests.faults.checker import Findings, check
from tests.faults.plan import KINDS, POSTGRES, SECONDS, plan
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


def test_a_repeat_after_a_kill_is_allowed() -> None:
    run = good_run()
    repeat(run)
    run.done.append(Span("proxy killed", 4.0, 5.0))
    assert check(run) == Findings(messages=3, doubled_allowed=1)


def test_a_repeat_of_what_was_not_answered_is_allowed() -> None:
    run = good_run()
    repeat(run)
    run.got["billing"][2] = replace(run.got["billing"][2], fate="none")
    assert check(run) == Findings(messages=3, doubled_allowed=1)


def test_a_frozen_proxy_may_answer_when_it_wakes() -> None:
    run = good_run()
    answer_late(run)
    run.done.append(Span("proxy frozen", 2.1, 59.0))
    assert check(run).flawless


def test_a_seed_has_one_plan_and_six_in_a_row_have_all_kinds() -> None:
    assert plan(5) == plan(5)
    assert {kind for seed in range(6) for kind in plan(seed).kinds} == set(KINDS)
    assert POSTGRES in plan(12).kinds
    faults = [fault for seed in range(100) for fault in plan(seed).faults]
    assert all(0 < fault.at < SECONDS for fault in faults)
