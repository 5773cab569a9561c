"""Opening and reopening a store, and the error message of each failure."""

from __future__ import annotations

import errno
import mmap
import os
import subprocess
import sys
import threading
from pathlib import Path
from types import ModuleType
from typing import Final

import pytest

from secantus_server.errors import CommandError
from secantus_server.storage import CATALOG, INDEX_ENTRIES, RECORDS, Engine, StorageError, inspection, pack_ident
from secantus_server.storage.configuration import SESSION_MAX, machine_memory_mb
from secantus_server.storage.errors import REFUSED
from secantus_server.storage.memory_store import EarlyStore
from secantus_server.storage.wiredtiger.explanations import explain

WT_PANIC: Final = -31804
WT_TRY_SALVAGE: Final = -31809

OPEN = "import sys; from secantus_server.storage import Engine; Engine.open(sys.argv[1])"


def test_a_directory_is_made_and_reopens_intact(tmp_path: Path) -> None:
    path = str(tmp_path / "a" / "b")
    engine = Engine.open(path)
    with engine.transaction() as unit:
        ident = engine.new_ident()
        unit.put(RECORDS, pack_ident(ident), b"kept")
    engine.close()
    engine = Engine.open(path)
    with engine.transaction() as unit:
        assert unit.get(RECORDS, pack_ident(ident)) == b"kept"
        assert engine.new_ident() > ident
    engine.close()


def test_stores_in_memory_are_apart() -> None:
    first, second = Engine.open(":memory:"), Engine.open(":memory:")
    with first.transaction() as unit:
        unit.put(CATALOG, b"a", b"")
    with second.transaction() as unit:
        assert unit.get(CATALOG, b"a") is None
    first.close()
    second.close()
    assert not Path(":memory:").exists()


def test_an_early_store_is_used_once() -> None:
    early = EarlyStore(100)
    first = Engine.open(":memory:", cache_size_mb=100, early=early)
    with first.transaction() as unit:
        unit.put(RECORDS, pack_ident(first.new_ident()), b"")
    second = Engine.open(":memory:", cache_size_mb=100, early=early)
    with second.transaction() as unit:
        assert unit.get(CATALOG, b"a") is None
    first.close()
    second.close()


def test_an_early_store_of_another_size_is_not_used() -> None:
    early = EarlyStore(100)
    engine = Engine.open(":memory:", cache_size_mb=200, early=early)
    assert engine.statistics()["cache: maximum bytes configured"] == 200 << 20
    assert early.take(100, SESSION_MAX) is None
    engine.close()


def test_an_early_store_that_cannot_be_opened_is_opened_again() -> None:
    early = EarlyStore(100, session_max=-1)
    with pytest.raises(StorageError) as raised:
        Engine.open(":memory:", cache_size_mb=100, session_max=-1, early=early)
    with pytest.raises(StorageError) as expected:
        Engine.open(":memory:", cache_size_mb=100, session_max=-1)
    assert str(raised.value) == str(expected.value)


def test_a_second_process_is_refused(tmp_path: Path) -> None:
    engine = Engine.open(str(tmp_path))
    done = subprocess.run([sys.executable, "-c", OPEN, str(tmp_path)], capture_output=True, text=True, check=False)
    engine.close()
    assert done.returncode == 1
    assert done.stderr.strip().endswith(f"StorageError: The storage directory is in use by another server. ({tmp_path})")


def test_a_second_store_in_the_process_is_refused(tmp_path: Path) -> None:
    engine = Engine.open(str(tmp_path))
    with pytest.raises(StorageError, match="in use by another server") as caught:
        Engine.open(str(tmp_path))
    assert caught.value.code == 98
    engine.close()


