"""Rows that were there before they had public names get them."""

from __future__ import annotations

import pytest
from django.core.management import call_command
from django.db import connection

from chargers.models import Charger
from tests.databases import Database


@pytest.mark.parametrize(
    "database", ["sqlite"], indirect=True
)  # on PostgreSQL: test_migrations of this folder
def test_rows_of_before_are_named(database: Database) -> None:
    rows = 3
    Charger.objects.bulk_create([Charger(identity=f"CP-{number}") for number in range(rows)])
    call_command("migrate", "chargers", "0001", verbosity=0)
    with connection.cursor() as cursor:
        cursor.execute("SELECT * FROM chargers_charger")
        assert "uuid" not in [column[0] for column in cursor.description or ()]
    call_command("migrate", verbosity=0)
    assert len({charger.uuid for charger in Charger.objects.all()}) == rows
    assert Charger.objects.create(identity="CP-new").uuid
