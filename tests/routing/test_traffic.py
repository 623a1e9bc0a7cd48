"""What a process counts of what passes through it."""

from routing.traffic import OFTEN, Traffic
from tests.routing.rows import MESSAGE


def test_what_is_taken_is_counted_anew() -> None:
    traffic = Traffic()
    traffic.saw(1, [MESSAGE, MESSAGE])
    taken = traffic.take()
    traffic.saw(1, [MESSAGE])
    assert (taken[1].up, traffic.take()[1].up) == (2, 1)
    assert not traffic.take()


def test_what_could_not_be_stored_is_not_forgotten() -> None:
    traffic = Traffic()
    traffic.saw(1, [MESSAGE, MESSAGE])
    taken = traffic.take()
    traffic.saw(1, [MESSAGE])
    traffic.give_back(taken)
    assert traffic.take()[1].up == 3


def test_a_charger_that_comes_often_is_told_of_for_an_hour() -> None:
    clock = [0.0]
    traffic = Traffic(lambda: clock[0])
    for _ in range(OFTEN):
        traffic.came(7)
    traffic.came(8)
    assert traffic.comings() == {"7": OFTEN}
    clock[0] = 3601.0
    assert traffic.comings() == {}


def test_only_frames_are_told_as_frames() -> None:
    traffic = Traffic()
    traffic.charger_received += 1
    assert traffic.counts() == {
        "backoffice_received": 0, "backoffice_sent": 0, "charger_received": 1, "charger_sent": 0,
    }  # fmt: skip
