"""Two backups, or two restores, to one path at the same time: the second is refused and the first is complete."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pymongo import MongoClient

from secantus_server import SecantusDBServer
from secantus_server.backup.archive import verify_archive
from secantus_server.backup.manifest import Progress
from secantus_server.backup.restore import restore_archive
from secantus_server.backup.sealed import SealedWriter
from secantus_server.backup.take import take_backup
from secantus_server.errors import CommandError
from secantus_server.storage import Engine


def ignore(_size: int) -> None:
    """No progress is shown."""


@pytest.mark.parametrize("makes_users", [False, True], ids=["files", "copy without users"])
def test_a_second_backup_to_a_path_is_refused(tmp_path: Path, makes_users: bool) -> None:
    path, refused = tmp_path / "a.tar.gz", []
    with SecantusDBServer(port=0, storage_path=str(tmp_path / "data"), log_level="error") as server:
        services = server.services

        def take(progress: Progress) -> None:
            take_backup(services.engine, services.oplog, services.clock, path, progress)

        def take_another(_size: int) -> None:
            with pytest.raises(CommandError) as error:
                take(ignore)
            refused.append(error.value.code)

        with MongoClient[dict[str, Any]](server.uri) as client:
            client.db.c.insert_many([{"n": n} for n in range(100)])
            if makes_users:
                client.db.command("createUser", "u", pwd="p", roles=[])
        take(take_another)
    assert len(refused) > 5
    assert set(refused) == {117}
    verify_archive(path, ignore)
    assert [entry.name for entry in tmp_path.iterdir() if entry.name.startswith(".")] == []
    check_second_restore(path, tmp_path / "restored")


def check_second_restore(archive: Path, target: Path) -> None:
    def restore_another(directory: Path, _manifest: object) -> None:
        with pytest.raises(CommandError, match="in use by another backup or restore to the same path"):
            restore_archive(archive, target, ignore)
        assert directory.exists()

    restore_archive(archive, target, ignore, restore_another)
    Engine.open(str(target)).close()


def test_a_second_writer_of_a_sealed_file_keeps_the_first_one_s_bytes(tmp_path: Path) -> None:
    path = tmp_path / "a.gz"
    with SealedWriter(path) as first:
        first.stream.write(b"first")
        with pytest.raises(CommandError, match="in use"):
            SealedWriter(path)
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.gz"]
    # What a killed process has left is replaced.
    (tmp_path / ".b.gz.partial").write_bytes(b"left" * 100)
    with SealedWriter(tmp_path / "b.gz") as writer:
        writer.stream.write(b"first")
    assert (tmp_path / "b.gz").read_bytes() == path.read_bytes()
