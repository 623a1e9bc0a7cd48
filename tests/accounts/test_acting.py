import getpass
import re

import pytest

from accounts.acting import Via, acting, current, printable, sane_correlation_id, system_user
from accounts.models import User


def test_without_anybody_it_is_the_proxy_itself():
    assert (current().via, current().actor_name, current().correlation_id) == (Via.PROXY, "", "")
    assert current().user() is None


def test_what_is_not_said_stays_as_it_was_outside():
    with acting(via=Via.ADMIN, actor_name="anna", address="10.0.0.1"):
        outer = current()
        with acting(words="Switched off."):
            assert (current().actor_name, current().address) == ("anna", "10.0.0.1")
            assert current().words == "Switched off."
            assert current().correlation_id == outer.correlation_id
        assert current() is outer
    assert current().via == Via.PROXY


def test_another_way_is_another_actor_in_the_same_run():
    anna = User(username="anna")
    with acting(anna, via=Via.ADMIN, address="10.0.0.1", words="x"):
        outer = current()
        with acting(via=Via.BACKOFFICE, actor_name="billing"):
            assert current().user() is None
            assert (current().address, current().words) == ("", "")
            assert current().correlation_id == outer.correlation_id
        assert current().user() is anna


def test_each_run_has_an_id_of_its_own():
    seen = set()
    for _ in range(2):
        with acting(via=Via.TASK):
            seen.add(current().correlation_id)
    assert len(seen) == 2
    assert all(re.fullmatch(r"[0-9a-f]{32}", one) for one in seen)


@pytest.mark.parametrize("given", ["a", "req-1.2:3_4", "0af7651916cd43dd8448eb211c80319c", "x" * 64])
def test_a_sane_id_is_taken(given):
    assert sane_correlation_id(given) == given


@pytest.mark.parametrize("given", ["", " ", "a b", "x" * 65, "a\nb", "a\x00", "<b>", "é", "a\n"])
def test_an_id_that_could_do_harm_is_replaced(given):
    assert re.fullmatch(r"[0-9a-f]{32}", sane_correlation_id(given))


def test_what_a_stranger_writes_is_cut_and_printable():
    assert printable("10.0.0.1\x00\r\n" + "x" * 99, 12) == "10.0.0.1???x"


def test_somebody_without_a_name_still_has_a_number(monkeypatch):
    def nameless():
        raise KeyError("uid not found")

    monkeypatch.setattr(getpass, "getuser", nameless)
    assert re.fullmatch(r"user \d+|unknown", system_user())
