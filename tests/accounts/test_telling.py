"""What is told of values: differences only, never a secret, cards masked."""

from typing import Any

import pytest
from django.contrib.auth.models import Group

from accounts.models import Organisation, User
from accounts.telling import LONGEST, Manners, difference, redacted
from backoffices.models import Backoffice
from chargers.models import Charger
from routing.fields import Sealed, seal
from routing.models import Card, Route


def told(before, after):
    return difference(before, after, getattr(type(after or before), "manners", Manners()))


def test_only_what_differs_is_told():
    before = Charger(pk=1, identity="CP-1", label="old", enabled=True)
    after = Charger(pk=1, identity="CP-1", label="new", enabled=False)
    assert told(before, after) == ({"label": "old", "enabled": True}, {"label": "new", "enabled": False})
    assert told(before, before) == ({}, {})


def test_of_a_new_row_all_that_it_has_is_told_and_of_one_that_is_gone_too():
    organisation = Organisation(pk=7, name="Ours")
    row = Charger(pk=1, identity="CP-1", organisation=organisation)
    has = {"identity": "CP-1", "organisation": "Ours", "enabled": True, "adopted": False}
    assert told(None, row) == ({}, has)
    assert told(row, None) == (has, {})


def test_of_options_only_those_that_differ_are_told():
    before = Charger(options={"ping": 30, "id_band": 1, "phases": 3})
    after = Charger(options={"ping": 30, "id_band": 2, "voltage": 120})
    assert told(before, after) == (
        {"options": {"id_band": 1, "phases": 3}},
        {"options": {"id_band": 2, "voltage": 120}},
    )


SECRETS = [
    (Backoffice, "password", b"zebra", b"zebra-2"),
    (Backoffice, "password", seal(b"zebra"), seal(b"zebra")),
    (Route, "previous_password", b"zebra", b"zebra-2"),
    (Charger, "password_hashes", ["text:zebra"], ["text:zebra-2"]),
    (User, "password", "md5$zebra", "md5$zebra-2"),
]


@pytest.mark.parametrize(("model", "field", "one", "other"), SECRETS)
def test_of_a_secret_only_that_it_is_set_or_another_one(model, field, one, other):
    def row(value):
        return model(**{field: value})

    def of_field(before, after):
        return tuple(values.get(field) for values in told(before, after))

    nothing = model._meta.get_field(field).get_default()
    assert of_field(row(one), row(other)) == ("set", "changed")
    assert of_field(row(nothing), row(one)) == (None, "set")
    assert of_field(row(one), row(nothing)) == ("set", None)
    assert of_field(None, row(one)) == (None, "set")
    assert of_field(row(one), None) == ("set", None)


def test_a_secret_that_was_only_loaded_and_stored_again_is_the_same():
    stored: Any = Sealed("v1:0:token")
    again: Any = Sealed("v1:0:token")
    assert told(Backoffice(password=stored), Backoffice(password=again)) == ({}, {})


@pytest.mark.parametrize(
    "name", ["password", "AuthorizationKey", "api_key", "client_secret", "token", "private_key", "passphrase"]
)
def test_options_whose_name_says_so_are_secrets(name):
    was, now = told(
        Charger(options={"x": {name: "zebra"}, name: "zebra"}),
        Charger(options={"x": {name: "quagga"}, name: "quagga"}),
    )
    assert was == {"options": {"x": {name: "set"}, name: "set"}}
    assert now == {"options": {"x": {name: "changed"}, name: "changed"}}


def test_what_a_backoffice_may_do_with_a_key_is_no_secret():
    key = "ChangeConfiguration:AuthorizationKey"
    was, now = told(Route(permissions={key: "deny"}), Route(permissions={key: "allow"}))
    assert (was, now) == ({"permissions": {key: "deny"}}, {"permissions": {key: "allow"}})


def test_cards_are_masked_wherever_they_stand():
    card = told(None, Card(id_tag="DEADBEEF01", group="CAFEBABE02"))[1]
    assert (card["id_tag"], card["group"]) == ("****EF01", "****BE02")
    rule = {"match": "exact", "value": "DEADBEEF01", "backoffice": "billing"}
    options = told(Charger(), Charger(options={"free_id_tag": "DEADBEEF01", "auth_rules": [rule]}))[1]
    assert "DEADBEEF01" not in str(options)
    assert options["options"]["auth_rules"][0]["backoffice"] == "billing"
    alias = told(Route(), Route(options={"foreign_tag": "DEADBEEF01"}))[1]
    assert alias == {"options": {"foreign_tag": "****EF01"}}


@pytest.mark.parametrize(
    ("text", "told_as"),
    [
        ("wss://anna:zebra@host/ocpp", "wss://…@host/ocpp"),
        ("wss://host/ocpp?token=zebra&tenant=7", "wss://host/ocpp?token=…&tenant=7"),
        ("wss://host/{identity}", "wss://host/{identity}"),
        ("Parking @ 3-2", "Parking @ 3-2"),
        ("x" * (LONGEST + 1), "x" * LONGEST + "…"),
    ],
    ids=["user", "query", "plain", "text", "long"],
)
def test_addresses_are_told_without_their_credentials(text, told_as):
    assert redacted(text) == told_as


def test_rows_of_others_are_told_too():
    assert told(Group(name="a"), Group(name="b")) == ({"name": "a"}, {"name": "b"})
