"""`python -m tests.benchmarks.backup_ranges`: the size of the data in WiredTiger's block-based incremental backups of a store.

`backup_ranges.c` takes the backups between runs of the server, so that the store must preserve the backups' names across restarts.
Between the backups, the changes defined in `changed_blocks` are made. Real incremental backups would also contain the log.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from pymongo import MongoClient

from secantus_server import SecantusDBServer
from secantus_server.storage.log_marks import NAME
from tests.benchmarks.changed_blocks import Client, changes_of, fill, newest, oplog_bytes
from tests.conftest import ROOT

SIZES = ("4KB", "64KB")


def compiled(directory: Path) -> Path:
    """Compile the C program, linked with this checkout's build of WiredTiger, and return its path."""
    sys.path.append(str(ROOT / "vendor"))
    from build_wiredtiger import WIREDTIGER  # not in an installed package
    from source_build import build

    archive = build(WIREDTIGER, ROOT / "build").archive
    program = directory / "backup_ranges"
    options = [f"-I{archive.parent / 'include'}", str(archive), "-lpthread", "-ldl", "-o", str(program)]
    subprocess.run(["cc", "-Wall", str(Path(__file__).with_suffix(".c")), *options], check=True)
    return program


class Store:
    """A store on which a server runs only while a change is made.

    Arguments:
        directory: the directory of the store.
        program: the compiled program.
    """

    def __init__(self, directory: Path, program: Path) -> None:
        self._directory = directory
        self._program = program

    def change(self, change: Callable[[Client], None]) -> int:
        """Start a server, make a change, and stop the server. Return the size of the change's oplog entries."""
        with SecantusDBServer(port=0, storage_path=str(self._directory), log_level="error") as server, MongoClient(server.uri) as client:
            begun = newest(client) if client.local["oplog.rs"].find_one() else None
            change(client)
            return oplog_bytes(client, begun) if begun else 0

    def back_up(self, name: str, size: str, *source: str) -> int:
        """Take a backup. If it is incremental, return the number of bytes that it contains."""
        # The server does not open a store that another program has written to, unless its marks are removed.
        (self._directory / NAME).unlink()
        command = [str(self._program), str(self._directory), name, size, *source]
        return int(subprocess.run(command, check=True, capture_output=True, text=True).stdout)

    @property
    def size(self) -> int:
        """The total size of the data files."""
        return sum(file.stat().st_size for file in self._directory.glob("*.wt"))


def main() -> None:
    """Print one row per block size and change: the sizes of the incremental backup, the store, and the oplog entries."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--documents", type=int, default=1_000_000)
    count = parser.parse_args().documents

    print("| Blocks of | Change | increment | store | oplog |")
    with tempfile.TemporaryDirectory() as scratch:
        program, filled = compiled(Path(scratch)), Path(scratch) / "filled"
        Store(filled, program).change(lambda client: fill(client, count))
        for size in SIZES:
            store = Store(Path(shutil.copytree(filled, Path(scratch) / size)), program)
            store.back_up("backup0", size)
            for number, (name, change) in enumerate(changes_of(count).items()):
                entries = store.change(change)
                bytes_changed = store.back_up(f"backup{number + 1}", size, f"backup{number}")
                figures = [f"{value / 1e6:.1f} MB" for value in (bytes_changed, store.size, entries)]
                print("|", " | ".join([size, name, *figures]), "|", flush=True)


if __name__ == "__main__":
    main()
