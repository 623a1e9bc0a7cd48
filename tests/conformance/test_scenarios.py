"""The suite is whole: each of the 74 scenarios has its test, under its number."""

from __future__ import annotations

import re
from pathlib import Path

SCENARIOS = 74


def test_each_scenario_has_a_test() -> None:
    found = {
        int(number)
        for path in Path(__file__).parent.glob("test_*.py")
        for number in re.findall(r"^(?:async )?def test_(\d\d)_", path.read_text(), flags=re.MULTILINE)
    }
    missing = sorted(set(range(1, SCENARIOS + 1)) - found)
    assert not missing, f"no test for scenarios {missing}; name one test_NN_... in tests/conformance"
