"""Members of organisations in the API: who sees whom, and who may make them what."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from accounts.models import Deed, Membership, Organisation, User
from tests.api.conftest import member, program
from tests.api.resource import Resource

pytestmark = pytest.mark.django_db
PATH = "/api/v1/members/"


def someone(
    organisation: Organisation, role: str = "installer", name: str = "bert", **more: Any
) -> Membership:
    person = User.objects.create_user(name, email=f"{name}@example.org")
    return organisation.memberships.create(user=person, role=role, **more)


def an_hour(ago: int) -> Any:
    return timezone.now() - timedelta(hours=ago)


class TestMembers(Resource):
    path, read, write = PATH, "members:read", "members:write"

    def make(self, organisation: Organisation, number: int) -> Any:
        return someone(organisation, name=f"member {number} of {organisation}")


@pytest.mark.parametrize(
    ("role", "shown"), [("read_only", 0), ("installer", 0), ("owner", 1), ("operator", 1)]
)
def test_managers_see_addresses_and_who_was_there(ours: Organisation, role: str, shown: int) -> None:
    someone(ours, name="here")
    past = someone(ours, name="gone", ends_at=an_hour(1))
    client = program(member(ours, role, "me"))
    found = {row["name"]: row for row in client.get(PATH).json()["data"]}
    assert set(found) == {"here", "me", *["gone"] * shown}
    assert found["here"]["email"] == "here@example.org" * shown
    assert [name for name, row in found.items() if row["is_you"]] == ["me"]
    assert client.get(f"{PATH}{past.uuid}/").status_code == (200 if shown else 404)


def test_who_manages_here_sees_no_addresses_there(ours: Organisation, theirs: Organisation) -> None:
    person = member(ours, "owner")
    theirs.memberships.create(user=person, role="installer")
    other, gone = someone(theirs), someone(theirs, name="gone", ends_at=an_hour(1))
    client = program(person)
    assert client.get(f"{PATH}{other.uuid}/").json()["email"] == ""
    assert client.get(f"{PATH}{gone.uuid}/").status_code == 404
    assert client.patch(f"{PATH}{other.uuid}/", {"role": "owner"}, format="json").status_code == 403
    other.refresh_from_db()
    assert other.role == "installer"


@pytest.mark.parametrize(
    ("asked", "found"),
    [({"role": "owner"}, ["me"]), ({"is_live": "false"}, ["gone"]), ({"is_live": "true"}, ["here", "me"])],
    ids=str,
)
def test_filters(ours: Organisation, asked: dict[str, str], found: list[str]) -> None:
    client = program(member(ours, "owner", "me"))
    someone(ours, name="here")
    someone(ours, name="gone", ends_at=an_hour(1))
    asked |= {"organisation": str(ours.uuid)}
    assert [row["name"] for row in client.get(PATH, asked).json()["data"]] == found


def test_a_member_becomes_something_else_and_it_is_recorded(ours: Organisation) -> None:
    other, end = someone(ours), timezone.now() + timedelta(days=3)
    said = {"role": "read_only", "ends_at": end.isoformat()}
    client = program(member(ours, "owner", "me"))
    answer = client.patch(f"{PATH}{other.uuid}/", said, format="json")
    assert answer.status_code == 200, answer.json()
    assert (answer.json()["role"], answer.json()["sees_cards"]) == ("read_only", False)
    other.refresh_from_db()
    assert (other.role, other.ends_at) == ("read_only", end)
    deeds = Deed.objects.filter(subject_type="accounts.membership", actor_name="me")
    assert [list(deed.after) for deed in deeds] == [["role"], ["ends_at"]]


def test_an_access_ends_now_and_not_before(ours: Organisation) -> None:
    other, before = someone(ours), timezone.now()
    said = {"ends_at": "2001-01-01T00:00:00Z"}
    answer = program(member(ours, "owner")).patch(f"{PATH}{other.uuid}/", said, format="json")
    assert answer.json()["is_live"] is False
    other.refresh_from_db()
    assert other.ends_at is not None
    assert before <= other.ends_at <= timezone.now()


REFUSED: list[tuple[str, str, dict[str, Any], int]] = [
    ("installer", "installer", {"role": "read_only"}, 403),
    ("read_only", "installer", {"role": "read_only"}, 403),
    ("owner", "operator", {"role": "installer"}, 403),
    ("owner", "installer", {"role": "operator"}, 403),
    ("owner", "installer", {"sees_cards": False, "role": "operator"}, 403),
    ("owner", "installer", {"role": "king"}, 400),
    ("owner", "installer", {"ends_at": "soon"}, 400),
    ("owner", "read_only", {"sees_cards": True}, 422),
    ("operator", "owner", {"sees_cards": False}, 422),
]


@pytest.mark.parametrize(("actor", "whom", "said", "status"), REFUSED, ids=str)
def test_what_is_refused_changes_nothing(
    ours: Organisation, actor: str, whom: str, said: dict[str, Any], status: int
) -> None:
    other = someone(ours, whom)
    answer = program(member(ours, actor)).patch(f"{PATH}{other.uuid}/", said, format="json")
    assert answer.status_code == status, answer.json()
    found = Membership.objects.get(pk=other.pk)
    assert (found.role, found.ends_at, found.sees_cards) == (whom, None, True)


def test_an_organisation_keeps_who_looks_after_it(ours: Organisation) -> None:
    person = member(ours, "owner")
    own = f"{PATH}{ours.memberships.get().uuid}/"
    for said in ({"role": "installer"}, {"ends_at": "2001-01-01T00:00:00Z"}):
        answer = program(person).patch(own, said, format="json")
        assert (answer.status_code, answer.json()["code"]) == (409, "conflict")


def test_a_token_for_reading_changes_nothing(ours: Organisation) -> None:
    other, person = someone(ours), member(ours, "owner")
    reader = program(person, "members:read")
    assert reader.get(f"{PATH}{other.uuid}/").status_code == 200
    assert reader.patch(f"{PATH}{other.uuid}/", {"role": "owner"}, format="json").status_code == 403


def test_a_narrow_token_of_a_superuser_has_one_organisation(ours: Organisation, theirs: Organisation) -> None:
    mine, foreign = someone(ours), someone(theirs, name="zoe")
    client = program(User.objects.create_superuser("root"), organisation=ours)
    assert [row["uuid"] for row in client.get(PATH).json()["data"]] == [str(mine.uuid)]
    assert client.patch(f"{PATH}{foreign.uuid}/", {"role": "owner"}, format="json").status_code == 404
