"""Each file of a closed store is damaged in each way: `python -m tests.storage.damage_matrix` tries all combinations.

A daemon is started on the damaged store. Either it refuses to start with one sentence; or all data are readable; or it reports the
unreadable parts with error 301, and all other data are readable. Then it is written to, stopped, and started again, with the same
expectations.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import sys
import tempfile
import threading
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import bson

from secantus_server.server import SecantusDBServer
from secantus_server.storage.errors import DAMAGED
from tests.net.raw_client import RawClient, connected
from tests.power.failing_daemon import Ending, ForkedDaemon
from tests.storage.damage import flip

Document = dict[str, Any]
#: The results of a client's reads: the documents or the error, by a description of the read.
Contents = dict[str, bytes | list[bytes] | Document]

PAGE: Final = 4096
DATABASES: Final = ("shop", "stock")
#: Texts that must not appear in a message for a user.
_NOT_FOR_USERS: Final = ("Traceback", "Fatal Python error", "nternal error", "[ERROR]", "WT_", "__wt")


def cut_to(path: Path, size: int) -> None:
    """Truncate a file."""
    os.truncate(path, size)


def zero(path: Path, at: int) -> None:
    """Overwrite a page with zeros."""
    content = bytearray(path.read_bytes())
    content[at : at + PAGE] = bytes(len(content[at : at + PAGE]))
    path.write_bytes(content)


def used(path: Path) -> int:
    """Return the size of a file without the zeros at its end."""
    return len(path.read_bytes().rstrip(b"\0"))


def page_of(at: int) -> int:
    """Return the start of the page that contains a position."""
    return max(0, at) // PAGE * PAGE


DAMAGES: Final[dict[str, Callable[[Path], None]]] = {
    "empty": lambda path: cut_to(path, 0),
    "half": lambda path: cut_to(path, used(path) // 2),
    "one byte less": lambda path: cut_to(path, path.stat().st_size - 1),
    "last used byte cut": lambda path: cut_to(path, used(path) - 1),
    "first page zeroed": lambda path: zero(path, 0),
    "middle page zeroed": lambda path: zero(path, page_of(used(path) // 2)),
    "last page zeroed": lambda path: zero(path, page_of(used(path) - 1)),
    "missing": Path.unlink,
}


def fill(connection: RawClient) -> None:
    """Fill a store with two databases."""
    for database in DATABASES:
        for name in ("one", "two", "three"):
            documents = [{"_id": n, "n": n % 50, "tags": [n, -n], "text": f"{name}{n}" * 30} for n in range(300)]
            _done(connection, {"insert": name, "documents": documents, "$db": database})
            indexes = [{"key": {"n": 1}, "name": "n_1"}, {"key": {"tags": 1}, "name": "tags_1"}]
            _done(connection, {"createIndexes": name, "indexes": indexes, "$db": database})
            _done(connection, {"delete": name, "deletes": [{"q": {"n": 7}, "limit": 0}], "$db": database})
        _done(connection, {"create": "view", "viewOn": "one", "pipeline": [{"$match": {"n": 3}}], "$db": database})


def _done(connection: RawClient, command: Document) -> None:
    reply = connection.run(command)
    assert reply["ok"], reply
    assert "writeErrors" not in reply, reply


def contents(connection: RawClient) -> Contents:
    """Return the results of reading everything as a client."""
    found: Contents = {}

    def ask(what: str, command: Document, field: str | None = None) -> list[Document]:
        """Record the result of a command under a description, and return its first batch."""
        reply = connection.run(command)
        if not reply["ok"]:
            found[what] = {"code": reply["code"], "errmsg": reply["errmsg"]}
            return []
        batch: list[Document] = reply["cursor"]["firstBatch"] if field is None else [{field: reply[field]}]
        found[what] = bson.encode({"": batch})
        return batch

    for database in DATABASES:
        ask(f"the hash of {database}", {"dbHash": 1, "$db": database}, "collections")
        for one in ask(f"the collections of {database}", {"listCollections": 1, "$db": database}):
            name = one["name"]
            find = {"find": name, "batchSize": 1_000_000, "$db": database}
            ask(f"{database}.{name}", find)
            if one["type"] == "collection":
                ask(f"the count of {database}.{name}", {"count": name, "$db": database}, "n")
                for index in ask(f"the indexes of {database}.{name}", {"listIndexes": name, "$db": database}):
                    ask(f"{database}.{name} by {index['name']}", {**find, "hint": index["key"], "sort": index["key"]})
    entries = connection.run({"find": "oplog.rs", "batchSize": 1_000_000, "$db": "local"})
    if entries["ok"]:
        found["the oplog"] = [bson.encode(one) for one in entries["cursor"]["firstBatch"]]
    else:
        found["the oplog"] = {"code": entries["code"], "errmsg": entries["errmsg"]}
    return found


class Matrix:
    """An undamaged store, and the results of reading it.

    Arguments:
        directory: the directory for all files.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self.store = directory / "whole"
        with SecantusDBServer(port=0, storage_path=str(self.store), log_level="error") as server, connected(server) as connection:
            fill(connection)
        assert threading.active_count() == 1, "a fork would lose the other threads"
        daemon = ForkedDaemon(None, self.store)
        with connected(daemon) as connection:
            self._whole = contents(connection)
        daemon.stop()
        self.files = sorted(path.name for path in self.store.iterdir())

    def cases(self, flips: int) -> list[tuple[str, str]]:
        """Return all combinations of a file and a kind of damage."""
        return [(name, damage) for name in self.files for damage in (*DAMAGES, *(f"bit {n}" for n in range(flips)))]

    def try_one(self, name: str, damage: str, chance: random.Random) -> tuple[str, list[str]]:
        """Damage one file of a copy. Return the daemon's reaction, and the problems."""
        store = self._directory / "store"
        shutil.rmtree(store, ignore_errors=True)
        shutil.copytree(self.store, store)
        path = store / name
        if damage.startswith("bit"):
            if not used(path):
                return "nothing to damage", []
            at = chance.randrange(used(path))
            flip(path, at)
        elif used(path) or damage == "missing":
            DAMAGES[damage](path)
        else:
            return "nothing to damage", []
        added: set[str] = set()
        problems: list[str] = []
        reactions = []
        for kills in (True, False):
            reaction, wrong = self._start(store, added, kills=kills)
            reactions.append(reaction)
            problems += wrong
            if reaction == "refuses to start":
                break
        return ", then ".join(dict.fromkeys(reactions)), problems

    def _start(self, store: Path, added: set[str], *, kills: bool) -> tuple[str, list[str]]:
        """Start a daemon on a damaged store, read everything, add a document to each database, and stop or kill the daemon."""
        daemon = ForkedDaemon(None, store)
        if not daemon.has_started:
            ending = daemon.stop()
            return "refuses to start", _wrong_with(ending, refuses=True)
        problems: list[str] = []
        try:
            found = self._look(daemon, added, problems)
        except (EOFError, ConnectionError):
            return "stops", _wrong_with(daemon.stop(), refuses=True)
        if kills:
            daemon.kill()
        else:
            problems += _wrong_with(daemon.stop(), refuses=False)
        refused = [one for one in found.values() if isinstance(one, dict)]
        problems += [problem for what, one in found.items() if isinstance(one, dict) for problem in _wrong_error(what, one)]
        for what, before in self._whole.items():
            now = found.get(what)
            if isinstance(now, list) and isinstance(before, list):
                # The oplog has new entries; compare only the old ones.
                now = now[: len(before)]
            if now != before and not isinstance(now, dict) and not (now is None and refused):
                problems.append(f"{what}: {'gone' if now is None else 'different'}")
        return "refuses a part" if refused else "has everything", problems

    def _look(self, daemon: ForkedDaemon, added: set[str], problems: list[str]) -> Contents:
        """Return the results of reading everything, and add a document to each database."""
        with connected(daemon) as connection:
            found = contents(connection)
            for database in DATABASES:
                _add(connection, database, added, problems)
        return found


