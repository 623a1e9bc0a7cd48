"""What every resource of the API must do: inherited by the tests of each."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from rest_framework.test import APIClient

from accounts.models import Organisation, User
from tests.api.conftest import member, program


class Resource:
    """``path`` of the list, scopes ``read`` and ``write`` (None: read only), and how rows are made."""

    path: str
    read: str
    write: str | None = None
    queries = 6
    """At most so many for a list, however long."""
    is_by_cursor = False
    """Then a row is told once, whatever comes in between."""
    mentions = 1
    """How often a row has its own name in it."""

    def make(self, organisation: Organisation, number: int) -> Any:
        """A row of this organisation."""
        raise NotImplementedError

    def asked(self) -> dict[str, str]:
        """Parameters that a list needs."""
        return {}

    def name_of(self, row: Any) -> str:
        return str(row.uuid)

    def own(self, row: Any) -> str:
        return f"{self.path}{self.name_of(row)}/"

    def names(self, answer: Any, key: str = "uuid") -> list[str]:
        return [str(row[key]) for row in answer.json()["data"]]

    def test_without_a_token_nothing_is_told(self, ours: Organisation) -> None:
        row = self.make(ours, 1)
        for path in (self.path, self.own(row)):
            answer = APIClient().get(path)
            assert answer.status_code == 401
            assert set(answer.json()) == {"message", "code", "errors"}

    def test_another_scope_is_not_enough(self, installer: User) -> None:
        other = "webhooks:write" if self.read != "webhooks:write" else "messages:read"
        assert program(installer, other).get(self.path, self.asked()).status_code == 403

    def test_the_rows_of_others_are_not_there(
        self, client: APIClient, ours: Organisation, theirs: Organisation
    ) -> None:
        mine, foreign = self.make(ours, 1), self.make(theirs, 2)
        assert client.get(self.own(mine)).status_code == 200
        assert client.get(self.own(foreign)).status_code == 404
        answer = client.get(self.path, self.asked())
        assert answer.status_code == 200
        assert self.name_of(foreign) not in answer.content.decode()
        assert self.name_of(mine) in answer.content.decode()

    def test_a_foreign_row_is_not_changed(self, ours: Organisation, theirs: Organisation) -> None:
        """Not by an owner either, whose role lacks nothing."""
        foreign, client = self.own(self.make(theirs, 1)), program(member(ours, "owner"))
        if self.write is None:
            assert client.delete(foreign).status_code in (403, 404, 405)
            return
        assert client.patch(foreign, {}, format="json").status_code in (404, 405)
        assert client.delete(foreign).status_code in (404, 405)

    def test_who_only_reads_changes_nothing(self, ours: Organisation) -> None:
        row, reader = self.make(ours, 1), program(member(ours, "read_only"))
        assert reader.get(self.own(row)).status_code == 200
        assert reader.patch(self.own(row), {}, format="json").status_code in (403, 405)
        assert reader.delete(self.own(row)).status_code in (403, 405)

    @pytest.mark.parametrize("number", [1, 10, 60])
    def test_a_list_asks_the_database_a_fixed_number_of_times(
        self, client: APIClient, ours: Organisation, number: int
    ) -> None:
        for one in range(number):
            self.make(ours, one)
        client.get(self.path, self.asked())  # notes that the token was used
        with CaptureQueriesContext(
            connection,
        ) as seen:
            assert client.get(self.path, self.asked()).status_code == 200
        assert len(seen) <= self.queries, [query["sql"][:200] for query in seen]

    def test_pages_are_complete(self, client: APIClient, ours: Organisation) -> None:
        made = {self.name_of(self.make(ours, number)) for number in range(7)}
        found: list[str] = []
        answer = client.get(self.path, {"page_size": "3", **self.asked()})
        while True:
            found += [row for row in made if row in answer.content.decode()]
            following = answer.json()["links"]["next"]
            if following is None:
                break
            answer = client.get(following)
        assert sorted(found) == sorted(made)

    def test_pages_stay_complete_while_rows_are_added(self, client: APIClient, ours: Organisation) -> None:
        """Newest-first lists by cursor don't move; of those by page the rows that follow are all told."""
        made = [self.name_of(self.make(ours, number)) for number in range(6)]
        answer = client.get(self.path, {"page_size": "2", **self.asked()})
        found, number = answer.content.decode(), -1
        while (following := answer.json()["links"]["next"]) is not None and number > -10:
            self.make(ours, number)
            number -= 1
            answer = client.get(following)
            found += answer.content.decode()
        assert [name for name in made if found.count(name) == 0] == []
        if self.is_by_cursor:
            assert [name for name in made if found.count(f'"{name}"') > self.mentions] == []
