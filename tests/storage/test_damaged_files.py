"""Damaged, truncated and missing files are reported in one sentence, and no acknowledged write is lost silently."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from secantus_server.storage import RECORDS, DamagedData, Engine, StorageError, log_cuts, pack_ident
from secantus_server.storage import log_marks as marks
from secantus_server.storage.inspection import FILES, log_files
from secantus_server.storage.log_cuts import earlier_cuts
from secantus_server.storage.tables import NAMES
from tests.storage.damage import flip, last_log, reboot

WRITER = Path(__file__).with_name("damaged_writer.py")
WRITTEN = 220
UNIT = 128


@pytest.fixture(scope="module")
def killed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a storage directory that its process did not close."""
    path = tmp_path_factory.mktemp("killed")
    subprocess.run([sys.executable, str(WRITER), str(path)], check=True)
    return path


@pytest.fixture
def store(killed: Path, tmp_path: Path) -> Path:
    """Return a copy of the directory `killed`, to be damaged."""
    return Path(shutil.copytree(killed, tmp_path / "store"))


def end_of_log(path: Path) -> int:
    """Return the position after the last non-zero byte of the file, rounded up to a whole unit."""
    used = len(path.read_bytes().rstrip(b"\0"))
    return (used + UNIT - 1) // UNIT * UNIT


def records(path: Path) -> int:
    engine = Engine.open(str(path))
    try:
        with engine.transaction() as unit:
            return sum(1 for _ in unit.scan(RECORDS, b"", None))
    finally:
        engine.close()


def read_everything(path: Path) -> None:
    engine = Engine.open(str(path))
    try:
        with engine.transaction() as unit:
            for table in range(len(NAMES)):
                list(unit.scan(table, b"", None))
    finally:
        engine.close()


def refusal(path: Path) -> str:
    with pytest.raises(StorageError) as caught:
        Engine.open(str(path))
    assert "\n" not in caught.value.message
    assert "[" not in caught.value.message, "WiredTiger's own words"
    return caught.value.message


def test_without_damage_everything_is_there(store: Path) -> None:
    assert records(store) == WRITTEN
    assert records(store) == WRITTEN


@pytest.mark.parametrize("part", [0.3, 0.6, 0.9])
def test_a_flipped_byte_in_the_log(store: Path, part: float) -> None:
    log = last_log(store)
    flip(log, int(end_of_log(log) * part))
    assert "is damaged at byte" in refusal(store)


def test_a_flipped_byte_in_the_last_record_of_the_log(store: Path) -> None:
    log = last_log(store)
    flip(log, end_of_log(log) - UNIT)
    assert "is damaged at byte" in refusal(store)


def test_a_log_that_was_cut_off(store: Path) -> None:
    log = last_log(store)
    os.truncate(log, end_of_log(log) - 10 * UNIT)
    assert "is damaged at byte" in refusal(store)


def test_an_empty_log_file(store: Path) -> None:
    os.truncate(last_log(store), 0)
    assert "is damaged at byte 0" in refusal(store)


def test_a_missing_log_file(store: Path) -> None:
    for path in log_files(store).values():
        path.unlink()
    assert f"WiredTigerLog.{1:010} is missing" in refusal(store)


def test_a_record_that_a_crash_left_half_written(store: Path) -> None:
    log = last_log(store)
    end = end_of_log(log)
    content = bytearray(log.read_bytes())
    begun = (3 * UNIT).to_bytes(4, "little") + b"\1\2\3\4" + b"\0" * 8 + b"begun"
    content[end : end + len(begun)] = begun
    log.write_bytes(content)
    assert records(store) == WRITTEN


def test_the_log_may_be_given_up(store: Path) -> None:
    """Follow the advice in the refusal. The store then continues from its last checkpoint, and later crashes lose nothing."""
    for path in (store / marks.NAME, *log_files(store).values()):
        path.unlink()
    assert records(store) == 20
    subprocess.run([sys.executable, str(WRITER), str(store)], check=True)
    assert records(store) == WRITTEN


