"""Backups: taken while writes go on, verified, restored, and compared with the state at their timestamp."""

from __future__ import annotations

import random
import subprocess
import sys
import tarfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from bson import Timestamp
from pymongo import MongoClient
from pymongo.errors import OperationFailure

from secantus_server import SecantusDBServer
from secantus_server.backup.archive import verify_archive
from secantus_server.backup.restore import restore_archive
from secantus_server.cli import main
from secantus_server.errors import CommandError
from secantus_server.storage import StorageError
from secantus_server.storage.inspection import BACKUP
from secantus_server.tools.progress import ProgressBar
from secantus_server.tools.restore_archive import main as restore_main
from tests.integration.daemon import environment

Client = MongoClient[dict[str, Any]]


def ignore(_size: int) -> None:
    """Ignore a report of progress."""


@pytest.fixture
def server(tmp_path: Path) -> Iterator[SecantusDBServer]:
    with SecantusDBServer(port=0, storage_path=str(tmp_path / "data"), log_level="error") as running:
        yield running


def back_up(client: Client, path: Path) -> dict[str, Any]:
    return dict(client.admin.command("secantusAdmin.backupArchive", 1, outputPath=str(path)))


def hashes(client: Client) -> dict[str, str]:
    return {db: client[db].command("dbHash")["md5"] for db in sorted(client.list_database_names()) if db not in ("local", "config")}


def restored_hashes(archive: Path, target: Path) -> dict[str, str]:
    restore_archive(archive, target, ignore)
    with SecantusDBServer(port=0, storage_path=str(target), log_level="error") as running, MongoClient(running.uri) as client:
        return hashes(client)


