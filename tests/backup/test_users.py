"""Archives contain users and roles only if requested. Otherwise they contain none of the bytes of users and roles."""

from __future__ import annotations

import json
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pymongo import MongoClient
from pymongo.errors import OperationFailure

from secantus_server import SecantusDBServer
from secantus_server.backup import without_users
from secantus_server.backup.take import has_had_users, take_backup
from secantus_server.cli import main
from secantus_server.tools.restore_archive import main as restore_main

Client = MongoClient[dict[str, Any]]


@pytest.fixture
def server(tmp_path: Path) -> Iterator[SecantusDBServer]:
    with SecantusDBServer(port=0, storage_path=str(tmp_path / "data"), log_level="error") as running:
        yield running


def texts_of(document: Any) -> Iterator[str]:
    """Yield the salts and keys in a user's document."""
    if isinstance(document, dict):
        for name, value in document.items():
            if name in ("salt", "storedKey", "serverKey"):
                yield value
            yield from texts_of(value)


def make_users(client: Client) -> list[str]:
    """Create, change and drop users in all ways that leave something in the store; return texts that must not be in an archive."""
    users = client.admin["system.users"]
    client.admin.command("createUser", "alice-in-store", pwd="first", roles=["root"])
    client.shop.command("createUser", "dropped-user", pwd="second", roles=["readWrite"])
    client.shop.command("createRole", "secret-role", roles=["read"], privileges=[])
    secrets = [text for user in users.find() for text in texts_of(user)]
    client.admin.command("updateUser", "alice-in-store", pwd="third")
    secrets += [text for user in users.find() for text in texts_of(user)]
    # Also leave a retryable write whose stored result is a user's document, and the collection that an interrupted mongorestore leaves.
    client.admin.tempusers.insert_many(list(users.find()))
    client.admin.tempusers.find_one_and_update({"_id": "shop.dropped-user"}, {"$set": {"x": 1}})
    users.find_one_and_update({"_id": "admin.alice-in-store"}, {"$set": {"customData": {"n": 1}}})
    client.shop.command("dropUser", "dropped-user")
    assert len(set(secrets)) >= 15
    return [*secrets, "alice-in-store", "dropped-user"]


def contents_of(archive: Path) -> dict[str, bytes]:
    with tarfile.open(archive) as opened:
        return {member.name: file.read() for member in opened if (file := opened.extractfile(member)) is not None}


def found_in(archive: Path, texts: list[str]) -> set[str]:
    contents = contents_of(archive)
    return {text for text in texts for content in contents.values() if text.encode() in content}


def test_an_archive_has_no_byte_of_users_unless_asked(server: SecantusDBServer, tmp_path: Path) -> None:
    without, complete = tmp_path / "without.tar.gz", tmp_path / "with.tar.gz"
    with MongoClient[dict[str, Any]](server.uri) as client:
        client.shop.c.insert_many([{"n": n, "text": "x" * 500} for n in range(2000)])
        client.shop.c.create_index("n")
        secrets = make_users(client)
        assert client.admin.command("secantusAdmin.backupArchive", 1, outputPath=str(without))["includesUsers"] is False
        reply = client.admin.command("secantusAdmin.backupArchive", 1, outputPath=str(complete), includeUsers=True)
        assert reply["includesUsers"] is True
        expected = client.shop.command("dbHash")["md5"]
        entries = list(client.local["oplog.rs"].find({"ts": {"$lte": reply["timestamp"]}}))
    assert found_in(complete, secrets), "the search finds what is there"
    assert found_in(without, secrets) == set()
    assert [json.loads(contents_of(one)["manifest.json"])["includesUsers"] for one in (without, complete)] == [False, True]
    assert [path.name for path in tmp_path.glob(".*")] == []
    for archive, users in ((without, 0), (complete, 1)):
        target = tmp_path / f"restored-{users}"
        assert restore_main(["--archive", str(archive), "--target-dir", str(target)]) == 0
        with (
            SecantusDBServer(port=0, storage_path=str(target), log_level="error") as restored,
            MongoClient[dict[str, Any]](restored.uri) as client,
        ):
            assert client.shop.command("dbHash")["md5"] == expected
            assert client.shop.command("validate", "c")["valid"]
            assert len(client.admin.command("usersInfo")["users"]) == users
            assert len(client.shop.command("rolesInfo", 1)["roles"]) == users
            assert list(client.local["oplog.rs"].find({"ts": {"$lte": reply["timestamp"]}})) == entries
            client.admin.command("createUser", "new", pwd="new", roles=["root"])


