from __future__ import annotations

import os
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from routing import spool as spool_module
from routing.core.rows import MessageRow
from routing.spool import Spool, SpoolFile
from tests.routing.rows import message

MIB = 2**20


def numbered(*numbers: int) -> list[MessageRow]:
    return [message(message_id=str(number)) for number in numbers]


def files(directory: Path) -> list[Path]:
    return sorted(directory.glob("*.spool"))


def written(directory: Path, rows: list[MessageRow], **options: Any) -> Path:
    """The file of a process that has written these and is gone."""
    spool = Spool(directory, MIB, **options)
    spool.add(rows)
    assert spool.close(60)
    return files(directory)[-1]


def read(spool: Spool) -> list[MessageRow]:
    """All that is left, as the writer's thread reads it."""
    found: list[MessageRow] = []
    while (piece := spool.next_piece()) is not None:
        found += piece.rows
        spool.stored(piece)
    return found


def adopted(directory: Path, **options: Any) -> list[MessageRow]:
    spool = Spool(directory, MIB, **options)
    spool.adopt()
    rows = read(spool)
    assert spool.waiting == 0
    return rows


def test_rows_come_back_as_they_were(tmp_path: Path):
    rows = [
        message(transaction=UUID(int=7), latency_ms=None, route=3, connector_id=None),
        message(text='é😀 "\0"', answer="x" * 600_000),  # more than is read at once
        *numbered(*range(1100)),
    ]
    written(tmp_path, rows)
    assert adopted(tmp_path) == rows
    assert files(tmp_path) == []


def test_a_number_of_any_size_costs_nothing_but_itself(tmp_path: Path):
    written(tmp_path, [message(connector_id=2**70), message(connector_id=2**63 - 1)])
    assert [row.connector_id for row in adopted(tmp_path)] == [None, 2**63 - 1]


def test_a_row_that_nothing_takes_costs_no_later_ones(tmp_path: Path):
    wrong: Any = object()
    spool = Spool(tmp_path, MIB)
    spool.add([message(text=wrong)])
    spool.add(numbered(1))
    assert spool.close(60)
    assert spool.dropped == 1
    assert [row.message_id for row in adopted(tmp_path)] == ["1"]


def test_text_that_is_no_unicode_comes_back_readable(tmp_path: Path):
    written(tmp_path, [message(text="half \ud83d")])
    assert [row.text for row in adopted(tmp_path)] == ["half \\ud83d"]


def test_only_its_owner_reads_a_spool(tmp_path: Path):
    path = written(tmp_path, numbered(1))
    assert (path.stat().st_mode & 0o777, tmp_path.stat().st_mode & 0o077) == (0o600, 0)


def test_what_is_over_the_limit_is_dropped_and_counted(tmp_path: Path, caplog):
    spool = Spool(tmp_path, 1000)
    spool.add(numbered(1))
    spool.add(numbered(*range(2, 50)))
    spool.add(numbered(50))
    assert spool.close(60)
    assert (spool.written, spool.dropped, spool.waiting) == (2, 48, 2)
    assert [row.message_id for row in adopted(tmp_path)] == ["1", "50"]
    assert [line for line in caplog.messages if "dropped" in line] == [
        "rows of the audit log are dropped from now on: the spool is full (PROXY_SPOOL_BYTES=1000)"
    ]