def _add(connection: RawClient, database: str, added: set[str], problems: list[str]) -> None:
    """Add a document to a database. If an earlier daemon acknowledged this write, check that the document exists."""
    if database in added:
        reply = connection.run({"find": "added", "filter": {"_id": 1}, "$db": database + "added"})
        if reply["ok"] and not reply["cursor"]["firstBatch"]:
            problems.append(f"a write to {database} is lost")
    elif connection.run({"insert": "added", "documents": [{"_id": 1}], "$db": database + "added"}).get("n") == 1:
        added.add(database)


def _wrong_with(ending: Ending, *, refuses: bool) -> list[str]:
    """Return the problems in the way a daemon has ended."""
    problems = [f"says {one}: {ending.stderr}" for one in _NOT_FOR_USERS if one in ending.stderr]
    if ending.code not in (0, 1):
        problems.append(f"ends with {ending.code}: {ending.stderr[-2000:]}")
    sentences = [line for line in ending.stderr.splitlines() if line.startswith("secantusdb: ")]
    if (refuses or ending.code == 1) and (ending.code != 1 or len(sentences) != 1):
        problems.append(f"ends with {ending.code} and says {ending.stderr!r}")
    return problems


def _wrong_error(what: str, error: Document) -> list[str]:
    """Return the problems of a command's error."""
    text = error["errmsg"]
    problems = [f"says {one}: {text}" for one in _NOT_FOR_USERS if one in text]
    if error["code"] != DAMAGED or "damaged" not in text:
        problems.append(f"{what}: error {error['code']}: {text}")
    name = what.split()[0]
    if "Part of the collection" in text and "." in name and not name.endswith(".view") and name not in text:
        problems.append(f"{what}: {text}")
    return problems


def main() -> int:
    """Run from the command line; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sample", type=int, default=0, help="how many damages; 0 for all")
    parser.add_argument("--flips", type=int, default=6, help="how many bits of each file are flipped, one at a time")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 32))
    parser.add_argument("--file", help="only this file")
    arguments = parser.parse_args()
    chance, reactions, bad = random.Random(arguments.seed), Counter[str](), 0
    with tempfile.TemporaryDirectory() as directory:
        matrix = Matrix(Path(directory))
        cases = [case for case in matrix.cases(arguments.flips) if arguments.file in (None, case[0])]
        for name, damage in chance.sample(cases, arguments.sample) if arguments.sample else cases:
            reaction, problems = matrix.try_one(name, damage, random.Random(f"{arguments.seed} {name} {damage}"))
            reactions[reaction] += 1
            bad += bool(problems)
            if problems:
                print(f"{name}, {damage}: {reaction}: {problems}", flush=True)
    print(f"seed {arguments.seed}: {reactions.total()} damages, {bad} with a problem ({dict(reactions)})")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