def test_a_file_in_the_way(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"")
    for below in (path, path / "data"):
        with pytest.raises(StorageError, match=r"The storage directory .* cannot be created: (File exists|Not a directory)\."):
            Engine.open(str(below))


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_an_unwritable_directory(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(StorageError, match=r"[Pp]ermission denied"):
        Engine.open(str(tmp_path))
    tmp_path.chmod(0o700)


def test_files_of_something_else(tmp_path: Path) -> None:
    (tmp_path / "WiredTiger").write_text("not a store")
    (tmp_path / "WiredTiger.turtle").write_text("neither")
    with pytest.raises(StorageError, match=r"The storage"):
        Engine.open(str(tmp_path))


def test_a_full_memory_store_refuses_and_lives_on() -> None:
    engine = Engine.open(":memory:", cache_size_mb=8)
    written = 0
    with pytest.raises(CommandError, match="The in-memory store is full") as caught:
        while True:
            with engine.transaction() as unit:
                unit.put(RECORDS, pack_ident(1) + written.to_bytes(8, "big"), b"x" * 1000)
            written += 1
    assert caught.value.code == 14031
    assert written > 4000
    with engine.transaction() as unit:
        assert sum(1 for _ in unit.scan(RECORDS, b"", None)) == written
    while True:
        with engine.transaction() as unit:
            if not [unit.remove(RECORDS, key) for key, _ in list(unit.scan(RECORDS, b"", None))[:500]]:
                break
    engine.close()


def test_a_transaction_that_met_the_full_store_is_not_committed() -> None:
    engine = Engine.open(":memory:", cache_size_mb=8)
    unit = engine.acquire()
    unit.begin()
    written = 0
    with pytest.raises(CommandError, match="The in-memory store is full"):
        while True:
            unit.put(RECORDS, pack_ident(1) + written.to_bytes(8, "big"), b"x" * 1000)
            written += 1
    with pytest.raises(CommandError, match="The in-memory store is full") as caught:
        unit.commit()
    assert caught.value.code == 14031
    assert not unit.in_transaction
    unit.begin()
    assert list(unit.scan(RECORDS, b"", None)) == []
    unit.rollback()
    engine.release(unit)
    assert engine.was_full
    assert engine.make_room()
    assert not engine.was_full
    engine.close()


def test_a_restore_makes_room_in_a_full_store() -> None:
    engine = Engine.open(":memory:", cache_size_mb=8)
    with engine.transaction() as unit:
        ident = pack_ident(engine.new_ident())
        unit.put(RECORDS, ident, b"old")
    snapshot = engine.push_snapshot()
    with pytest.raises(CommandError, match="The in-memory store is full"):
        for number in range(100_000):
            with engine.transaction() as unit:
                unit.put(RECORDS, ident, b"new")
                unit.put(INDEX_ENTRIES, ident + number.to_bytes(8, "big"), b"x" * 1000)
    engine.restore(snapshot)
    with engine.transaction() as unit:
        assert list(unit.scan(RECORDS, b"", None)) == [(ident, b"old")]
        assert list(unit.scan(INDEX_ENTRIES, b"", None)) == []
    engine.close()


def test_a_synchronous_commit_and_shared_flushes(tmp_path: Path) -> None:
    engine = Engine.open(str(tmp_path), sync_on_commit=True)

    def write(name: bytes) -> None:
        for number in range(5):
            with engine.transaction() as unit:
                unit.put(CATALOG, b"%s%d" % (name, number), b"")
            engine.flush_log()

    threads = [threading.Thread(target=write, args=(name,)) for name in (b"a", b"b", b"c")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    engine.checkpoint()
    with engine.transaction() as unit:
        assert sum(1 for _ in unit.scan(CATALOG, b"", None)) == 15
    engine.close()


def test_the_machine_has_memory() -> None:
    assert machine_memory_mb() >= 64


@pytest.mark.parametrize(
    ("module", "name", "message"),
    [(os, "pread", "cannot be written: input/output error"), (mmap, "mmap", "cannot be written: input/output error")],
)
def test_marks_that_cannot_be_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, module: ModuleType, name: str, message: str) -> None:
    monkeypatch.setattr(module, name, refuse)
    with pytest.raises(StorageError, match=message):
        Engine.open(str(tmp_path))


def test_files_that_cannot_be_inspected(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Engine.open(str(tmp_path)).close()
    monkeypatch.setattr(inspection, "log_files", refuse)
    with pytest.raises(StorageError, match="cannot be read: input/output error") as caught:
        Engine.open(str(tmp_path))
    assert str(tmp_path) in caught.value.message
    monkeypatch.undo()
    Engine.open(str(tmp_path)).close()


def refuse(*_arguments: object, **_options: object) -> None:
    raise OSError(errno.EIO, os.strerror(errno.EIO))


@pytest.mark.parametrize(
    ("code", "cause", "message"),
    [
        (errno.EIO, 0, "has failed because of an input/output error: check the disk."),
        (errno.ENOMEM, 0, "has failed because of a lack of memory: free some memory."),
        (WT_PANIC, errno.EMFILE, "has stopped because of too many open files: raise the limit of open files, and restart the server."),
    ],
)
def test_what_the_operating_system_refuses_is_not_called_damage(code: int, cause: int, message: str) -> None:
    error = explain(code, cause, "[1:2][3], file:records.wt: [ERROR]: __posix_file_read, 1: records.wt: read", "", "")
    assert error.message == f"The storage engine {message}"
    assert isinstance(error, StorageError)
    assert error.fatal == (code == WT_PANIC)


def test_a_log_file_that_recovery_misses_is_not_called_damaged() -> None:
    first = "txn-recover: [ERROR]: __posix_open_file, 1: ./WiredTigerLog.0000000002: handle-open: open: No such file or directory"
    error = explain(WT_TRY_SALVAGE, 0, first, "", "")
    assert error.message.startswith("The file WiredTigerLog.0000000002 is missing from the storage directory: ")


@pytest.mark.parametrize("code", REFUSED)
def test_after_a_refused_checkpoint_there_is_no_other_one(tmp_path: Path, code: int) -> None:
    """Run in a separate process, because WiredTiger is not closed."""
    script = (
        "import sys\n"
        "from secantus_server.storage import RECORDS, Engine, StorageError, engine as module\n"
        "def refuse(unit): raise StorageError('Refused.', int(sys.argv[2]))\n"
        "engine = Engine.open(sys.argv[1])\n"
        "with engine.transaction() as unit: unit.put(RECORDS, b'key', b'kept')\n"
        "unit = module.RecoveryUnit\n"
        "for module.RecoveryUnit in (type('Refusing', (), {'checkpoint': refuse}), unit):\n"
        "    try: engine.checkpoint()\n"
        "    except StorageError as error: print(error.fatal, error.message)\n"
        "engine.close()\n"
    )
    done = subprocess.run([sys.executable, "-c", script, str(tmp_path), str(code)], capture_output=True, text=True, check=False)
    assert done.stdout == "True Refused. No checkpoint was written: restart the server.\n" * 2, done.stderr
    engine = Engine.open(str(tmp_path))
    with engine.transaction() as unit:
        assert unit.get(RECORDS, b"key") == b"kept"
    engine.close()
