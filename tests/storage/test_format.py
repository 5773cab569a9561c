"""The version of the store's format is recorded in each directory, and directories of other formats are refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from secantus_server.cli import main
from secantus_server.storage import META, Engine, StorageError
from secantus_server.storage.format import VERSION

ROW = b"\0format"


def with_row(path: Path, value: bytes | None) -> None:
    """Replace or remove the version row of a directory."""
    engine = Engine.open(str(path))
    with engine.transaction() as unit:
        if value is None:
            unit.remove(META, ROW)
        else:
            unit.put(META, ROW, value)
    engine.close()


def stored(path: Path) -> bytes | None:
    engine = Engine.open(str(path))
    try:
        with engine.transaction() as unit:
            return unit.get(META, ROW)
    finally:
        engine.close()


def test_a_new_directory_has_the_present_version(tmp_path: Path) -> None:
    assert stored(tmp_path) == VERSION.to_bytes(4, "big")


def test_a_directory_from_before_the_version_opens_and_gets_it(tmp_path: Path) -> None:
    with_row(tmp_path, None)
    assert stored(tmp_path) == VERSION.to_bytes(4, "big")


@pytest.mark.parametrize(("version", "which"), [(VERSION + 1, "a later"), (0, "an earlier")])
def test_another_format_is_refused_and_kept(tmp_path: Path, version: int, which: str) -> None:
    with_row(tmp_path, version.to_bytes(4, "big"))
    for _ in range(2):
        with pytest.raises(StorageError, match=f"has format {version}, that of {which} version") as caught:
            Engine.open(str(tmp_path))
        assert "save the data with mongodump" in caught.value.message


def test_the_daemon_says_so(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with_row(tmp_path, (VERSION + 1).to_bytes(4, "big"))
    assert main(["check", str(tmp_path)]) == 1
    assert "Start the version that wrote it" in capfd.readouterr().err
