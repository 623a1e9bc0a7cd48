import json
import logging

import pytest

from accounts.acting import acting
from proxy_site.logs import FIELDS, AsJson, SaidOnce
from routing.links import DialTarget
from routing.saying import say


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


# -- for programs -----------------------------------------------------------------------------------------


@pytest.fixture
def as_json(caplog):
    """What the log has as JSON so far, but the moments."""
    caplog.set_level(logging.INFO)

    def as_json():
        said = [json.loads(AsJson().format(record)) for record in caplog.records]
        assert all(one.pop("at").endswith("+00:00") for one in said)
        return said

    return as_json


LOGGER = logging.getLogger("tests.as_json")
INFO = {"level": "INFO", "logger": "tests.as_json"}


def test_a_line_tells_charger_route_and_exchange_as_fields(as_json):
    say(LOGGER, "CP%d", logging.INFO, "%s: %s", "blocked", "Reset", route=7, exchange=5)
    say(LOGGER, 3, logging.INFO, "has to wait")
    assert as_json() == [
        {**INFO, "message": "CP%d: blocked: Reset", "charger": "CP%d", "route": 7, "exchange": 5},
        {**INFO, "message": "charger 3: has to wait", "charger_id": 3},
    ]


def test_a_line_about_a_link_tells_whose_and_no_password(as_json):
    target = DialTarget(
        route=7, charger=3, backoffice="Energy", url="ws://x/", username="x", password=b"hush"
    )
    LOGGER.info("%r", target, extra=target.named())
    [said] = as_json()
    assert (said["charger_id"], said["route"], said["backoffice"]) == (3, 7, "Energy")
    assert target.named().keys() <= set(FIELDS)
    assert "hush" not in str(said)


def test_a_line_has_its_request_and_its_fault(as_json):
    with acting(correlation_id="abc"):
        try:
            raise ValueError("no\nsuch thing")
        except ValueError:
            LOGGER.exception("failed")
        [said] = as_json()
    assert said["joined_by"] == "abc"
    assert said["traceback"].endswith("ValueError: no\nsuch thing")
    assert "traceback" not in said["message"]
