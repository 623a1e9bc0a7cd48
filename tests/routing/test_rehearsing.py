"""The dry run: what other rights would have done with last week's log."""

from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from msgspec.structs import replace

from backoffices.models import Backoffice
from chargers.models import Charger
from routing import rehearsing
from routing.core.snapshot import Role, Verdict
from routing.models import Message, Route
from routing.models.traffic import number_at
from routing.rehearsing import Asked, rehearse
from tests.routing.core.harness import route as snapshot

NOW = datetime(2030, 1, 8, tzinfo=UTC)
ENERGY = snapshot(2, "energy", Role.CONTROL)


def call(action, payload="{}", outcome="answered", rule="preset control: it is allow"):
    return Asked(action, f'[2,"1","{action}",{payload}]', outcome, rule)


def reset(kind, **values):
    return call("Reset", f'{{"type":"{kind}"}}', **values)


DENIED = {"outcome": "denied", "rule": "preset control: Reset is deny"}
BY_RATE = {"outcome": "denied", "rule": "more than 3 resets in 10 minutes"}

CASES = {
    "blocked": ([call("GetLog"), call("GetLog")], {"GetLog": Verdict.DENY}, {"GetLog": 2}, {}, {}),
    "denied already": ([reset("Hard", **DENIED)], {"Reset": Verdict.DENY}, {}, {}, {}),
    "allowed": ([reset("Hard", **DENIED)], {"Reset": Verdict.ALLOW}, {}, {"Reset": 1}, {}),
    "a part": (
        [reset("Hard", **DENIED), reset("Soft", **DENIED)],
        {"Reset:Soft": Verdict.ALLOW},
        {},
        {"Reset": 1},
        {},
    ),
    "denied by a limit for all": ([reset("Hard", **BY_RATE)], {"Reset": Verdict.ALLOW}, {}, {}, {}),
    "limited": (
        [call("GetCompositeSchedule")], {"GetCompositeSchedule": Verdict.GUARD}, {}, {},
        {"GetCompositeSchedule": 1},
    ),
    "limited as before": ([call("SetChargingProfile")], {}, {}, {}, {}),
    "an error counts as passed": (
        [call("GetConfiguration", outcome="error")], {"GetConfiguration": Verdict.DENY},
        {"GetConfiguration": 1}, {}, {},
    ),
    "what is no command": ([call("Rest")], {"Reset": Verdict.DENY}, {}, {}, {}),
    "a frame that can't be read": (
        [Asked("Reset", "[2,", "answered", "")], {"Reset:Hard": Verdict.ALLOW, "Reset": Verdict.DENY},
        {"Reset": 1}, {}, {},
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_what_other_rights_would_have_done(case):
    calls, permissions, blocked, allowed, limited = case
    found = rehearse(calls, ENERGY, replace(ENERGY, permissions=permissions))
    assert (found.blocked, found.allowed, found.limited) == (blocked, allowed, limited)
    assert found.looked_at == len(calls)


def test_it_is_told_in_sentences():
    calls = [*[call("SetChargingProfile")] * 9, *[reset("Hard")] * 3, call("GetLog", **DENIED)]
    permissions = {
        "SetChargingProfile": Verdict.DENY, "Reset": Verdict.DENY, "GetLog": Verdict.ALLOW
    }  # fmt: skip
    found = rehearse(calls, ENERGY, replace(ENERGY, permissions=permissions))
    assert found.words == [
        "This would have blocked 12 messages: 9 SetChargingProfile, 3 Reset.",
        "It would have allowed 1 messages that were blocked: 1 GetLog.",
        "Looked at: 13 messages of this backoffice in the last 7 days.",
    ]
    assert rehearse([], ENERGY, ENERGY).words[0] == "This would have changed nothing."


def test_only_what_is_told_apart_needs_its_payload():
    changed = replace(ENERGY, permissions={"Reset:Hard": Verdict.DENY, "GetLog": Verdict.DENY})
    assert rehearsing.told_apart(ENERGY, changed) == {"Reset"}


@pytest.fixture
def route(db):
    charger = Charger.objects.create(identity="CP-1")
    backoffice = Backoffice.objects.create(name="energy", url="ws://energy/")
    return Route.objects.create(charger=charger, backoffice=backoffice, role="control")


def logged(route, action="Reset", at=NOW - timedelta(hours=1), direction="down", number=1, **values):
    for one in range(number):
        Message.objects.create(
            charger=route.charger, route=values.pop("of", route), at=at, exchange=number_at(at) + one,
            direction=direction, action=action, text=f'[2,"1","{action}",{{}}]', outcome="answered",
        )  # fmt: skip


def read(route, texts_of=()):
    return rehearsing.of_log(route, until=NOW, texts_of=texts_of)


def test_the_log_of_a_week_is_read(route):
    logged(route)
    logged(route, "GetLog", NOW - timedelta(days=6))
    logged(route, "ClearCache", NOW - timedelta(days=8))
    logged(route, "Heartbeat", direction="up")
    other = Route.objects.create(
        charger=route.charger, backoffice=Backoffice.objects.create(name="x", url="ws://x/"), role="observe"
    )
    logged(route, "UnlockConnector", of=other)
    with CaptureQueriesContext(connection) as queries:
        found, was_cut = read(route, ["GetLog"])
    assert [(one.action, one.text) for one in found] == [("Reset", ""), ("GetLog", '[2,"1","GetLog",{}]')]
    assert not was_cut
    assert len(queries) == 2
    assert not any("COUNT(" in query["sql"] for query in queries)


@pytest.mark.parametrize("limit", ["MOST", "MOST_ROWS"])
def test_it_tells_when_there_was_more(route, monkeypatch, limit):
    logged(route, number=3)
    assert read(route)[1] is False
    monkeypatch.setattr(rehearsing, limit, 2)
    found, was_cut = read(route)
    assert (len(found), was_cut) == (2, True)
    told = rehearsing.Rehearsal(looked_at=2, was_cut=was_cut)
    assert told.words[-1].startswith("There are more")