@contextmanager
def largest_file(size: int) -> Iterator[None]:
    """Nobody in this process can write beyond this: as on a full disk, some of it may still go."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_what_the_disk_refuses_is_dropped_and_costs_nothing_else(tmp_path: Path, caplog):
    spool = Spool(tmp_path, MIB)
    spool.add(numbered(1))
    with largest_file(2000):
        spool.add(numbered(*range(2, 50)))
        while spool.dropped == 0:
            os.sched_yield()
    spool.add(numbered(50))
    assert spool.close(60)
    assert (spool.dropped, spool.waiting) == (48, 2)
    assert [row.message_id for row in adopted(tmp_path)] == ["1", "50"]
    assert "File too large" in caplog.text


def test_without_a_place_all_is_dropped(tmp_path: Path):
    nowhere = Spool(None, MIB)
    nowhere.add(numbered(1, 2))
    (tmp_path / "spool").write_text("a file in the way")
    blocked = Spool(tmp_path / "spool", MIB)
    blocked.add(numbered(1, 2))
    assert nowhere.close(60)
    assert blocked.close(60)
    assert (nowhere.dropped, blocked.dropped) == (2, 2)


def test_a_disk_that_hangs_costs_no_memory(tmp_path: Path, monkeypatch):
    monkeypatch.setattr(spool_module, "PENDING_ROWS", 10)
    spool = Spool(tmp_path, MIB)
    with spool._files:  # as its thread would wait in the disk
        for number in range(100):
            spool.add(numbered(number))
        assert (spool.waiting, spool.dropped) == (10, 90)
        spool.add(numbered(100), last=True)
    assert spool.close(60)
    assert [row.message_id for row in adopted(tmp_path)] == [*map(str, range(10)), "100"]


@pytest.mark.parametrize("kept", [5, -1], ids=["within its length", "but for a byte"])
def test_a_torn_last_row_is_left_out(tmp_path: Path, kept: int):
    path = written(tmp_path, numbered(1, 2))
    one = written(tmp_path / "other", numbered(2))
    length = one.stat().st_size - 8
    end = path.stat().st_size
    os.truncate(path, end - length + kept if kept > 0 else end + kept)
    assert [row.message_id for row in adopted(tmp_path)] == ["1"]
    assert files(tmp_path) == []


@pytest.mark.parametrize(
    "tail", [b"", b"\0\0\0", b"\0" * 4096, b"\xff" * 300], ids=lambda tail: str(len(tail))
)
def test_a_crash_of_the_machine_may_leave_anything_at_the_end(tmp_path: Path, tail: bytes):
    path = written(tmp_path, numbered(1))
    with path.open("ab") as file:
        file.write(tail)
    assert [row.message_id for row in adopted(tmp_path)] == ["1"]


@pytest.mark.parametrize("size", [0, 3, 8])
def test_a_file_with_nothing_in_it_goes(tmp_path: Path, size: int):
    path = written(tmp_path, numbered(1))
    os.truncate(path, size)
    assert adopted(tmp_path) == []
    assert files(tmp_path) == []


def test_a_file_that_a_crash_has_made_shorter_than_its_beginning_says_goes(tmp_path: Path):
    path = written(tmp_path, numbered(1, 2))
    with path.open("r+b") as file:
        file.write((path.stat().st_size + 1000).to_bytes(8, "big"))
    written(tmp_path, numbered(3))
    assert [row.message_id for row in adopted(tmp_path)] == ["3"]
    assert files(tmp_path) == []


def test_a_file_that_its_disk_does_not_give_costs_no_other(tmp_path: Path, monkeypatch, caplog):
    first, _ = sorted([written(tmp_path, numbered(1)), written(tmp_path, numbered(2))])
    count = SpoolFile.count

    def broken(file: SpoolFile) -> int:
        if file.path == first:
            raise OSError(5, "Input/output error")
        return count(file)

    monkeypatch.setattr(SpoolFile, "count", broken)
    assert len(adopted(tmp_path)) == 1
    assert f"{first} can't be read" in caplog.text
    assert files(tmp_path) == [first]


def test_a_directory_that_may_not_be_looked_into_is_told(tmp_path: Path, monkeypatch, caplog):
    def refused(path: Path) -> bool:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "is_dir", refused)
    assert adopted(tmp_path) == []
    assert f"{tmp_path} can't be read" in caplog.text


def test_a_row_that_cannot_be_read_costs_only_itself(tmp_path: Path):
    wrong: Any = 17
    written(tmp_path, [message(text=wrong), *numbered(1)])
    spool = Spool(tmp_path, MIB)
    spool.adopt()
    assert [row.message_id for row in read(spool)] == ["1"]
    assert (spool.dropped, spool.waiting) == (1, 0)


def test_the_file_of_a_process_that_lives_is_left_alone(tmp_path: Path):
    living = Spool(tmp_path, MIB)
    living.add(numbered(1))
    while living.written == 0:
        os.sched_yield()
    assert adopted(tmp_path) == []
    assert living.close(60)
    assert [row.message_id for row in adopted(tmp_path)] == ["1"]


def test_rows_of_another_database_stay_where_they_are(tmp_path: Path):
    written(tmp_path, numbered(1), database="theirs")
    assert adopted(tmp_path, database="ours") == []
    assert [row.message_id for row in adopted(tmp_path, database="theirs")] == ["1"]


def test_what_was_stored_before_a_kill_does_not_come_again(tmp_path: Path, monkeypatch):
    monkeypatch.setattr(spool_module, "PIECE_ROWS", 2)
    written(tmp_path, numbered(*range(5)))
    spool = Spool(tmp_path, MIB)
    spool.adopt()
    assert spool.waiting == 5
    piece = spool.next_piece()
    assert piece
    spool.stored(piece)
    assert spool.next_piece()  # read, and the process dies before the commit
    assert spool.close(60)
    assert [row.message_id for row in adopted(tmp_path)] == ["2", "3", "4"]


def test_who_comes_late_writes_to_no_other_file(tmp_path: Path):
    written(tmp_path, numbered(1))
    spool = Spool(tmp_path, MIB)
    spool.adopt()
    piece = spool.next_piece()
    assert piece
    assert spool.close(60)
    with pytest.raises(OSError, match="Bad file descriptor"):
        spool.stored(piece)
