"""docs/configuration.md says everything that a file may hold, and nothing else."""

import re
from pathlib import Path

import msgspec
import pytest

from proxy_site.configuration import reading
from proxy_site.configuration.applying import apply
from routing.core.options import ChargerOptions, RouteOptions
from routing.core.snapshot import Role, Verdict
from routing.validation import permission_problems

PAGE = (Path(__file__).parents[2] / "docs" / "configuration.md").read_text()


def rows(heading):
    """First and second cell of the table rows under a heading."""
    section = re.split(r"^##+ ", PAGE.split(f"# {heading}\n", 1)[1], maxsplit=1, flags=re.MULTILINE)[0]
    return dict(re.findall(r"^\| `([^`]+)` \| ([^|]+) \|", section, flags=re.MULTILINE))


@pytest.mark.parametrize(
    ("heading", "options"),
    [("Options of a charger", ChargerOptions), ("Options of a route", RouteOptions)],
)
def test_each_option_is_documented_with_its_default(heading, options):
    defaults = msgspec.to_builtins(options())
    written = {name: f"`{value if isinstance(value, str) else msgspec.json.encode(value).decode()}`"
               for name, value in defaults.items()}  # fmt: skip
    assert {name: cell.replace(".0`", "`") for name, cell in rows(heading).items()} == {
        name: value.replace(".0`", "`") for name, value in written.items()
    }


@pytest.mark.parametrize(
    ("heading", "keys"),
    [
        ("organisations", reading.ORGANISATION),
        ("presets", reading.PRESET),
        ("cards", reading.CARD),
        ("backoffices", reading.BACKOFFICE),
        ("chargers", reading.CHARGER),
    ],
)
def test_each_key_is_documented(heading, keys):
    assert {name: cell == "required" for name, cell in rows(heading).items()} == keys


def test_each_key_of_a_route_is_documented_and_each_role_and_verdict():
    documented = set(rows("routes of a charger, and default_routes"))
    assert documented == set(reading.ROUTE) | {role.value for role in Role}
    assert {verdict.value for verdict in Verdict} <= set(rows("Permissions"))


def test_what_the_page_says_of_permissions_can_be_written():
    examples = {name: "allow" for name in rows("Permissions") if name not in set(Verdict)}
    assert "Reset:Hard" in examples
    assert [str(problem) for problem in permission_problems(examples)] == []


@pytest.mark.django_db
def test_the_file_of_the_page_can_be_applied():
    (example,) = re.findall(r"```yaml\n(.*?)```", PAGE, flags=re.DOTALL)
    assert len(apply("example", example)) == 8
    assert apply("example", example) == []
    presets, *_ = re.findall(r"```\n(presets:.*?)```", PAGE, flags=re.DOTALL)
    assert apply("presets", presets)[0] == "create preset Night (Example Installers) (control)"
