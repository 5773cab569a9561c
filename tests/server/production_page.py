"""The steps of docs/production.md with the paths that it names. It must run as root in new mount and network namespaces:

    unshare --mount --net --fork python -m tests.server.production_page DIRECTORY

Overlays hide its changes of /etc and /var/lib from other processes.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pymongo import MongoClient
from pymongo.errors import OperationFailure

from tests.integration.daemon import READY, command, environment
from tests.net.tls_files import Files

PAGE = Path(__file__).parents[2] / "docs" / "production.md"
CONFIG = Path("/etc/secantus/secantusdb.toml")
STORE = Path("/var/lib/secantus")
HOST = "db.example.com"


def blocks(language: str = "") -> list[str]:
    """Return the page's code blocks in a language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)


def block(start: str, language: str = "") -> str:
    [found] = [one for one in blocks(language) if one.startswith(start)]
    return found


def run(*arguments: str | Path, code: int = 0) -> str:
    done = subprocess.run(command(*arguments), env=environment(), capture_output=True, text=True)
    assert done.returncode == code, f"{arguments}: {done.returncode} {done.stdout}{done.stderr}"
    return done.stdout + done.stderr


def hide_changes(directory: Path) -> None:
    """Mount overlays on the directories that the page writes to, and enable the loopback device."""
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    subprocess.run(["mount", "--make-rprivate", "/"], check=True)
    subprocess.run(["mount", "-t", "tmpfs", "tmpfs", directory], check=True)
    for place in ("/etc", "/var/lib", "/run"):
        upper, work = (directory / f"{place.replace('/', '-')}-{what}" for what in ("upper", "work"))
        upper.mkdir()
        work.mkdir()
        options = f"lowerdir={place},upperdir={upper},workdir={work}"
        subprocess.run(["mount", "-t", "overlay", "overlay", "-o", options, place], check=True)


@contextmanager
def service(*flags: str) -> Iterator[int]:
    """Run the daemon as the systemd unit does, with only the given flags."""
    process = subprocess.Popen(command(*flags), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment(), text=True)
    assert process.stdout is not None
    try:
        assert process.stdout.readline().startswith(READY)
        yield process.pid
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0


def configure() -> Files:
    """Write the page's configuration, and certificates at the paths in it. Return the certificates."""
    for path in (CONFIG.parent, STORE, Path("/run/secantus"), STORE / "backups"):
        path.mkdir(parents=True, exist_ok=True)
    CONFIG.write_text(block("# /etc/secantus/secantusdb.toml", "toml"), encoding="utf-8")
    files = Files(CONFIG.parent / "authority")
    place = Path(f"/etc/letsencrypt/live/{HOST}")
    place.mkdir(parents=True)
    issued = files.authority.issue_cert(HOST, "127.0.0.1")
    issued.private_key_pem.write_to_path(str(place / "privkey.pem"))
    for number, part in enumerate(issued.cert_chain_pems):
        part.write_to_path(str(place / "fullchain.pem"), append=number > 0)
    assert "configuration is valid (config file: /etc/secantus/secantusdb.toml)" in run("--check-config")
    assert 'cache_size = "4G"' in run("--print-config")
    return files


def uri_of(user: str, files: Files) -> str:
    return f"mongodb://{user}:long@127.0.0.1:27017/?authSource=admin&tls=true&tlsCAFile={files.ca}"


def create_users(files: Files) -> None:
    """Start the daemon without access control, reachable only from this machine, and create the users."""
    with (
        service("--no-auth", "--host", "127.0.0.1"),
        MongoClient[dict[str, Any]]("127.0.0.1", tls=True, tlsCAFile=files.ca) as client,
    ):
        for user, role in (("admin", "root"), ("monitor", "clusterMonitor"), ("backup", "backup")):
            client.admin.command("createUser", user, pwd="long", roles=[role])
    secret = CONFIG.parent / "backup-uri"
    secret.touch(0o600)
    secret.write_text(uri_of("backup", files))


def back_up() -> Path:
    """Run the first line of the page's crontab as cron does. Return the archive."""
    line = block("# /etc/cron.d/secantusdb-backup").splitlines()[1]
    script = line.split(maxsplit=6)[6].replace("\\%", "%")
    program = CONFIG.parent / "secantusdb"
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m secantus_server "$@"\n')
    program.chmod(0o700)
    variables = {**environment(), "PATH": f"{program.parent}:{os.environ['PATH']}"}
    subprocess.run(["/bin/sh", "-c", script], env=variables, check=True, cwd="/")
    [archive] = (STORE / "backups").glob("archive-*.tar.gz")
    return archive


def monitor(files: Files) -> None:
    """Run the page's monitoring loop twice."""
    [script] = [one for one in blocks("python") if "serverStatus" in one]
    script = script.replace("mongodb://monitor:<password>@127.0.0.1:27017/?authSource=admin", uri_of("monitor", files))
    script = script.replace("while True:", "for _ in range(2):").replace("time.sleep(1)", "time.sleep(0)")
    done = subprocess.run([sys.executable, "-c", script], env=environment(), capture_output=True, text=True, check=True)
    first, second = done.stdout.strip().splitlines()
    assert "'insert': 1000" in first
    assert "'insert': 1000" in second


def main(directory: Path) -> None:
    """Follow the page."""
    hide_changes(directory)
    files = configure()
    create_users(files)
    with service() as pid, MongoClient[dict[str, Any]](uri_of("admin", files)) as client:
        assert f"running, pid {pid}" in run("status")
        client.shop.orders.insert_many([{"n": n} for n in range(1000)])
        expected = client.shop.command("dbHash")["md5"]
        archive = back_up()
        monitor(files)
        # This is what `systemctl reload` does after the certificates were renewed.
        os.kill(pid, signal.SIGHUP)
        assert client.shop.orders.count_documents({}) == 1000
        with MongoClient[dict[str, Any]]("127.0.0.1", tls=True, tlsCAFile=files.ca) as nobody:
            try:
                nobody.shop.orders.find_one()
            except OperationFailure as error:
                assert error.code == 13
            else:
                raise AssertionError("everybody may read")
        client.shop.orders.delete_many({})
    assert "not running" in run("status", code=3)
    restore(archive)
    with service(), MongoClient[dict[str, Any]](uri_of("admin", files)) as client:
        assert client.shop.command("dbHash")["md5"] == expected
        assert client.shop.orders.count_documents({}) == 1000
    run("check", STORE / "data")
    print("the page holds")


def restore(archive: Path) -> None:
    """Follow the page's section about restoring, with the archive moved to another directory."""
    elsewhere = CONFIG.parent / archive.name
    shutil.move(archive, elsewhere)
    line = [sys.executable, "-m", "secantus_server.tools.restore_archive", "--archive", elsewhere, "--target-dir", STORE / "data-restored"]
    subprocess.run(line, env=environment(), check=True)
    (STORE / "data").rename(STORE / "data-old")
    (STORE / "data-restored").rename(STORE / "data")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
