"""The command `secantusdb-restore-archive`, which restores a storage directory from a backup archive without a server."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from secantus_server.backup.manifest import Manifest
from secantus_server.backup.restore import restore_archive
from secantus_server.errors import CommandError
from secantus_server.tools.point_in_time import bring_forward, parse_time, parse_timestamp
from secantus_server.tools.progress import ProgressBar


def main(arguments: Sequence[str] | None = None) -> int:
    """Verify an archive, restore it, and return the exit code."""
    parser = argparse.ArgumentParser(
        prog="secantusdb-restore-archive",
        description="Restore a storage directory from an archive of secantusAdmin.backupArchive or `secantusdb backup`. "
        "The archive is verified before anything is written.",
    )
    parser.add_argument("--archive", required=True, metavar="FILE", help="the archive")
    parser.add_argument("--target-dir", required=True, metavar="DIR", help="the directory to create; it must not exist, or be empty")
    group = parser.add_mutually_exclusive_group()
    group.add_argument("--to-time", type=parse_time, metavar="TIME", help="also apply the archived oplog up to this time (ISO 8601; UTC)")
    group.add_argument("--to-timestamp", type=parse_timestamp, metavar="T:I", help="also apply the archived oplog up to this timestamp")
    parser.add_argument("--oplog-dir", metavar="DIR", help="the archived oplog (default: the directory of the archive)")
    given = parser.parse_args(arguments)
    bar, archive = ProgressBar("restore"), Path(given.archive)
    target, segments = given.to_time or given.to_timestamp, Path(given.oplog_dir or archive.absolute().parent)

    def finish(directory: Path, manifest: Manifest) -> None:
        if target is not None:
            bring_forward(directory, manifest, segments, target)

    try:
        manifest = restore_archive(archive, Path(given.target_dir).absolute(), bar.advance, finish)
    except CommandError as error:
        print(f"secantusdb-restore-archive: {error.message}", file=sys.stderr)
        return 1
    finally:
        bar.end()
    without = "" if manifest.includes_users else "; the archive contains no users and roles"
    print(f"restored {given.target_dir}{without}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
