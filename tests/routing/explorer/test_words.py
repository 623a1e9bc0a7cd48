"""Words for everything that OCPP names."""

from __future__ import annotations

from typing import Any, get_args

import pytest
from ocpp.v16 import enums as v16
from ocpp.v21 import enums as v21

from routing.core import actions
from routing.core.errors import Condition, error_code
from routing.core.rows import Outcome
from routing.core.snapshot import OCPP_VERSIONS
from routing.explorer import words
from routing.explorer.folding import Group, Kind, fold
from tests.routing.rows import message


def test_every_action_of_every_version_has_words_and_nothing_else_has() -> None:
    known = {name for version in OCPP_VERSIONS for name in actions.names(version)}
    assert set(words.ACTIONS) == known


@pytest.mark.parametrize(
    "kind",
    [
        v16.ChargePointStatus,
        v16.ChargePointErrorCode,
        v16.AuthorizationStatus,
        v16.Reason,
        v16.ConfigurationStatus,
        v16.UnlockStatus,
        v16.AvailabilityStatus,
        v21.ConnectorStatusEnumType,
        v21.ReasonEnumType,
        v21.ChargingStateEnumType,
        v21.AuthorizationStatusEnumType,
    ],
)
def test_statuses_and_reasons_have_words(kind: Any) -> None:
    assert [member.value for member in kind if not words.of_word(member.value)] == []


def test_every_error_code_has_words() -> None:
    codes = {error_code(version, condition) for version in OCPP_VERSIONS for condition in Condition}
    assert codes == set(words.ERROR_CODES)


def test_every_outcome_group_and_kind_has_words() -> None:
    assert set(words.OUTCOMES) == set(get_args(Outcome))
    assert set(words.GROUPS) == set(get_args(Group))
    assert set(words.KINDS) == set(get_args(Kind))


def test_words_are_short_sentences() -> None:
    for table in (words.ACTIONS, words.STATUSES, words.REASONS, words.ERROR_CODES, words.OUTCOMES):
        for name, text in table.items():
            assert text.endswith("."), name
            assert len(text) < 100, name


@pytest.mark.parametrize(
    ("row", "sentence"),
    [
        ({"rule": "answered by Roaming"}, "Roaming answered."),
        ({"rule": "proxy: the time"}, "The proxy answered."),
        ({"answer": "", "outcome": "lost"}, "Nobody answered."),
        ({"direction": "down", "route": 1}, "The proxy answered, the charger was not asked."),
        ({"direction": "down", "route": 1, "outcome": "denied"}, "The proxy answered."),
        ({"direction": "down"}, "The charger answered."),
        ({"route": 1}, "The backoffice answered."),
        ({"outcome": "malformed", "latency_ms": None}, "A frame that belongs to no exchange."),
    ],
)
def test_who_answered_is_a_sentence(row: Any, sentence: str) -> None:
    (found,) = fold([message(**row)])
    assert words.answerer(found) == sentence


def test_an_unknown_word_has_none() -> None:
    assert (words.of_action("Dance"), words.of_word("Dance")) == ("", "")
