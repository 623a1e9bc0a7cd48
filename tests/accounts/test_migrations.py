"""What migrations make of people and places that are there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from accounts.models import Location, Membership
from tests.databases import default_database, empty_database, migrated


@pytest.mark.parametrize("vendor", ["sqlite", "postgres"])
def test_members_and_places_get_a_name_each(vendor: str, tmp_path: Path, django_db_blocker: Any) -> None:
    with (
        empty_database(vendor, tmp_path) as url,
        django_db_blocker.unblock(),
        default_database(url),
    ):
        before = migrated(("accounts", "0007_people"))
        ours = before.get_model("accounts", "Organisation").objects.create(name="Ours")
        for number in range(3):
            person = before.get_model("accounts", "User").objects.create(username=f"p{number}")
            before.get_model("accounts", "Membership").objects.create(user=person, organisation=ours)
            before.get_model("accounts", "Location").objects.create(organisation=ours, name=f"l{number}")
        migrated(("accounts", "0008_public_members_and_places"))
        for model in (Membership, Location):
            names = set(model.objects.values_list("uuid", flat=True))
            assert len(names) == 3
            assert None not in names
