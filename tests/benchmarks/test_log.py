"""The benchmark of the audit log runs in small: rows are made, asked for, and go."""

from __future__ import annotations

import os
import re

import pytest

from benchmarks import log


@pytest.mark.parametrize("vendor", ["sqlite", "postgres"])
def test_it_fills_a_database_asks_and_takes_days_away(
    vendor: str, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """How fast that is depends on the machine, and so does the exit code."""
    server = os.environ.get("TEST_POSTGRES_URL", "")
    if vendor == "postgres" and not server:
        pytest.skip("TEST_POSTGRES_URL is not set: no PostgreSQL to test with")
    monkeypatch.setenv("SECRET_KEY", "of a test")
    url = ["--database-url", server] if vendor == "postgres" else []
    assert log.main(["--rows", "6000", "--chargers", "20", "--days", "4", "--times", "2", *url]) in (0, 1)
    said = capfd.readouterr().out
    assert 5900 < int(re.findall(r"([\d,]+) rows, ", said)[0].replace(",", "")) < 6100
    lines = [line.split(" | ") for line in said.splitlines() if line.startswith("| ")]
    done = {line[0].removeprefix("| "): line[-1].removesuffix(" |") for line in lines}
    if vendor == "postgres":
        assert done["a day goes"].startswith("dropped routing_message_d")
        assert re.match(r"kept \d+ rows of routing_message_d", done["of a day only errors stay"])
        assert done["nothing is left to do"] == "nothing"
    else:
        assert re.match(r"1[45]\d\d rows deleted", done["a day goes"])
        assert done["nothing is left to do"] == "0 rows deleted"
    assert all(int(line[5]) <= 5 for line in lines if len(line) == 7 and line[5].isdigit())
