import logging

from django.db import OperationalError

from backoffices.complaint import Complaint


def lines(caplog, level):
    return [record.getMessage() for record in caplog.records if record.levelno >= level]


def test_a_database_that_hangs_is_complained_of_once_too(caplog):
    caplog.set_level(logging.DEBUG)
    clock = iter([100.0, 100.0, 120.0])
    complaint = Complaint(lambda: next(clock))
    complaint.hangs("proof of life", None)
    assert not complaint.is_made
    for away_s in (4.1, 6.1, 8.1):
        complaint.hangs("proof of life", away_s)
    complaint.hangs("proof of life", None)
    assert complaint.is_made
    complaint.answered()
    assert lines(caplog, logging.DEBUG) == [
        "proof of life: the database does not answer: not a word for 4 s",
        "the database answers again, after 24.1 s",
    ]


def test_an_outage_is_two_lines_however_often_something_fails(caplog):
    caplog.set_level(logging.DEBUG)
    clock = iter([100.0, 133.25, 200.0, 201.0])
    complaint = Complaint(lambda: next(clock))
    complaint.answered()
    for _ in range(3):
        complaint.failed("_prove_life", OperationalError("refused\n\tIs the server running?"))
        assert complaint.is_made
    complaint.answered()
    complaint.answered()
    assert not complaint.is_made
    assert lines(caplog, logging.INFO) == [
        "_prove_life: the database does not answer: refused",
        "the database answers again, after 33.2 s",
    ]
    assert len(lines(caplog, logging.DEBUG)) == 4

    complaint.failed("_poll", OperationalError())
    complaint.answered()
    assert lines(caplog, logging.INFO)[2:] == [
        "_poll: the database does not answer: OperationalError",
        "the database answers again, after 1.0 s",
    ]