def test_a_machine_that_stopped_may_lose_what_the_disk_was_not_asked_to_keep(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = last_log(store)
    os.truncate(log, end_of_log(log) - 50 * UNIT)
    refusal(store)
    reboot(monkeypatch)
    assert 20 < records(store) < WRITTEN


def test_what_the_disk_was_asked_to_keep_must_be_there_after_the_machine_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = Engine.open(str(tmp_path / "live"))
    for number in range(50):
        with engine.transaction() as unit:
            unit.put(RECORDS, pack_ident(1) + number.to_bytes(8, "big"), b"x" * 400 + b"\0")
    engine.flush_log()
    store = Path(shutil.copytree(tmp_path / "live", tmp_path / "store"))
    engine.close()
    reboot(monkeypatch)
    os.truncate(last_log(store), end_of_log(last_log(store)) - 20 * UNIT)
    assert "is damaged at byte" in refusal(store)


def test_a_machine_that_stopped_writes_in_any_order(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = last_log(store)
    flip(log, end_of_log(log) - 50 * UNIT)
    refusal(store)
    reboot(monkeypatch)
    assert 20 < records(store) < WRITTEN
    assert 20 < records(store) < WRITTEN


def test_what_is_cut_off_after_a_power_loss_is_kept(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = last_log(store)
    before, end = log.read_bytes(), end_of_log(log)
    flip(log, end - 50 * UNIT)
    reboot(monkeypatch)
    engine = Engine.open(str(store))
    engine.close()
    (cut,) = engine.log_cuts
    assert cut.log_file == log.name
    assert end - cut.offset - cut.size < UNIT
    kept = bytearray((store / "SecantusLog.cut-1").read_bytes())
    kept[end - 50 * UNIT - cut.offset] ^= 0x40
    assert kept == before[cut.offset : cut.offset + cut.size], "all of it, with the damage"
    assert records(store) < WRITTEN
    assert earlier_cuts(store) == [cut.kept], "a second start has nothing to cut off"


def test_a_damaged_last_record_after_a_power_loss_is_kept(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = last_log(store)
    flip(log, end_of_log(log) - UNIT)
    reboot(monkeypatch)
    assert records(store) == WRITTEN - 1
    assert [path.name for path in earlier_cuts(store)] == ["SecantusLog.cut-1"]


def test_an_incomplete_record_after_a_kill_is_not_kept(store: Path) -> None:
    """The record contains no acknowledged commit, because acknowledged commits were passed to the operating system completely."""
    log = last_log(store)
    content = bytearray(log.read_bytes())
    at = end_of_log(log)
    content[at : at + 8] = (3 * UNIT).to_bytes(4, "little") + b"\1\2\3\4"
    log.write_bytes(content)
    assert records(store) == WRITTEN
    assert earlier_cuts(store) == []


def failing_sync(*_arguments: object) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_what_is_cut_off_must_be_kept_before_the_log_changes(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = last_log(store)
    flip(log, end_of_log(log) - 50 * UNIT)
    damaged = log.read_bytes()
    reboot(monkeypatch)
    monkeypatch.setattr(log_cuts, "sync_path", failing_sync)
    assert "cannot be kept in" in refusal(store)
    assert log.read_bytes() == damaged


@pytest.mark.parametrize("damage", [lambda path: flip(path, 20), Path.unlink], ids=["damaged header", "missing"])
def test_the_log_that_follows_a_removed_file_is_read(store: Path, damage: Callable[[Path], None]) -> None:
    """A closed store does not need its last log file. But its tables refer to positions that the new log has not reached yet."""
    Engine.open(str(store)).close()
    damage(last_log(store))
    subprocess.run([sys.executable, str(WRITER), str(store), "1000"], check=True)
    assert records(store) == 2 * WRITTEN


def test_the_log_that_follows_a_missing_file_is_read_if_an_earlier_file_remains(store: Path) -> None:
    first = last_log(store).read_bytes()
    Engine.open(str(store)).close()
    assert max(log_files(store)) == 2
    last_log(store).unlink()
    (store / "WiredTigerLog.0000000001").write_bytes(first)
    subprocess.run([sys.executable, str(WRITER), str(store), "1000"], check=True)
    assert records(store) == 2 * WRITTEN


@pytest.mark.parametrize(("header", "zeros"), [(0, 0), (0, 4096), (UNIT, 0), (UNIT, 4096)])
def test_a_log_file_whose_creation_was_interrupted(store: Path, header: int, zeros: int) -> None:
    for when in ("after a kill", "after an orderly end"):
        log = last_log(store)
        begun = log.with_name(f"WiredTigerLog.{max(log_files(store)) + 1:010}")
        begun.write_bytes(log.read_bytes()[:header] + b"\0" * zeros)
        assert records(store) == WRITTEN, when


def being_made(store: Path) -> None:
    """Change a store's marks to those that it has while its tables are being created."""
    content = bytearray((store / marks.NAME).read_bytes())
    content[marks._AT_STATE : marks._AT_STATE + 1] = marks._MADE
    (store / marks.NAME).write_bytes(content)


@pytest.mark.parametrize("remaining", [(), ("WiredTiger.wt",), ("WiredTiger", "WiredTiger.wt", "WiredTiger.turtle"), ("WiredTigerHS.wt",)])
def test_a_store_whose_creation_was_interrupted(tmp_path: Path, remaining: tuple[str, ...]) -> None:
    Engine.open(str(tmp_path)).close()
    for name in set(FILES).difference(remaining):
        (tmp_path / name).unlink()
    being_made(tmp_path)
    assert records(tmp_path) == 0


def test_a_store_that_was_put_beside_the_marks_of_an_interrupted_creation(store: Path) -> None:
    being_made(store)
    assert records(store) == WRITTEN


@pytest.mark.parametrize(
    "damage",
    [Path.unlink, lambda path: os.truncate(path, 0), lambda path: os.truncate(path, 2000), lambda path: flip(path, 20)],
    ids=["missing", "empty", "cut off", "flipped"],
)
def test_damaged_marks_are_made_anew(store: Path, damage: Callable[[Path], None]) -> None:
    damage(store / marks.NAME)
    assert records(store) == WRITTEN


@pytest.mark.parametrize("name", FILES)
def test_a_missing_file(store: Path, name: str) -> None:
    (store / name).unlink()
    assert f"without {name}: restore the directory from a backup" in refusal(store)


@pytest.mark.parametrize("name", [name for name in FILES if name != "WiredTiger"])
def test_an_empty_file(store: Path, name: str) -> None:
    os.truncate(store / name, 0)
    with pytest.raises((StorageError, DamagedData), match=rf"{name} .*is damaged") as caught:
        read_everything(store)
    assert caught.value.code == 301


def test_a_damaged_turtle_file(store: Path) -> None:
    turtle = store / "WiredTiger.turtle"
    os.truncate(turtle, turtle.stat().st_size // 2)
    assert "is damaged, or was written by another version" in refusal(store)


def test_a_turtle_file_that_was_changed_after_the_end(store: Path) -> None:
    """WiredTiger's turtle file has no checksum, and a damaged value format would crash WiredTiger."""
    Engine.open(str(store)).close()
    turtle = store / "WiredTiger.turtle"
    flip(turtle, turtle.read_bytes().index(b"value_format"))
    message = refusal(store)
    assert "is not as the server left it: restore the directory from a backup" in message
    assert f"if it was replaced on purpose, remove {marks.NAME}." in message


def test_an_opening_that_failed_may_have_changed_the_turtle_file(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Engine.open(str(store)).close()
    monkeypatch.setattr(marks.LogMarks, "begin", failing_sync)
    with pytest.raises(StorageError):
        Engine.open(str(store))
    monkeypatch.undo()
    assert records(store) == WRITTEN


def test_a_turtle_file_of_which_nothing_is_known(store: Path) -> None:
    """The marks of an earlier version of the server contain no checksum of the turtle file."""
    Engine.open(str(store)).close()
    content = bytearray((store / marks.NAME).read_bytes())
    content[marks._AT_TURTLE : marks._AT_TURTLE + 4] = bytes(4)
    (store / marks.NAME).write_bytes(content)
    turtle = store / "WiredTiger.turtle"
    turtle.write_bytes(turtle.read_bytes() + b"\n")
    assert records(store) == WRITTEN


def test_an_older_version(store: Path) -> None:
    turtle = store / "WiredTiger.turtle"
    turtle.write_bytes(turtle.read_bytes().replace(b"major=11,minor=3", b"major=2,minor=0"))
    assert "another version" in refusal(store)


def filled(path: Path) -> list[int]:
    """Create a closed store with three idents, each on its own pages. Return the idents."""
    engine = Engine.open(str(path))
    idents = []
    for _ in range(3):
        with engine.transaction() as unit:
            idents.append(engine.new_ident())
            for number in range(2000):
                unit.put(RECORDS, pack_ident(idents[-1]) + number.to_bytes(8, "big"), b"%d" % idents[-1] * 200)
    engine.close()
    return idents


def test_a_damaged_page_is_an_error_of_what_it_belongs_to(tmp_path: Path) -> None:
    first, second, third = filled(tmp_path)
    table = tmp_path / "records.wt"
    flip(table, table.read_bytes().index(b"%d" % second * 200, table.stat().st_size // 2 - 20_000))
    engine = Engine.open(str(tmp_path))
    engine.describe_idents(lambda table, ident: f"the collection c{ident}")

    def count(ident: int) -> int:
        with engine.transaction() as unit:
            return sum(1 for _ in unit.scan(RECORDS, pack_ident(ident), pack_ident(ident + 1)))

    assert (count(first), count(third)) == (2000, 2000)
    for _ in range(2):
        with pytest.raises(DamagedData, match=rf"Part of the collection c{second} cannot be read: the data file records.wt is damaged"):
            count(second)
    with engine.transaction() as unit:
        unit.put(RECORDS, pack_ident(third) + b"new", b"value")
    engine.checkpoint()
    engine.drop_ident(RECORDS, second)
    while engine.purge_orphans(1000):
        pass
    assert (count(first), count(third)) == (2000, 2001)
    engine.close()
    engine = Engine.open(str(tmp_path))
    assert (count(first), count(third)) == (2000, 2001)
    engine.close()
