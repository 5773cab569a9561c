"""The command `secantusdb salvage`, which writes the readable data of a damaged storage directory to a new directory and reports the
losses.
"""

from __future__ import annotations

import argparse
import fcntl
import os
import shutil
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from secantus_server.backup.restore import check_target
from secantus_server.errors import CommandError
from secantus_server.storage import Engine, StorageError
from secantus_server.storage.log_marks import NAME as MARKS
from secantus_server.storage.salvage import make_readable
from secantus_server.tools.check import is_store
from secantus_server.tools.salvaged_data import Kept, copy_data

EXIT_WHOLE: Final = 0
EXIT_FAILED: Final = 1
#: Not 2, which means an invalid command line.
EXIT_LOST: Final = 3


def main(arguments: Sequence[str]) -> int:
    """Salvage a storage directory, print the report, and return the exit code."""
    parser = argparse.ArgumentParser(
        prog="secantusdb salvage",
        description="Write what can be read of a damaged storage directory to a new one. The damaged one is not changed. "
        "It needs free space for two copies. All indexes are built anew; the oplog is not taken over, so change streams begin anew.",
        epilog="Exit code: 0 if nothing was lost, 3 if something was, 1 if nothing could be read, 2 for an invalid command line.",
    )
    parser.add_argument("directory", metavar="DIR", help="the damaged storage directory; no server uses it")
    parser.add_argument("--target-dir", required=True, metavar="NEW", help="the directory to create; it must not exist, or be empty")
    given = parser.parse_args(arguments)
    try:
        lost, kept = salvage(Path(given.directory), Path(given.target_dir).absolute())
    except CommandError as error:
        print(f"secantusdb salvage: {error.message}", file=sys.stderr)
        return EXIT_FAILED
    for sentence in lost:
        print(sentence)
    for one in kept:
        print(f"{one.name}: {one.described()}")
    is_whole = not lost and all(one.is_whole for one in kept)
    print(f"{given.target_dir}: {'everything was read' if is_whole else 'some data was lost'}")
    return EXIT_WHOLE if is_whole else EXIT_LOST


def salvage(source: Path, target: Path) -> tuple[list[str], list[Kept]]:
    """Write the readable data of a directory to a new directory, which has a temporary name until it is complete.

    Returns:
        sentences that describe the damage to the files, and the result for each collection.

    Raises:
        CommandError: 2 if the target is not empty or is inside the source, or if the source is not a storage directory. 98 if a server
            is using the source. 1 or 301 if nothing can be read.
    """
    if not is_store(source):
        raise CommandError(2, f"{source} is not a storage directory.")
    if source.resolve() in target.resolve().parents:
        raise CommandError(2, f"The directory {target} is inside the damaged one, which is not changed: give one outside of it.")
    check_target(target)
    copy, partial = (target.with_name(f".{target.name}.{what}") for what in ("damaged", "partial"))
    try:
        for directory in (copy, partial):
            # Remove the files that an interrupted run has left.
            shutil.rmtree(directory, ignore_errors=True)
        with _reserved(source):
            shutil.copytree(source, copy)
        lost = make_readable(copy)
        kept = _write(copy, partial)
        partial.rename(target)
    except CommandError as error:
        # The message must name the source, since the copy is removed below.
        raise CommandError(error.code, error.message.replace(str(copy), str(source))) from error
    except OSError as error:
        raise CommandError(2, f"The directory {target} cannot be written: {(error.strerror or str(error)).lower()}.") from error
    finally:
        for directory in (copy, partial):
            shutil.rmtree(directory, ignore_errors=True)
    return lost, kept


@contextmanager
def _reserved(source: Path) -> Iterator[None]:
    """Return a context manager that prevents servers from using a directory. The directory remains unchanged.

    Raises:
        StorageError: a server is already using the directory.
    """
    try:
        descriptor = os.open(source / MARKS, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        yield
        return
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError:
        raise StorageError(f"The storage directory {source} is in use by a server: stop it first.", 98) from None
    finally:
        os.close(descriptor)


def _write(readable: Path, partial: Path) -> list[Kept]:
    source = Engine.open(str(readable))
    try:
        target = Engine.open(str(partial))
        try:
            return list(copy_data(source, target))
        finally:
            target.close()
    finally:
        source.close()