def test_the_programs_say_whether_users_are_there(server: SecantusDBServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with MongoClient[dict[str, Any]](server.uri) as client:
        secrets = make_users(client)
        assert main(["backup", "--uri", server.uri, "--output", str(tmp_path / "a.tar.gz")]) == 0
        assert "without users and roles (--with-users includes them)" in capsys.readouterr().out
        assert main(["backup", "--uri", server.uri, "--with-users", "--output", str(tmp_path / "b.tar.gz")]) == 0
        assert "without users" not in capsys.readouterr().out
        command = {"secantusAdmin.restoreArchive": 1, "archivePath": str(tmp_path / "a.tar.gz"), "targetPath": str(tmp_path / "r")}
        assert client.admin.command(command)["includesUsers"] is False
    server.stop()
    assert main(["backup", "--storage-path", str(tmp_path / "data"), "--output", str(tmp_path / "c.tar.gz")]) == 0
    assert "without users" in capsys.readouterr().out
    assert main(["backup", "--storage-path", str(tmp_path / "data"), "--with-users", "--output", str(tmp_path / "d.tar.gz")]) == 0
    assert [bool(found_in(tmp_path / f"{name}.tar.gz", secrets)) for name in "abcd"] == [False, True, False, True]
    for name, text in (("c", "; the archive contains no users and roles\n"), ("d", f"restored {tmp_path / 'target-d'}\n")):
        assert restore_main(["--archive", str(tmp_path / f"{name}.tar.gz"), "--target-dir", str(tmp_path / f"target-{name}")]) == 0
        assert capsys.readouterr().out.endswith(text)


def test_a_restore_to_a_point_in_time_has_no_roles_either(tmp_path: Path) -> None:
    archives, target = tmp_path / "archives", tmp_path / "target"
    options: dict[str, Any] = {"port": 0, "log_level": "error"}
    with (
        SecantusDBServer(storage_path=str(tmp_path / "data"), oplog_archive_path=str(archives), **options) as server,
        MongoClient[dict[str, Any]](server.uri) as client,
    ):
        secrets = make_users(client)
        client.admin.command("secantusAdmin.backupArchive", 1, outputPath=str(archives / "base.tar.gz"))
        client.admin.command("createUser", "later-user", pwd="later", roles=["root"])
        client.admin.command("createRole", "later", roles=["read"], privileges=[])
        client.shop.command("updateRole", "secret-role", roles=[])
        client.admin.command("grantRolesToUser", "later-user", roles=["later"])
        client.admin.command("dropRole", "later")
        client.shop.c.insert_one({"_id": 1})
        secrets += [text for user in client.admin["system.users"].find() for text in texts_of(user)]
        newest = server.services.oplog.newest
    assert all(not found_in_segment(path, secrets) for path in archives.glob("oplog-*"))
    arguments = ["--archive", str(archives / "base.tar.gz"), "--target-dir", str(target), "--to-timestamp", f"{newest.time}:{newest.inc}"]
    assert restore_main(arguments) == 0
    with (
        SecantusDBServer(storage_path=str(target), require_auth=True, **options) as server,
        MongoClient[dict[str, Any]](server.uri) as client,
    ):
        with pytest.raises(OperationFailure) as refused:
            client.shop.c.find_one()
        assert refused.value.code == 13
        # The archive contains no users and no roles, so the localhost exception applies.
        client.admin.command("createUser", "admin", pwd="new", roles=["root"])
    with SecantusDBServer(storage_path=str(target), **options) as server, MongoClient[dict[str, Any]](server.uri) as client:
        assert client.shop.c.find_one() == {"_id": 1}


def found_in_segment(path: Path, texts: list[str]) -> bool:
    import gzip

    content = gzip.decompress(path.read_bytes())
    return any(text.encode() in content for text in texts)


def test_a_backup_that_fails_ends(server: SecantusDBServer, tmp_path: Path) -> None:
    with MongoClient[dict[str, Any]](server.uri) as client:
        for users in (False, True):
            with pytest.raises(OperationFailure, match="cannot be written: No such file"):
                client.admin.command("secantusAdmin.backupArchive", 1, outputPath=str(tmp_path / "none" / "a.tar.gz"), includeUsers=users)
        client.admin.command("secantusAdmin.backupArchive", 1, outputPath=str(tmp_path / "a.tar.gz"))


def test_a_store_that_never_had_users_is_not_copied(server: SecantusDBServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*_: Any) -> None:
        raise AssertionError("copied")

    with MongoClient[dict[str, Any]](server.uri) as client:
        client.db.c.insert_one({"x": 1})
        with monkeypatch.context() as patched:
            patched.setattr(without_users, "copied_without_users", never)
            client.admin.command("secantusAdmin.backupArchive", 1, outputPath=str(tmp_path / "a.tar.gz"))
            assert not has_had_users(server.services.engine)
            # Even a dropped role leaves its bytes in the store.
            client.db.command("createRole", "dropped-role", roles=[], privileges=[])
            client.db.command("dropRole", "dropped-role")
            with pytest.raises(OperationFailure, match="copied"):
                client.admin.command("secantusAdmin.backupArchive", 1, outputPath=str(tmp_path / "b.tar.gz"))
        client.admin.command("secantusAdmin.backupArchive", 1, outputPath=str(tmp_path / "b.tar.gz"))
    assert restore_main(["--archive", str(tmp_path / "b.tar.gz"), "--target-dir", str(tmp_path / "target")]) == 0
    with SecantusDBServer(port=0, storage_path=str(tmp_path / "target"), log_level="error") as restored:
        assert not has_had_users(restored.services.engine)


def test_users_who_are_created_during_the_copying(server: SecantusDBServer, tmp_path: Path) -> None:
    services, archive, names = server.services, tmp_path / "a.tar.gz", ["early-user"]
    with MongoClient[dict[str, Any]](server.uri) as client:
        client.db.c.insert_one({"x": 1})

        def create(_size: int) -> None:
            if names:
                client.db.command("createUser", names.pop(), pwd="p", roles=[])
                services.engine.checkpoint()

        manifest = take_backup(services.engine, services.oplog, services.clock, archive, create)
    assert not manifest.includes_users
    assert not names
    assert found_in(archive, ["early-user", "storedKey"]) == set()


def test_what_an_interrupted_backup_has_left_is_replaced(server: SecantusDBServer, tmp_path: Path) -> None:
    left = tmp_path / ".a.tar.gz.copying"
    (left / "copy").mkdir(parents=True)
    (left / "copy" / "records.wt").write_text("left")
    with MongoClient[dict[str, Any]](server.uri) as client:
        client.db.c.insert_one({"x": 1})
        client.db.command("createRole", "r", roles=[], privileges=[])
        client.admin.command("secantusAdmin.backupArchive", 1, outputPath=str(tmp_path / "a.tar.gz"))
    assert not left.exists()
