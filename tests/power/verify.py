"""The verification of a store after a simulated power loss."""

from __future__ import annotations

import random
import shutil
from pathlib import Path
from typing import Any

from secantus_server.server import SecantusDBServer
from secantus_server.storage import log_marks
from tests.net.raw_client import RawClient
from tests.power.clients import DATABASE, IDS_PER_CLIENT, INDEXES
from tests.power.model import SHARED, Content, Document, History, State, differences, found_at, is_between


def give_marks(image: Path, synced: Path | None, chance: random.Random) -> str:
    """Write the marks of the log in one of the two states that a power loss may leave: with or without the changes since their last sync.

    Return the chosen state as text for a report.

    Arguments:
        image: the image, which contains the current marks.
        synced: the marks that were synced at the start; None if the image was created before that.
    """
    path, at = image / log_marks.NAME, log_marks._AT_BOOT
    takes_synced = synced is not None and chance.random() < 0.5
    content = synced.read_bytes() if synced is not None and takes_synced else path.read_bytes()
    path.write_bytes(content[:at] + b"another boot".ljust(36) + content[at + 36 :])
    return "as synced" if takes_synced else "present"


class Store:
    """A store in an image, opened by an ordinary server."""

    def __init__(self, path: Path) -> None:
        self.server = SecantusDBServer(port=0, storage_path=str(path), log_level="error")
        self.server.start()
        self.connection = RawClient(self.server)

    def close(self) -> None:
        """Stop the server."""
        self.connection.close()
        self.server.stop()

    def run(self, command: Document) -> Document:
        """Run a command and return its reply."""
        return self.connection.run({**command, "$db": command.get("$db", DATABASE)})

    def all(self, name: str, **find: Any) -> list[Document]:
        """Return all documents of a collection."""
        reply = self.run({"find": name, "batchSize": 1_000_000, **find})
        assert reply["ok"], reply
        assert reply["cursor"]["id"] == 0
        found: list[Document] = reply["cursor"]["firstBatch"]
        return found

    def names(self) -> list[str]:
        """Return the names of all collections."""
        return [one["name"] for one in self.run({"listCollections": 1})["cursor"]["firstBatch"]]

    def content(self, name: str, problems: list[str]) -> Content:
        """Return the content of a collection. Add a problem if its indexes, its count or its structure disagree with the documents."""
        documents = self.all(name, hint={"$natural": 1})
        indexes = {one["name"] for one in self.run({"listIndexes": name})["cursor"]["firstBatch"]} - {"_id_"}
        ids = sorted(one["_id"] for one in documents)
        for key in ({"_id": 1}, *(INDEXES[index] for index in indexes)):
            by_index = sorted(one["_id"] for one in self.all(name, sort=key, hint=key))
            if by_index != ids:
                problems.append(f"{name}: the index {key} finds {len(by_index)} of {len(ids)} documents")
        report = self.run({"validate": name, "full": True})
        if not report["ok"] or not report["valid"] or report["nrecords"] != len(ids) or report.get("warnings"):
            problems.append(f"{name}: validate says {report}")
        if (counted := self.run({"count": name})["n"]) != len(ids):
            problems.append(f"{name}: count says {counted} of {len(ids)}")
        return Content({one["_id"]: one for one in documents}, frozenset(indexes))

    def oplog_problems(self, contents: dict[str, Content]) -> list[str]:
        """Compare each document with its last oplog entry, and return the problems."""
        uuids = {bytes(one["info"]["uuid"]): one["name"] for one in self.run({"listCollections": 1})["cursor"]["firstBatch"]}
        last: dict[tuple[bytes, int], Document] = {}
        for entry in self.all("oplog.rs", **{"$db": "local"}):
            for one in entry["o"]["applyOps"] if entry["op"] == "c" and "applyOps" in entry["o"] else [entry]:
                if one["op"] in "iud" and one["ns"].startswith(f"{DATABASE}."):
                    last[bytes(one["ui"]), one.get("o2", one["o"])["_id"]] = one
        problems, seen = [], set()
        for (uuid, identity), entry in last.items():
            if (name := uuids.get(uuid)) is None:
                continue
            seen.add((name, identity))
            document = contents[name].documents.get(identity)
            if (document is None) != (entry["op"] == "d"):
                problems.append(f"{name}: the oplog's last entry of {identity} is {entry['op']}, the document is {document}")
            elif document is not None and any(document.get(k) != v for k, v in _sets(entry).items()):
                problems.append(f"{name}: {identity} is {document}, the oplog says {entry['o']}")
        missing = {(name, key) for name, content in contents.items() for key in content.documents} - seen
        return problems + [f"the oplog has no entry of {one}" for one in sorted(missing)[:2]]


