"""Joins of collections that exceed their memory limit use the disk, and return what joins in memory return."""

from __future__ import annotations

import secrets
from random import Random
from typing import Any

import pytest
from pymongo.database import Database
from pymongo.errors import OperationFailure

from secantus_server.errors import CommandError
from secantus_server.exec import document_list
from secantus_server.exec.document_list import DocumentList
from secantus_server.exec.spilling import Spill
from secantus_server.storage.temporary import TemporaryFile, TemporaryFiles
from tests.commands.spilled import limited, random_documents

LOOKUP = {"from": "c", "localField": "b", "foreignField": "a", "as": "found"}
GRAPH = {"from": "c", "startWith": "$b", "connectFromField": "c", "connectToField": "a", "as": "found", "maxDepth": 2}
STAGES: list[dict[str, Any]] = [
    {"$lookup": LOOKUP},
    {"$lookup": LOOKUP | {"pipeline": [{"$match": {"n": {"$gt": 500}}}, {"$project": {"n": 1}}]}},
    {"$graphLookup": GRAPH},
]


@pytest.fixture
def files() -> TemporaryFiles:
    return TemporaryFiles(None)


@pytest.mark.parametrize("stage", STAGES, ids=["lookup", "pipeline", "graph"])
@pytest.mark.parametrize("limit", [1, 5_000, 20_000])
def test_the_same_documents(db: Database, stage: dict[str, Any], limit: int, monkeypatch: pytest.MonkeyPatch) -> None:
    seed = secrets.randbits(32)
    print(f"seed {seed}")
    db.c.insert_many(random_documents(Random(seed), 300))

    def answers() -> list[list[str]]:
        # As texts, because NaN does not equal itself.
        collations: list[Any] = [None, {"locale": "en", "strength": 1}]
        return [[repr(document) for document in db.c.aggregate(pipeline, collation=collation)] for collation in collations]

    pipeline = [{"$match": {"_id": {"$lt": 60}}}, stage]
    expected = answers()
    assert any("'found': [{" in text for text in expected[0])
    monkeypatch.setattr(document_list, "BLOCK_BYTES", 1_000)
    written: list[int] = []
    append = TemporaryFile.append
    monkeypatch.setattr(TemporaryFile, "append", lambda file, data: written.append(len(data)) or append(file, data))
    with limited(db, limit):
        assert answers() == expected
        assert written
        written.clear()
        assert [repr(document) for document in db.c.aggregate(pipeline, allowDiskUse=False)] == expected[0]
    assert not written


def test_a_list_returns_what_was_added(files: TemporaryFiles) -> None:
    seed = secrets.randbits(32)
    print(f"seed {seed}")
    random = Random(seed)
    spill = Spill("lookup", 300_000, files)
    documents, found = [random.randbytes(random.randrange(5, 3_000)) for _ in range(600)], DocumentList(spill)
    for place, document in enumerate(documents):
        found.append(document)
        assert found[random.randrange(place + 1)] in documents
    assert len(found) == len(documents)
    assert list(found) == documents
    assert [found[place] for place in range(599, -1, -1)] == documents[::-1]
    assert spill.shown()["usedDisk"] is True
    assert 0 < spill.stored_bytes < sum(map(len, documents))


def test_a_full_disk(files: TemporaryFiles, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_file: TemporaryFile, _data: bytes) -> int:
        raise CommandError(14031, "The disk is full")

    monkeypatch.setattr(TemporaryFile, "append", full)
    found = DocumentList(Spill("lookup", 1, files))
    with pytest.raises(CommandError, match="full"):
        for _ in range(100):
            found.append(b"x" * 1000)


def test_the_limit_is_a_parameter(db: Database) -> None:
    name = "internalQuerySlotBasedExecutionHashLookupApproxMemoryUseInBytesBeforeSpill"
    assert db.client.admin.command("getParameter", 1, **{name: 1})[name] == 100 * 1024 * 1024
    with pytest.raises(OperationFailure):
        db.client.admin.command("setParameter", 1, **{name: "many"})
