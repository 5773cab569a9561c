"""`secantusdb backup`: a backup of a storage directory that no server uses."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from secantus_server.backup.take import take_backup
from secantus_server.clock import Clock
from secantus_server.errors import CommandError
from secantus_server.oplog.oplog import Oplog
from secantus_server.storage import Engine
from secantus_server.tools.progress import ProgressBar

_IN_USE = 98


def main(arguments: Sequence[str]) -> int:
    """Write the archive; return the exit code."""
    parser = argparse.ArgumentParser(
        prog="secantusdb backup",
        description="Write an archive of a storage directory that no server uses. "
        "While a server uses it, run the command secantusAdmin.backupArchive on that server.",
    )
    parser.add_argument("--storage-path", required=True, metavar="DIR", help="the storage directory")
    parser.add_argument("--output", required=True, metavar="FILE", help="the archive to write, with a name that ends in .tar.gz")
    given = parser.parse_args(arguments)
    directory = Path(given.storage_path)
    if not directory.is_dir():
        print(f"secantusdb backup: {directory} is not a storage directory.", file=sys.stderr)
        return 1
    try:
        _back_up(directory, Path(given.output))
    except CommandError as error:
        hint = " Run the command secantusAdmin.backupArchive on it instead." if error.code == _IN_USE else ""
        print(f"secantusdb backup: {error.message}{hint}", file=sys.stderr)
        return 1
    print(f"wrote {given.output}")
    return 0


def _back_up(directory: Path, output: Path) -> None:
    clock, bar = Clock(), ProgressBar("backup")
    engine = Engine.open(str(directory))
    try:
        take_backup(engine, Oplog(engine, clock, enabled=True), clock, output.absolute(), bar.advance, bar.begin)
    finally:
        bar.end()
        engine.close()
