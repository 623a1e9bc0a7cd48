"""Places in the API, and the chargers that are there."""

from __future__ import annotations

from typing import Any

import pytest
from rest_framework.test import APIClient

from accounts.models import Deed, Location, Organisation
from chargers.models import Charger
from tests.api.conftest import member, program
from tests.api.resource import Resource

pytestmark = pytest.mark.django_db
PATH, CHARGERS = "/api/v1/locations/", "/api/v1/chargers/"


class TestLocations(Resource):
    path, read, write = PATH, "chargers:read", "chargers:write"

    def make(self, organisation: Organisation, number: int) -> Any:
        return organisation.locations.create(name=f"place {number}")


def test_a_place_is_made_once_changed_and_told_of(client: APIClient, ours: Organisation) -> None:
    said = {"organisation": str(ours.uuid), "name": "North", "address": "Station 1", "notes": "key"}
    for status in (201, 201):
        made = client.post(PATH, said, format="json", headers={"Idempotency-Key": "north"})
        assert made.status_code == status, made.json()
    assert made.headers["Idempotent-Replay"] == "true"
    own = f"{PATH}{made.json()['uuid']}/"
    assert client.patch(own, {"name": "South"}, format="json").json() == {**made.json(), "name": "South"}
    words = [deed.words for deed in Deed.objects.filter(subject_type="accounts.location")]
    assert words == ["Changed name of location South.", "Added location North."]


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"name": "North"}, "non_field_errors"),
        ({"name": ""}, "name"),
        ({"organisation": "theirs"}, "organisation"),
        ({"organisation": None}, "organisation"),
    ],
    ids=str,
)
def test_a_place_has_a_name_of_its_own_and_is_ours(
    client: APIClient, ours: Organisation, theirs: Organisation, change: dict[str, Any], field: str
) -> None:
    ours.locations.create(name="North")
    said = {"name": "South", "organisation": str(ours.uuid), **change}
    if said["organisation"] == "theirs":
        said["organisation"] = str(theirs.uuid)
    answer = client.post(PATH, said, format="json")
    assert answer.status_code == 400
    assert field in answer.json()["errors"]


@pytest.mark.parametrize(
    "asked", [{"search": "STATION"}, {"name": "North"}, {"organisation": "ours"}], ids=str
)
def test_filters(ours: Organisation, theirs: Organisation, asked: dict[str, str]) -> None:
    person = member(ours)
    theirs.memberships.create(user=person, role="installer")
    ours.locations.create(name="North", address="Station 1")
    theirs.locations.create(name="South", address="Elsewhere")
    if "organisation" in asked:
        asked = {"organisation": str(ours.uuid)}
    found = program(person).get(PATH, asked).json()["data"]
    assert [row["name"] for row in found] == ["North"]


@pytest.mark.parametrize(("role", "status"), [("read_only", 403), ("installer", 403), ("owner", 204)])
def test_who_removes_a_place_leaves_its_chargers(ours: Organisation, role: str, status: int) -> None:
    place = ours.locations.create(name="North")
    charger = Charger.objects.create(identity="CP", organisation=ours, location=place)
    assert program(member(ours, role)).delete(f"{PATH}{place.uuid}/").status_code == status
    charger.refresh_from_db()
    assert (charger.location is None) is (status == 204)


def test_chargers_name_their_place(client: APIClient, ours: Organisation, theirs: Organisation) -> None:
    place, foreign = ours.locations.create(name="North"), theirs.locations.create(name="North")
    charger = Charger.objects.create(identity="CP", organisation=ours)
    Charger.objects.create(identity="other", organisation=ours)
    own = f"{CHARGERS}{charger.uuid}/"
    assert client.patch(own, {"location": str(foreign.uuid)}, format="json").status_code == 400
    assert client.patch(own, {"location": str(place.uuid)}, format="json").json()["location"] == str(
        place.uuid
    )
    found = client.get(CHARGERS, {"location": str(place.uuid)}).json()["data"]
    assert [row["identity"] for row in found] == ["CP"]
    assert client.patch(own, {"location": None}, format="json").json()["location"] is None


def test_a_place_and_its_chargers_belong_to_one_organisation(
    ours: Organisation, theirs: Organisation
) -> None:
    """A place that has chargers stays; a charger that goes leaves its place behind."""
    person = member(ours)
    theirs.memberships.create(user=person, role="installer")
    place = ours.locations.create(name="North")
    charger = Charger.objects.create(identity="CP", organisation=ours, location=place)
    client, to_them = program(person), {"organisation": str(theirs.uuid)}
    answer = client.patch(f"{PATH}{place.uuid}/", to_them, format="json")
    assert answer.status_code == 400
    assert "organisation" in answer.json()["errors"]
    moved = client.patch(f"{CHARGERS}{charger.uuid}/", to_them, format="json").json()
    assert (moved["organisation"], moved["location"]) == (str(theirs.uuid), None)
    assert client.patch(f"{PATH}{place.uuid}/", to_them, format="json").status_code == 200
    assert Location.objects.get().organisation == theirs
