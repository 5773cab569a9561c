"""Temporary files: they have no name, free their space, and report a full disk."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from secantus_server.errors import CommandError
from secantus_server.storage.temporary import DIRECTORY, TemporaryFile, TemporaryFiles


def test_what_was_written_is_read(tmp_path: Path) -> None:
    files = TemporaryFiles(str(tmp_path))
    file = files.open()
    assert [file.append(b"abc"), file.append(b""), file.append(b"defg")] == [0, 3, 3]
    assert (file.read(1, 5), file.read(7, 0), file.size) == (b"bcdef", b"", 7)
    file.clear()
    assert (file.append(b"xy"), file.read(0, 2)) == (0, b"xy")
    file.close()
    file.close()


def test_a_file_has_no_name_and_the_directory_goes_with_the_store(tmp_path: Path) -> None:
    files = TemporaryFiles(str(tmp_path))
    assert not (tmp_path / DIRECTORY).exists(), "it is made when it is first needed"
    kept = files.open()
    assert list((tmp_path / DIRECTORY).iterdir()) == []
    files.close()
    assert not (tmp_path / DIRECTORY).exists()
    assert kept.read(kept.append(b"still there"), 11) == b"still there"


def test_the_temporary_directory_of_the_system(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path / "missing"))
    files = TemporaryFiles(None)
    with pytest.raises(CommandError) as caught:
        files.open()
    assert (caught.value.code, str(tmp_path) in caught.value.message) == (1, True)
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    assert files.open().append(b"a") == 0
    files.close()
    assert tmp_path.is_dir()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_a_full_disk() -> None:
    file = TemporaryFile(os.open("/dev/full", os.O_RDWR), "/dev")
    with pytest.raises(CommandError) as caught:
        file.append(b"abc")
    assert (caught.value.code, caught.value.code_name) == (14031, "OutOfDiskSpace")
    assert caught.value.message == "The disk is full: /dev cannot take more temporary data. Make room and try again."


def test_the_counters_of_stages() -> None:
    files = TemporaryFiles(None)
    files.count("sort", (1, 20, 3, 40))
    files.count("sort", (1, 1, 1, 1))
    assert (files.counts("sort"), files.counts("group")) == ((2, 21, 4, 41), (0, 0, 0, 0))
