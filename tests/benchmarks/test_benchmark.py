"""The benchmark runs: a short one over everything but PostgreSQL, as ``script/benchmark --short`` does."""

from __future__ import annotations

import pytest

from benchmarks import core, parts
from benchmarks.__main__ import SHORT, options_from
from benchmarks.conductor import Options, run
from benchmarks.frames import METER, METER_SIZE, REGISTER, TRANSACTION
from benchmarks.results import Integrity, Load, Report, Sample
from benchmarks.sink import Account
from benchmarks.subjects import Nginx


def test_the_short_form_is_smaller_and_can_be_changed() -> None:
    options = options_from(["--short", "--chargers", "3"])
    assert (options.chargers, options.rounds) == (3, SHORT["rounds"])
    assert options_from([]).chargers == Options().chargers


def test_meter_values_have_the_size_and_the_numbers_that_are_read() -> None:
    frame = METER % (17, 5)
    assert METER_SIZE - 150 <= len(frame) <= METER_SIZE
    transaction, register = TRANSACTION.search(frame), REGISTER.search(frame)
    assert transaction is not None
    assert register is not None
    assert (transaction[1], register[1]) == (b"17", b"5")


def test_the_core_alone_is_measured(capsys: pytest.CaptureFixture[str]) -> None:
    assert core.main(["--repetitions", "1"]) == 0
    lines = capsys.readouterr().out.splitlines()
    figures = [float(line.rpartition(": ")[2].removesuffix(" us")) for line in lines]
    assert len(figures) == 4
    assert all(figure > 0 for figure in figures)


@pytest.mark.parametrize(
    ("numbers", "stop", "expected"),
    [
        ([1, 2, 3], 3, (0, 0, 0)),
        ([1, 3], 3, (1, 0, 0)),
        ([1, 2], 3, (1, 0, 0)),
        ([1, 2, 2, 3], 3, (0, 1, 0)),
    ],
    ids=["whole", "a gap", "the last one missing", "one twice"],
)
def test_the_books_show_what_is_lost_and_doubled(
    numbers: list[int], stop: int, expected: tuple[int, int, int]
) -> None:
    account = Account()
    account.start(7)
    for number in numbers:
        account.meter(METER % (7, number))
    account.stop(b'{"transactionId":7,"meterStop":%d}' % stop)
    integrity = Integrity()
    integrity.settle(stop, vars(account))
    assert (integrity.lost, integrity.duplicated, integrity.foreign) == expected


def test_the_books_show_messages_of_another_transaction() -> None:
    account = Account()
    account.start(7)
    account.meter(METER % (8, 1))
    assert account.foreign == 1


async def test_a_short_run_loses_nothing() -> None:
    small = Options(
        chargers=4, rounds=1, seconds=0.2, rate=50, processes=1, idle_chargers=4, say=lambda line: None
    )
    report = await run(small)
    assert report.flawless, report.text()
    assert report.integrity["proxy"].sent > 0
    assert report.integrity["proxy, 2 backoffices"].sent > report.integrity["proxy"].sent / 100
    assert all(report.samples["proxy", load][0].answered > 0 for load in Load)
    assert report.nginx == (Nginx.command() is not None)
    table = report.text()
    assert ("not installed" in table) != report.nginx
    assert table.count("\n| ") > 20


@pytest.mark.parametrize("what", [what for what, *_ in parts.ROWS])
def test_what_the_log_costs_is_told_per_row(what: str) -> None:
    report = Report(machine="", options=Options())
    for name, load, place, rows in parts.ROWS:
        for part, cpu in ((parts.WITH, 100.0 + 5 * rows), (parts.WITHOUT, 100.0)):
            sample = Sample(1, 1, 1.0, cpu if name == what else 100.0, 0.0, {})
            for _ in range(2):
                report.add(parts.title(part, place), load, sample)
    found = {line.split(" (")[0]: line for line in parts.table(report).splitlines()[2:]}
    assert found[f"| {what}"].endswith("| 5.0 ± 0.0 |")
    assert [line.endswith("| 0.0 ± 0.0 |") for line in found.values()].count(False) == 1


async def test_a_proxy_without_its_log_loses_nothing() -> None:
    small = Options(chargers=2, rounds=1, seconds=0.2, processes=1, say=lambda line: None)
    report = await parts.measured(small, "")
    assert report.flawless, report.text()
    assert {name for name, _ in report.samples} == {
        parts.title(part, place) for part in (parts.WITH, parts.WITHOUT) for place in (0, 1)
    }
