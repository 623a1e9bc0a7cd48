"""docs/messages.md is what the tables say, and says it of every action."""

import re
from pathlib import Path

import pytest

from routing import messages
from routing.core.actions import Access, Answer, Kind, Queue, Receives
from routing.core.snapshot import OCPP_VERSIONS
from tests.routing.core.test_actions_schemas import folder

PAGE = Path(__file__).parents[2] / "docs" / "messages.md"


def test_the_page_is_up_to_date():
    written = PAGE.read_text(encoding="utf-8")
    assert written == messages.page(), (
        "the tables have changed: .venv/bin/python -m routing.messages > docs/messages.md"
    )


def sections():
    """The rows of the page by heading: the first cell of each, without what is in brackets."""
    found = {}
    for part in re.split(r"^## ", PAGE.read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]:
        heading, _, text = part.partition("\n")
        found[heading] = set(re.findall(r"^\| ([A-Z]\w+)(?: \(SEND\))? \| (?!The)", text, flags=re.MULTILINE))
    return found


@pytest.mark.parametrize("version", OCPP_VERSIONS)
def test_every_action_of_the_schemas_is_on_it(version):
    names = {re.sub(r"(Request|Response)?\.json$", "", path.name) for path in folder(version).glob("*.json")}
    here = [rows for heading, rows in sections().items() if version in heading.split()]
    assert set.union(*here) - {"Message", "Command"} == names


def test_every_word_of_the_tables_is_known():
    assert set(messages.RECEIVES) == set(Receives)
    assert set(messages.ACCESS) == set(Access)
    assert set(messages.ANSWERS) == set(Answer)
    assert set(messages.QUEUES) == set(Queue)
    assert set(messages.KINDS) == set(Kind)


def test_a_row_says_who_may_what_and_how_the_others_are_refused():
    (reset,) = re.findall(r"^\| Reset \|.*`Hard`.*$", PAGE.read_text(encoding="utf-8"), flags=re.MULTILINE)
    assert reset == "| Reset | yes | no | no | yes | no | `Rejected` | kind of reset: `Hard`, `Soft` |  |"
