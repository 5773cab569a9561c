"""The salt that the server sends for an unknown user stays the same after restarts, like the salt of a known user."""

from __future__ import annotations

import tarfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from pymongo import MongoClient

from secantus_server.server import SecantusDBServer
from secantus_server.storage import META, WITHOUT_USERS
from tests.commands.auth.scram_client import ScramClient
from tests.commands.auth.with_access import PASSWORD
from tests.net.raw_client import connected

NAMES = ("known", "unknown", "nobody")


def salts(server: SecantusDBServer) -> dict[str, str]:
    with connected(server) as client:
        firsts = {
            (name, mechanism): client.run(ScramClient(name, PASSWORD, mechanism=mechanism).start())
            for name in NAMES
            for mechanism in ("SCRAM-SHA-1", "SCRAM-SHA-256")
        }
    return {f"{name} {mechanism}": first["payload"].decode().split(",")[1] for (name, mechanism), first in firsts.items()}


def test_salts_survive_a_restart(tmp_path: Path) -> None:
    found = []
    for number in range(3):
        # The secret exists before access control is first enabled.
        with SecantusDBServer(port=0, storage_path=str(tmp_path / "data"), log_level="error", require_auth=number > 0) as server:
            if number == 0:
                with connected(server) as client:
                    client.run({"createUser": "known", "pwd": PASSWORD, "roles": [], "$db": "admin"})
            found.append(salts(server))
    assert found[0] == found[1] == found[2]
    assert len(set(found[0].values())) == len(found[0])
    with SecantusDBServer(port=0, storage_path=str(tmp_path / "other"), log_level="error") as server:
        assert set(salts(server).values()) & set(found[0].values()) == set()


def test_only_an_archive_with_users_has_the_secret(tmp_path: Path) -> None:
    with (
        SecantusDBServer(port=0, storage_path=str(tmp_path / "data"), log_level="error") as server,
        MongoClient[dict[str, Any]](server.uri) as client,
    ):
        secret = server.services.login_secret.get()
        for users in (False, True):
            path = tmp_path / f"{users}.tar.gz"
            client.admin.command("secantusAdmin.backupArchive", 1, outputPath=str(path), includeUsers=users)
            with tarfile.open(path) as archive:
                contents = [archive.extractfile(member) for member in archive.getmembers()]
                # An archive with users contains the users' keys anyway, and with the secret, salts stay the same on the restored server.
                assert any(secret in file.read() for file in contents if file is not None) == users


def test_a_login_while_the_first_user_is_created(tmp_path: Path) -> None:
    with SecantusDBServer(port=0, storage_path=str(tmp_path), log_level="error") as server, ThreadPoolExecutor() as pool:
        with server.services.engine.transaction() as unit:
            unit.remove(META, WITHOUT_USERS)
            secret = pool.submit(server.services.login_secret.get).result()
        assert server.services.login_secret.get() == secret