def test_a_running_server_restores_to_another_directory(server: SecantusDBServer, tmp_path: Path) -> None:
    archive, target = tmp_path / "a.tar.gz", tmp_path / "restored"
    with MongoClient(server.uri) as client:
        client.one.c.insert_many([{"_id": n} for n in range(300)])
        taken, before = back_up(client, archive), hashes(client)
        client.one.c.delete_many({})
        command = {"secantusAdmin.restoreArchive": 1, "archivePath": str(archive), "targetPath": str(target)}
        reply = client.admin.command(command)
        assert (reply["targetPath"], reply["timestamp"], reply["files"]) == (str(target), taken["timestamp"], taken["files"])
        assert client.one.c.count_documents({}) == 0
        with pytest.raises(OperationFailure, match="not an empty directory"):
            client.admin.command(command)
        damaged = bytearray(archive.read_bytes())
        damaged[len(damaged) // 2] ^= 1
        archive.write_bytes(damaged)
        with pytest.raises(OperationFailure) as error:
            client.admin.command({**command, "targetPath": str(tmp_path / "other")})
        assert error.value.code == 301
        assert not (tmp_path / "other").exists()
    with SecantusDBServer(port=0, storage_path=str(target), log_level="error") as running, MongoClient(running.uri) as client:
        assert hashes(client) == before


def test_a_restored_backup_has_the_same_contents(server: SecantusDBServer, tmp_path: Path) -> None:
    with MongoClient(server.uri) as client:
        client.one.c.insert_many([{"_id": n, "text": "x" * n} for n in range(300)])
        client.one.c.create_index("text", unique=True)
        client.two.create_collection("capped", capped=True, size=4096)
        client.two.capped.insert_many([{"n": n} for n in range(50)])
        reply = back_up(client, tmp_path / "a.tar.gz")
        expected = hashes(client)
        assert (reply["outputPath"], reply["ok"]) == (str(tmp_path / "a.tar.gz"), 1.0)
        assert reply["sizeBytes"] == (tmp_path / "a.tar.gz").stat().st_size
        assert (tmp_path / "a.tar.gz").stat().st_mode & 0o777 == 0o600
    assert restored_hashes(tmp_path / "a.tar.gz", tmp_path / "restored") == expected
    with SecantusDBServer(port=0, storage_path=str(tmp_path / "restored"), log_level="error") as again, MongoClient(again.uri) as client:
        assert "text_1" in client.one.c.index_information()
        assert client.one.command("validate", "c")["valid"]


def test_backups_under_writes_have_the_state_at_their_timestamp(server: SecantusDBServer, tmp_path: Path) -> None:
    stopping = threading.Event()

    def write(worker: int) -> None:
        generator = random.Random(worker)
        with MongoClient(server.uri) as client:
            while not stopping.is_set():
                client.db.c.insert_one({"worker": worker, "n": generator.random()})
                client.db.c.update_one({"worker": worker}, {"$inc": {"count": 1}})

    threads = [threading.Thread(target=write, args=(worker,)) for worker in range(2)]
    for thread in threads:
        thread.start()
    with MongoClient(server.uri) as client:
        while client.db.c.estimated_document_count() < 50:
            pass
        stamps = [back_up(client, tmp_path / f"{number}.tar.gz")["timestamp"] for number in range(3)]
        stopping.set()
        for thread in threads:
            thread.join()
        inserted = [client.local["oplog.rs"].count_documents({"ns": "db.c", "op": "i", "ts": {"$lte": stamp}}) for stamp in stamps]
        updated = [client.local["oplog.rs"].count_documents({"ns": "db.c", "op": "u", "ts": {"$lte": stamp}}) for stamp in stamps]
    for number, stamp in enumerate(stamps):
        target = tmp_path / f"restored-{number}"
        restore_archive(tmp_path / f"{number}.tar.gz", target, ignore)
        with SecantusDBServer(port=0, storage_path=str(target), log_level="error") as running, MongoClient(running.uri) as client:
            [total] = client.db.c.aggregate([{"$group": {"_id": None, "n": {"$sum": 1}, "updates": {"$sum": "$count"}}}])
            assert (total["n"], total["updates"]) == (inserted[number], updated[number])
            newest = client.local["oplog.rs"].find_one(sort=[("$natural", -1)], filter={"ns": "db.c"})
            assert newest is not None
            assert newest["ts"] == stamp


def test_each_changed_bit_is_found_before_anything_is_written(server: SecantusDBServer, tmp_path: Path) -> None:
    path = tmp_path / "a.tar.gz"
    with MongoClient(server.uri) as client:
        client.db.c.insert_one({"x": 1})
        back_up(client, path)
    content = path.read_bytes()
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    places = [*range(40), *range(len(content) - 60, len(content)), *random.Random(seed).sample(range(len(content)), 60)]
    damaged = tmp_path / "damaged.tar.gz"
    for place in places:
        changed = bytearray(content)
        changed[place] ^= 1 << place % 8
        damaged.write_bytes(changed)
        with pytest.raises(CommandError) as caught:
            restore_archive(damaged, tmp_path / "target", ignore)
        assert caught.value.code == 301
        assert not (tmp_path / "target").exists()
    for wrong in (content[:-1], content + b"\0", b"", content[:100]):
        damaged.write_bytes(wrong)
        with pytest.raises(CommandError, match="damaged or incomplete"):
            restore_archive(damaged, tmp_path / "target", ignore)


def test_a_refusal_is_reported_in_a_sentence(server: SecantusDBServer, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["backup", "--uri", server.uri, "--output", "/tmp/a.zip"]) == 1
    assert capsys.readouterr().err == "secantusdb backup: The archive's name must end in .tar.gz or .tgz: /tmp/a.zip\n"


def test_the_archive_is_a_plain_tar_file(server: SecantusDBServer, tmp_path: Path) -> None:
    with MongoClient(server.uri) as client:
        reply = back_up(client, tmp_path / "a.tar.gz")
    with tarfile.open(tmp_path / "a.tar.gz") as archive:
        names = archive.getnames()
    manifest = verify_archive(tmp_path / "a.tar.gz", ignore)
    assert names == [*(file.name for file in manifest.files), "manifest.json"]
    assert BACKUP in names
    assert Timestamp(manifest.stamp >> 32, manifest.stamp & 0xFFFFFFFF) == reply["timestamp"]
    assert reply["files"] == len(manifest.files)


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        ({}, 40414, "missing but a required field"),
        ({"outputPath": 1}, 14, "wrong type 'int'"),
        ({"outputPath": "/tmp/a.zip"}, 2, "must end in .tar.gz"),
        ({"outputPath": "/nowhere/a.tar.gz"}, 2, "cannot be written: No such file or directory"),
        ({"outputPath": "/tmp/a.tar.gz", "other": 1}, 40415, "unknown field"),
    ],
)
def test_arguments_that_cannot_be(server: SecantusDBServer, arguments: dict[str, Any], code: int, message: str) -> None:
    with MongoClient(server.uri) as client, pytest.raises(OperationFailure, match=message) as caught:
        client.admin.command("secantusAdmin.backupArchive", 1, **arguments)
    assert caught.value.code == code


def test_a_file_that_exists_is_kept(server: SecantusDBServer, tmp_path: Path) -> None:
    (tmp_path / "a.tar.gz").write_text("kept")
    with MongoClient(server.uri) as client, pytest.raises(OperationFailure, match="exists already"):
        back_up(client, tmp_path / "a.tar.gz")
    assert (tmp_path / "a.tar.gz").read_text() == "kept"
    assert not list(tmp_path.glob(".*"))


