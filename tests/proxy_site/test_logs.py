import logging

import pytest

from proxy_site.logs import SaidOnce


class Clock:
    seconds = 0.0

    def __call__(self):
        return self.seconds


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def told(clock, caplog):
    """Log lines through the filter; returns what has come through so far."""
    logger = logging.getLogger("tests.said_once")
    said_once = SaidOnce(again_s=300, now=clock)
    logger.addFilter(said_once)

    def told(text, *args):
        logger.warning(text, *args)
        return [record.getMessage() for record in caplog.records]

    yield told
    logger.removeFilter(said_once)


def test_each_line_comes_once(told):
    told("error connecting in %r: %s", "pool-1", "refused\n\tIs the server running?")
    told("error connecting in %r: %s", "pool-1", "refused\n\tIs the server running?")
    assert told("error connecting in %r: %s", "pool-1", "starting up") == [
        "error connecting in 'pool-1': refused",
        "error connecting in 'pool-1': starting up",
    ]


def test_which_object_it_is_about_does_not_matter(told):
    told("discarding closed connection: %s", "<Connection [BAD] at 0x7fb57b0b8650>")
    assert len(told("discarding closed connection: %s", "<Connection [BAD] at 0x7fb57b0b9390>")) == 1


def test_what_goes_on_is_said_again_from_time_to_time(told, clock):
    told("refused")
    clock.seconds = 299
    assert told("refused") == ["refused"]
    clock.seconds = 300
    assert told("refused") == ["refused", "refused"]


def test_an_empty_message_and_one_with_a_percent_sign_are_fine(told):
    told("")
    assert told("100 %s of %%", "%d") == ["", "100 %d of %"]


def test_the_pool_of_connections_is_heard_once(settings):
    pool = settings.LOGGING["loggers"]["psycopg.pool"]
    assert [settings.LOGGING["filters"][name]["()"] for name in pool["filters"]] == [
        "proxy_site.logs.SaidOnce"
    ]
