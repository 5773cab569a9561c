"""The command `secantusdb check`, which checks all contents of a storage directory that no server is using."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from secantus_server.bson import decode, validate
from secantus_server.bson.values import stamp_of
from secantus_server.diagnostics.plurals import counted
from secantus_server.dispatch.client import ClientInfo
from secantus_server.dispatch.dispatcher import dispatch
from secantus_server.dispatch.services import Services
from secantus_server.errors import CommandError
from secantus_server.oplog._rows import entries_of
from secantus_server.server import SecantusDBServer
from secantus_server.storage import META, OPLOG
from secantus_server.storage.errors import DAMAGED
from secantus_server.wire.message import Message

EXIT_SOUND: Final = 0
EXIT_FAILED: Final = 1
#: Not 2, which means an invalid command line.
EXIT_DAMAGED: Final = 3
_STORE_FILES: Final = ("WiredTiger", "WiredTiger.turtle")


def main(arguments: Sequence[str]) -> int:
    """Check a storage directory, print the results, and return the exit code."""
    parser = argparse.ArgumentParser(
        prog="secantusdb check",
        description="Check a storage directory that no server uses: every document, every index entry and the oplog.",
        epilog="Exit code: 0 if all is sound, 3 if something is damaged, 1 if the directory cannot be checked, 2 for an invalid command.",
    )
    parser.add_argument("directory", metavar="DIR", help="the storage directory")
    directory = Path(parser.parse_args(arguments).directory)
    if not is_store(directory):
        print(f"secantusdb check: {directory} is not a storage directory.", file=sys.stderr)
        return EXIT_FAILED
    try:
        faults = _check(directory)
    except CommandError as error:
        print(f"secantusdb check: {error.message}", file=sys.stderr)
        return EXIT_DAMAGED if error.code == DAMAGED else EXIT_FAILED
    print(f"{directory}: {'sound' if not faults else f'{faults} faults'}")
    return EXIT_DAMAGED if faults else EXIT_SOUND


def is_store(directory: Path) -> bool:
    """Return whether a directory contains a store. Call this before `Engine.open`, which would create a store in the directory."""
    return directory.is_dir() and (any(directory.glob("*.wt")) or any((directory / name).exists() for name in _STORE_FILES))


def _check(directory: Path) -> int:
    """Print a line for each collection and for the oplog, and return the number of faults.

    Raises:
        CommandError: the store cannot be opened.
    """
    faults = 0
    server = SecantusDBServer(port=0, storage_path=str(directory), log_level="error")
    with server.offline() as services:
        for subject, found, problems in (*_collections(services), _oplog(services), _meta(services)):
            print(f"{subject}: {found}" if not problems else f"{subject}: {found}, DAMAGED")
            for problem in problems:
                print(f"  {problem}")
            faults += len(problems)
    return faults


#: What was checked, what was found, and the faults.
Finding = tuple[str, str, list[str]]


def _collections(services: Services) -> Iterator[Finding]:
    client = ClientInfo(0, ("", 0))
    for collection in services.catalog.view.all():
        if collection.is_view:
            yield collection.namespace, "a view", []
            continue
        try:
            _request, reply = dispatch(Message(0, {"validate": collection.name, "$db": collection.db}), services, client)
        except CommandError as error:
            yield collection.namespace, "cannot be read", [error.message]
            continue
        documents = counted(reply["nrecords"], "document")
        yield collection.namespace, f"{documents}, {counted(len(collection.indexes), 'index', 'indexes')}", list(reply["errors"])


def _oplog(services: Services) -> Finding:
    """Check that each oplog entry is readable and that the timestamps ascend. Return the findings."""
    entries = last = 0
    faults: list[str] = []
    try:
        with services.engine.transaction() as unit:
            for key, row in unit.scan(OPLOG, b"", None):
                for entry in entries_of(row, int.from_bytes(key, "big")):
                    validate(entry)
                    stamp = stamp_of(decode(entry)["ts"])
                    if stamp <= last:
                        faults.append(f"the entry of {stamp >> 32}:{stamp & 0xFFFFFFFF} is not later than the one before")
                    entries, last = entries + 1, stamp
    except CommandError as error:
        faults.append(error.message)
    except (KeyError, ValueError):
        faults.append(f"what follows the entry of {last >> 32}:{last & 0xFFFFFFFF} is no entry")
    return "local.oplog.rs", counted(entries, "entry", "entries"), faults


def _meta(services: Services) -> Finding:
    """Check that the rows with the server's own state are readable, and return the findings."""
    rows = 0
    try:
        with services.engine.transaction() as unit:
            rows = sum(1 for _row in unit.scan(META, b"", None))
    except CommandError as error:
        return "the server's own rows", counted(rows, "row"), [error.message]
    return "the server's own rows", counted(rows, "row"), []
