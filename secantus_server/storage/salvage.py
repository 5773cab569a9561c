"""Repair of a copy of a damaged storage directory, so that its readable blocks form readable tables again.

https://source.wiredtiger.com/develop/command_line.html
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from secantus_server.errors import CommandError
from secantus_server.storage import configuration
from secantus_server.storage.errors import StorageError
from secantus_server.storage.inspection import check_log, is_turtle_damaged, log_files
from secantus_server.storage.log_cuts import MAY_BE_LOST, earlier_cuts
from secantus_server.storage.log_marks import NAME as MARKS
from secantus_server.storage.log_marks import TURTLE, LogMarks
from secantus_server.storage.tables import NAMES
from secantus_server.storage.wiredtiger._binding import Connection, Session

_TABLES: Final = tuple(f"{name}.wt" for name in NAMES)
_LATER_WRITES: Final = "what was written after that is lost"


def make_readable(directory: Path) -> list[str]:
    """Repair the files of a store, so that `Engine.open` can open it. Return sentences that describe the lost data.

    Arguments:
        directory: a copy of the damaged directory. Files in it are rewritten and removed.

    Raises:
        StorageError: if the store could not be opened even after the repair.
    """
    lost = _look_at_log(directory)
    connection = _open(directory, lost)
    try:
        session = Session(connection)
        for table in range(len(NAMES)):
            lost += _repair_table(directory, session, table)
        session.checkpoint()
    finally:
        connection.close()
    # The readable part of the log has been applied to the tables.
    for path in log_files(directory).values():
        path.unlink()
    return lost


def _look_at_log(directory: Path) -> list[str]:
    """Remove everything that prevents WiredTiger from reading the log up to the first damage. Return sentences that describe the log's
    faults.
    """
    lost = [
        f"The file {path.name} contains {path.stat().st_size} bytes that an earlier start cut off the log: {MAY_BE_LOST}"
        for path in earlier_cuts(directory)
    ]
    marks = LogMarks(directory)
    if marks.before is not None and is_turtle_damaged(directory, marks.before):
        # WiredTiger recreates the file if it is missing.
        (directory / TURTLE).unlink(missing_ok=True)
    try:
        lost += [cut.described() for cut in check_log(directory, marks.before).cuts]
    except StorageError as error:
        lost.append(f"{error.message.split(':')[0]}: {_LATER_WRITES}.")
    finally:
        marks.close()
        (directory / MARKS).unlink()
    return lost


def _open(directory: Path, lost: list[str]) -> Connection:
    """Open the database. The first attempt uses all files, the second omits the log, and the third also omits the table descriptions."""
    config = configuration.path_config(None)
    try:
        return Connection(bytes(directory), config + b",salvage=true", False)
    except CommandError:
        for path in log_files(directory).values():
            path.unlink()
    try:
        connection = Connection(bytes(directory), config + b",salvage=true", False)
    except CommandError:
        for path in directory.iterdir():
            if path.name not in _TABLES:
                path.unlink()
        connection = Connection(bytes(directory), config, False)
        lost.append("The descriptions of the tables were damaged: the tables were described anew from their files.")
    lost.append(f"The log could not be applied; the data is that of the last checkpoint, and {_LATER_WRITES}.")
    return connection


def _repair_table(directory: Path, session: Session, table: int) -> list[str]:
    """Make one table readable, and return sentences that describe the lost data."""
    name = f"{NAMES[table]}.wt"
    config = configuration.table_configs(in_memory=False)[table]
    if not (directory / name).exists():
        if session.has_table(table):
            session.drop_table(table)
        session.create_table(table, config)
        return [f"The file {name} was missing."]
    try:
        if not session.has_table(table):
            session.import_table(table, config)
            # The imported table is in use until the checkpoint.
            session.checkpoint()
        session.verify_table(table)
    except CommandError:
        return _rebuild(session, table, name, config)
    return []


def _rebuild(session: Session, table: int, name: str, config: bytes) -> list[str]:
    try:
        session.salvage_table(table)
    except CommandError:
        session.drop_table(table)
        session.create_table(table, config)
        return [f"Nothing in the file {name} could be read."]
    return [f"A part of the file {name} was damaged; the other parts were read."]
