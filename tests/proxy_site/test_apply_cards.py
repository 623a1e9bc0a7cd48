"""Cards in a file: applied, exported, and never shown whole by what is said about them."""

from __future__ import annotations

import pytest

from accounts.models import Organisation
from chargers.models import Charger
from proxy_site.configuration.applying import apply
from proxy_site.configuration.document import Refused
from proxy_site.configuration.exporting import export
from routing.models import Card, ConfigChange

pytestmark = pytest.mark.django_db

FILE = """
organisations: [{name: Fleet}]
cards:
  - {organisation: Fleet, id_tag: 0123456789, label: Van 7, group: VANS, expires_at: 2027-01-01T00:00:00Z}
  - {organisation: Fleet, id_tag: STOLEN-1, blocked: true}
"""


def test_cards_are_made_and_a_second_run_changes_nothing():
    assert apply("file", FILE)[1:] == ["create card ****6789 (Fleet)", "create card ****EN-1 (Fleet)"]
    first, second = Card.objects.order_by("id")
    assert (first.id_tag, first.label, first.group, first.blocked) == ("0123456789", "Van 7", "VANS", False)
    assert first.expires_at is not None
    assert (second.id_tag, second.expires_at, second.blocked) == ("STOLEN-1", None, True)
    assert apply("file", FILE) == []


def test_an_export_can_be_applied():
    apply("file", FILE)
    assert "id_tag: 0123456789\n" in export()
    assert apply("export", export(), prune=True) == []
    text = export()
    Card.objects.all().delete()
    assert len(apply("export", text)) == 2
    assert export() == text


def test_what_differs_is_changed_and_said_without_the_number():
    apply("file", FILE)
    changed = FILE.replace("STOLEN-1, blocked: true", "stolen-1")
    changed = changed.replace("VANS", "CARS").replace("2027", "2028")
    assert apply("file", changed) == [
        "change card ****6789 (Fleet): another group, expires at 2028-01-01T00:00:00+00:00",
        "change card ****EN-1 (Fleet): not blocked any more",
    ]
    assert Card.objects.count() == 2


def test_what_the_file_does_not_name_stays_unless_pruned():
    apply("file", FILE)
    without = "\n".join(FILE.splitlines()[:-1])
    assert apply("file", without) == []
    assert apply("file", without, prune=True) == ["remove card ****EN-1 (Fleet)"]
    assert Card.objects.count() == 1


def test_chargers_of_the_organisation_are_told():
    fleet = Organisation.objects.create(name="Fleet")
    charger = Charger.objects.create(identity="CP-1", organisation=fleet)
    ConfigChange.objects.all().delete()
    apply("file", FILE)
    assert {row.charger_id for row in ConfigChange.objects.all()} == {charger.pk}


@pytest.mark.parametrize(
    ("card", "sentence"),
    [
        ("{id_tag: SECRET-CARD}", "organisation is missing"),
        ("{id_tag: SECRET-CARD, organisation: null}", "a card belongs to an organisation; name one"),
        ("{id_tag: SECRET-CARD, organisation: Elsewhere}", 'there is no organisation "Elsewhere"'),
        ("{organisation: Fleet}", "id_tag is missing"),
        ('{id_tag: "", organisation: Fleet}', "this field cannot be blank"),
        ("{id_tag: SECRET-CARD, organisation: Fleet, blocked: 1}", '"1" is neither true nor false'),
        ("{id_tag: SECRET-CARD, organisation: Fleet, expires_at: soon}", '"soon" is not a moment'),
        ("{id_tag: SECRET-CARD, organisation: Fleet, expires_at: 2027-01-01}", "date and time with a zone"),
        ("{id_tag: stolen-1, organisation: Fleet}", '"****en-1" stands here twice, first in line 5'),
        ("{id_tag: X, organisation: Fleet, expires: 1}", 'did you mean "expires_at"?'),
    ],
)
def test_what_is_wrong_is_said_without_the_number(card, sentence):
    with pytest.raises(Refused) as refused:
        apply("file", f"{FILE}  - {card}\n")
    assert sentence in str(refused.value)
    assert "SECRET-CARD" not in str(refused.value)
    assert Card.objects.count() == 0
