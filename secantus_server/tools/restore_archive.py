"""`secantusdb-restore-archive`: restores a storage directory from an archive, without a server."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from secantus_server.backup.restore import restore_archive
from secantus_server.errors import CommandError
from secantus_server.tools.progress import ProgressBar


def main(arguments: Sequence[str] | None = None) -> int:
    """Verify an archive and restore it; return the exit code."""
    parser = argparse.ArgumentParser(
        prog="secantusdb-restore-archive",
        description="Restore a storage directory from an archive of secantusAdmin.backupArchive or `secantusdb backup`. "
        "The archive is verified before anything is written.",
    )
    parser.add_argument("--archive", required=True, metavar="FILE", help="the archive")
    parser.add_argument("--target-dir", required=True, metavar="DIR", help="the directory to create; it must not exist, or be empty")
    given = parser.parse_args(arguments)
    bar = ProgressBar("restore")
    try:
        restore_archive(Path(given.archive), Path(given.target_dir).absolute(), bar.advance)
    except CommandError as error:
        print(f"secantusdb-restore-archive: {error.message}", file=sys.stderr)
        return 1
    finally:
        bar.end()
    print(f"restored {given.target_dir}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
