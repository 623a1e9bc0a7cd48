"""Cards as sessions get them: read once per organisation, anew when they change, one mapping for all."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.models import Organisation
from chargers.models import Charger
from routing import cards
from routing.core.snapshot import CardRule
from routing.loading import load_charger
from routing.models import Card

pytestmark = pytest.mark.django_db
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


@pytest.fixture
def fleet() -> Organisation:
    fleet = Organisation.objects.create(name="Fleet")
    for name in ("CP-1", "CP-2"):
        Charger.objects.create(identity=name, organisation=fleet)
    return fleet


def card(fleet: Organisation, id_tag: str, **values: object) -> Card:
    return Card.objects.create(organisation=fleet, id_tag=id_tag, **values)


def known(identity: str) -> Mapping[str, CardRule]:
    """The cards in a charger's configuration."""
    loaded = load_charger(Charger.objects.get(identity=identity).pk)
    assert loaded is not None
    return loaded[0].cards


def test_a_charger_knows_the_cards_of_its_organisation(fleet):
    card(fleet, "aB1", group="G", expires_at=NOON)
    card(fleet, "C", blocked=True)
    card(Organisation.objects.create(name="Other"), "X")
    assert known("CP-1") == {"AB1": CardRule(False, NOON, "G"), "C": CardRule(blocked=True)}


def test_a_charger_of_nobody_knows_none(fleet):
    card(fleet, "C")
    Charger.objects.create(identity="LOST")
    assert known("LOST") == {}


def test_all_chargers_share_one_mapping_that_is_read_once(fleet):
    card(fleet, "C")
    first = cards.cards_of(fleet.pk)
    with CaptureQueriesContext(
        connection,
    ) as queries:
        assert cards.cards_of(fleet.pk) is first
    assert len(queries) == 1


def test_it_stays_the_same_where_something_else_has_changed(fleet):
    card(fleet, "C")
    first = cards.cards_of(fleet.pk)
    Charger.objects.get(identity="CP-1").save()
    assert cards.cards_of(fleet.pk) is first


@pytest.mark.parametrize("how", ["save", "update", "delete", "bulk_create"])
def test_a_change_is_seen_at_once(fleet, how):
    one = card(fleet, "C")
    assert cards.cards_of(fleet.pk) == {"C": CardRule()}
    match how:
        case "save":
            one.blocked = True
            one.save()
        case "update":
            Card.objects.filter(pk=one.pk).update(blocked=True)
        case "delete":
            one.delete()
        case "bulk_create":
            Card.objects.bulk_create([Card(organisation=fleet, id_tag="D")])
    assert (
        cards.cards_of(fleet.pk)
        == {
            "save": {"C": CardRule(blocked=True)},
            "update": {"C": CardRule(blocked=True)},
            "delete": {},
            "bulk_create": {"C": CardRule(), "D": CardRule()},
        }[how]
    )


def test_rules_for_a_backoffice_that_is_not_there_are_warned_of(fleet, caplog):
    rules = [{"match": "prefix", "value": "SECRET-CARD", "backoffice": "nowhere"}]
    charger = Charger.objects.create(identity="CP-3", options={"auth_rules": rules, "authorizers": ["gone"]})
    load_charger(charger.pk)
    assert [r.levelname for r in caplog.records] == ["WARNING", "WARNING"]
    assert "'nowhere'" in caplog.text
    assert "'gone'" in caplog.text
    assert "SECRET-CARD" not in caplog.text