def _sets(entry: Document) -> Document:
    """Return the fields that an oplog entry sets, through an inserted or replaced document or through a diff."""
    if entry["op"] == "i" or "$v" not in entry["o"]:
        return dict(entry["o"])
    diff = entry["o"]["diff"]
    return {**diff.get("i", {}), **diff.get("u", {})}


def part_of(number: int, contents: dict[str, Content]) -> State:
    """Return the part of the contents that one client has written."""
    low = number * IDS_PER_CLIENT
    shared = {key: one for key, one in contents[SHARED].documents.items() if low <= key < low + IDS_PER_CLIENT}
    own = {name: content for name, content in contents.items() if name.startswith(f"own{number}_")}
    return {SHARED: Content(shared, contents[SHARED].indexes), **own}


def read(store: Store, problems: list[str], *, with_oplog: bool) -> dict[str, Content]:
    """Return the contents of all collections. Add the problems that are visible without the clients' histories."""
    contents = {name: store.content(name, problems) for name in store.names() if not name.startswith("system.")}
    if with_oplog:
        problems += store.oplog_problems(contents)
    return contents


def compare(contents: dict[str, Content], histories: list[History], needed: list[int], asked: list[int]) -> tuple[list[int], list[str]]:
    """Return, for each client, the number of statements after which it had the state in the store. Also return the problems."""
    positions, problems = [], []
    if SHARED not in contents:
        return [0] * len(histories), [f"the collection {SHARED} is gone"]
    strange = {name for name in contents if name != SHARED and not any(name.startswith(f"own{n}_") for n in range(len(histories)))}
    if strange:
        problems.append(f"strange collections {sorted(strange)}")
    for number, history in enumerate(histories):
        found = part_of(number, contents)
        position = found_at(history, found, needed[number], asked[number])
        if position is None:
            earlier = found_at(history, found, 0, needed[number])
            near = differences(found, history.state(needed[number]))
            statement = history.statements[needed[number] - 1].what if needed[number] else "none"
            problems.append(
                f"client {number}: {asked[number]} statements asked for, {needed[number]} needed, last a {statement}; "
                f"found those of {earlier}; first difference: {near}"
            )
        positions.append(position or 0)
    return positions, problems


def ask_again(store: Store, number: int, history: History, position: int) -> list[str]:
    """Retry the last statement of a client that is in the store, if it is retryable. Return a problem if the retry changes anything."""
    if not position or (command := history.statements[position - 1].retry) is None:
        return []
    before = history.state(position)
    reply = store.run(command)
    problems: list[str] = []
    contents = read(store, problems, with_oplog=False)
    found = part_of(number, contents)
    whole = found == before or (history.statements[position - 1].splits and is_between(found, history.state(position - 1), before))
    if not reply["ok"] or not whole:
        problems.append(f"client {number}: a retry of {history.statements[position - 1].what} got {reply}; {differences(found, before)}")
    return problems


def copied(image: Path, to: Path) -> Path:
    """Copy an image, and return the path of the copy."""
    return Path(shutil.copytree(image, to))
