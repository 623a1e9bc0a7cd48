"""What import-linter can't say: the core imports the standard library and msgspec, and nothing else."""

import ast
import sys
from pathlib import Path

import pytest
from django.conf import settings

CORE = Path(settings.BASE_DIR) / "routing" / "core"
IMPURE = {"asyncio", "logging", "os", "random", "secrets", "socket", "threading", "time"}
"""Of the standard library: a loop, a clock, a logger, chance, the outside."""


def imported(source: str) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, "write absolute imports"
            found.add(node.module or "")
    return found


def may_be_imported(name: str) -> bool:
    top = name.partition(".")[0]
    return (top in sys.stdlib_module_names and top not in IMPURE) or (
        top == "msgspec" or name == "routing.core" or name.startswith("routing.core.")
    )


@pytest.mark.parametrize("path", sorted(CORE.rglob("*.py")), ids=lambda path: str(path.relative_to(CORE)))
def test_the_core_is_pure(path):
    names = imported(path.read_text(encoding="utf-8"))
    assert [name for name in sorted(names) if not may_be_imported(name)] == []


@pytest.mark.parametrize("name", ["time", "logging", "django.db", "routing.models", "routing.cores"])
def test_the_rule_refuses(name):
    assert not may_be_imported(name)