def test_only_the_admin_database_and_a_directory_have_backups(server: SecantusDBServer, tmp_path: Path) -> None:
    with MongoClient(server.uri) as client, pytest.raises(OperationFailure, match="admin database"):
        client.db.command("secantusAdmin.backupArchive", 1, outputPath=str(tmp_path / "a.tar.gz"))
    with (
        SecantusDBServer(port=0, storage_path=":memory:", log_level="error") as memory,
        MongoClient(memory.uri) as client,
        pytest.raises(OperationFailure) as caught,
    ):
        back_up(client, tmp_path / "a.tar.gz")
    assert caught.value.code == 238


def test_one_backup_at_a_time(server: SecantusDBServer, tmp_path: Path) -> None:
    with server.services.engine.backup(), MongoClient(server.uri) as client:
        with pytest.raises(OperationFailure, match="Another backup is running") as caught:
            back_up(client, tmp_path / "a.tar.gz")
        assert caught.value.code == 117
    with MongoClient(server.uri) as client:
        back_up(client, tmp_path / "a.tar.gz")


def test_the_programs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data, archive, target = tmp_path / "data", tmp_path / "a.tar.gz", tmp_path / "target"
    with SecantusDBServer(port=0, storage_path=str(data), log_level="error") as running, MongoClient(running.uri) as client:
        client.db.c.insert_many([{"n": n} for n in range(10)])
        expected = hashes(client)
        assert main(["backup", "--storage-path", str(data), "--output", str(archive)]) == 1
        assert "in use by another server" in capsys.readouterr().err
        assert main(["backup", "--uri", running.uri, "--output", str(tmp_path / "by-uri.tar.gz")]) == 0
        assert main(["backup", "--uri", running.uri, "--output", str(tmp_path / "by-uri.tar.gz")]) == 1
        assert "exists already" in capsys.readouterr().err
    assert main(["backup", "--storage-path", str(tmp_path / "nowhere"), "--output", str(archive)]) == 1
    assert main(["backup", "--storage-path", str(data), "--output", str(archive)]) == 0
    target.mkdir()
    assert restore_main(["--archive", str(archive), "--target-dir", str(target)]) == 0
    assert f"restored {target}" in capsys.readouterr().out
    with SecantusDBServer(port=0, storage_path=str(target), log_level="error") as running, MongoClient(running.uri) as client:
        assert hashes(client) == expected
    assert restore_main(["--archive", str(archive), "--target-dir", str(target)]) == 1
    assert "is not an empty directory" in capsys.readouterr().err
    assert restore_main(["--archive", str(tmp_path / "none.tar.gz"), "--target-dir", str(tmp_path / "t")]) == 1
    assert "cannot be read" in capsys.readouterr().err


KILLED = """
import os, sys
from pymongo import MongoClient
from secantus_server import SecantusDBServer
server = SecantusDBServer(port=0, storage_path=sys.argv[1]).start()
client = MongoClient(server.uri)
client.db.c.insert_many([{"x": n} for n in range(500)])
with server.services.engine.backup():
    client.db.c.insert_many([{"y": n} for n in range(500)])
    client.db.d.create_index("z")
    server.services.engine.checkpoint()
    client.db.c.insert_many([{"z": n} for n in range(500)])
    os.kill(os.getpid(), 9)
"""


def test_a_server_that_is_killed_during_a_backup_loses_nothing(tmp_path: Path) -> None:
    data = tmp_path / "data"
    assert subprocess.run([sys.executable, "-c", KILLED, str(data)], env=environment(), check=False).returncode == -9
    assert (data / BACKUP).exists()
    with SecantusDBServer(port=0, storage_path=str(data), log_level="error") as running, MongoClient(running.uri) as client:
        assert client.db.c.count_documents({}) == 1500
        assert "z_1" in client.db.d.index_information()
        assert client.db.command("validate", "c")["valid"]
        back_up(client, tmp_path / "a.tar.gz")


def test_what_a_killed_server_has_left_does_not_replace_a_lost_file(tmp_path: Path) -> None:
    data = tmp_path / "data"
    subprocess.run([sys.executable, "-c", KILLED, str(data)], env=environment(), check=False)
    (data / "WiredTiger.turtle").unlink()
    with pytest.raises(StorageError, match=r"contains a store without WiredTiger\.turtle"):
        SecantusDBServer(port=0, storage_path=str(data), log_level="error").start()


def test_the_progress_bar() -> None:
    bar = ProgressBar("backup", 4 << 20)
    bar.advance(1 << 20)
    assert bar.text() == f"backup: [{'#' * 10}{'.' * 30}]  25 % of 4 MB"
