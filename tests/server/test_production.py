"""docs/production.md from top to bottom: the config file, the first user, a backup, the restore drill, and the monitoring loop.

`test_the_page_with_its_own_paths` needs root and Linux's namespaces; the other test runs everywhere.
"""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from pymongo import MongoClient
from pymongo.errors import OperationFailure

from secantus_server.cli import main
from tests.conftest import ROOT
from tests.integration.daemon import READY, command, environment

NAMESPACES = ["unshare", "--mount", "--net", "--fork"]

CONFIG = """
[server]
host = "127.0.0.1"
port = 0
storage_path = "{data}"
log_level = "WARNING"
auth = true
session_max = 1000
pid_file = "{pid}"

[storage]
cache_size = "256M"
sync_on_commit = true

[oplog]
retention_seconds = 86400.0
noop_heartbeat_seconds = 10.0
"""


@contextmanager
def daemon(config: Path, *flags: str) -> Iterator[str]:
    """Run the daemon with a config file; yield its URI."""
    line = command("--config", config, *flags)
    process = subprocess.Popen(line, stdout=subprocess.PIPE, env=environment(), text=True)
    assert process.stdout is not None
    try:
        first = process.stdout.readline()
        assert first.startswith(READY)
        yield first.removeprefix(READY).strip()
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0


def client_of(uri: str, user: str) -> MongoClient[dict[str, Any]]:
    return MongoClient(uri, username=user, password="long", authSource="admin")


def test_the_page(tmp_path: Path) -> None:
    config, backups, restored = tmp_path / "secantusdb.toml", tmp_path / "backups", tmp_path / "restored"
    backups.mkdir()
    config.write_text(CONFIG.format(data=tmp_path / "data", pid=tmp_path / "pid"), encoding="utf-8")
    assert main(["--config", str(config), "--check-config"]) == 0
    with daemon(config, "--no-auth") as uri, MongoClient[dict[str, Any]](uri) as client:
        client.admin.command("createUser", "admin", pwd="long", roles=["root"])
        client.admin.command("createUser", "monitor", pwd="long", roles=["clusterMonitor"])
    archive = backups / "archive.tar.gz"
    with daemon(config) as uri, client_of(uri, "admin") as client, MongoClient[dict[str, Any]](uri) as nobody:
        assert main(["status", "--config", str(config)]) == 0
        with pytest.raises(OperationFailure, match="requires authentication"):
            nobody.shop.orders.find_one()
        client.shop.orders.insert_many([{"n": n} for n in range(100)])
        client.admin.command("secantusAdmin.backupArchive", 1, outputPath=str(archive), includeUsers=True)
        expected = client.shop.command("dbHash")["md5"]
        client.shop.orders.delete_many({})
        with client_of(uri, "monitor") as monitor:
            status = monitor.admin.command("serverStatus")
            assert status["connections"]["current"] >= 2
            assert status["opcounters"]["insert"] == 100
            with pytest.raises(OperationFailure, match="not authorized"):
                monitor.admin.command("secantusAdmin.backupArchive", 1, outputPath=str(backups / "other.tar.gz"))
    line = [sys.executable, "-m", "secantus_server.tools.restore_archive", "--archive", str(archive), "--target-dir", str(restored)]
    subprocess.run(line, env=environment(), check=True)
    with daemon(config, "--storage-path", str(restored)) as uri, client_of(uri, "admin") as client:
        assert client.shop.command("dbHash")["md5"] == expected
        assert client.shop.orders.count_documents({}) == 100
    assert main(["status", "--config", str(config)]) == 3


def has_namespaces() -> bool:
    """Return whether this user may mount overlays in new namespaces."""
    if not all(map(shutil.which, ("unshare", "ip", "mount"))):
        return False
    overlay = "mount -t overlay o -o lowerdir=/etc,upperdir=/mnt/u,workdir=/mnt/w /etc"
    script = f"ip link set lo up && mount -t tmpfs t /mnt && mkdir /mnt/u /mnt/w && {overlay}"
    return subprocess.run([*NAMESPACES, "sh", "-c", script], capture_output=True).returncode == 0


def test_the_page_with_its_own_paths(tmp_path: Path) -> None:
    if not has_namespaces():
        pytest.skip("needs root, unshare, ip, and a kernel with overlays")
    line = [*NAMESPACES, sys.executable, "-m", "tests.server.production_page", str(tmp_path)]
    done = subprocess.run(line, env=environment(), cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.endswith("the page holds\n")
