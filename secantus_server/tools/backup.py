"""The command `secantusdb backup`, which backs up a running server or a storage directory that no server is using."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pymongo import MongoClient
from pymongo.errors import PyMongoError

from secantus_server.backup.take import take_backup
from secantus_server.clock import Clock
from secantus_server.errors import CommandError
from secantus_server.oplog.oplog import Oplog
from secantus_server.storage import Engine
from secantus_server.tools.driver_errors import reason_of
from secantus_server.tools.progress import ProgressBar

_IN_USE = 98


def main(arguments: Sequence[str]) -> int:
    """Write the backup archive, and return the exit code."""
    parser = argparse.ArgumentParser(
        prog="secantusdb backup",
        description="Write an archive of a storage directory, which a server uses (--uri) or none does (--storage-path).",
        epilog="Exit code: 0 if the archive is complete, 1 if it could not be written, 2 for an invalid command line.",
    )
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--storage-path", metavar="DIR", help="the storage directory; no server uses it")
    source.add_argument("--uri", metavar="URI", help="a server, which writes the archive itself; its user has the role backup")
    parser.add_argument(
        "--output", required=True, metavar="FILE", help="the archive to write, on the server's machine; its name ends in .tar.gz"
    )
    parser.add_argument("--with-users", action="store_true", help="include users with the keys of their passwords, and roles")
    given = parser.parse_args(arguments)
    if given.uri is not None:
        return _back_up_server(given.uri, given.output, given.with_users)
    directory = Path(given.storage_path)
    if not directory.is_dir():
        print(f"secantusdb backup: {directory} is not a storage directory.", file=sys.stderr)
        return 1
    try:
        _back_up(directory, Path(given.output), given.with_users)
    except CommandError as error:
        hint = " Give its --uri instead of --storage-path." if error.code == _IN_USE else ""
        print(f"secantusdb backup: {error.message}{hint}", file=sys.stderr)
        return 1
    print(f"wrote {given.output}{_about_users(given.with_users)}")
    return 0


def _about_users(with_users: bool) -> str:
    return "" if with_users else ", without users and roles (--with-users includes them)"


def _back_up_server(uri: str, output: str, with_users: bool) -> int:
    """Request a running server to write a backup archive, and return the exit code."""
    try:
        with MongoClient[dict[str, Any]](uri, serverSelectionTimeoutMS=10_000) as client:
            reply = client.admin.command("secantusAdmin.backupArchive", 1, outputPath=output, includeUsers=with_users)
    except (PyMongoError, ValueError) as error:
        print(f"secantusdb backup: {reason_of(error)}", file=sys.stderr)
        return 1
    moment = f"{reply['timestamp'].time}:{reply['timestamp'].inc}"
    print(f"wrote {reply['outputPath']}, {reply['sizeBytes']} bytes, as of {moment}{_about_users(with_users)}")
    return 0


def _back_up(directory: Path, output: Path, with_users: bool) -> None:
    clock, bar = Clock(), ProgressBar("backup")
    engine = Engine.open(str(directory))
    try:
        oplog = Oplog(engine, clock, enabled=True)
        take_backup(engine, oplog, clock, output.absolute(), bar.advance, bar.begin, with_users=with_users)
    finally:
        bar.end()
        engine.close()
