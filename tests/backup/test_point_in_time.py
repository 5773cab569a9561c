"""Restores to a point in time: a backup brought forward with the archived oplog equals a model of the writes up to then.

    SECANTUS_PITR_TARGETS=20 pytest -s tests/backup/test_point_in_time.py

The nightly run restores to 20 random times, others to few.
"""

from __future__ import annotations

import contextlib
import os
import random
from argparse import ArgumentTypeError
from pathlib import Path
from typing import Any

import pytest
from bson import Binary
from pymongo import MongoClient
from pymongo.errors import OperationFailure

from secantus_server import SecantusDBServer
from secantus_server.backup.segments import segments_in
from secantus_server.oplog.update_description import apply_diff
from secantus_server.tools.point_in_time import parse_time, parse_timestamp
from secantus_server.tools.restore_archive import main

TARGETS = int(os.environ.get("SECANTUS_PITR_TARGETS", "4"))

Client = MongoClient[dict[str, Any]]


def contents(client: Client) -> dict[str, Any]:
    """Return the collections with their UUIDs, indexes and documents."""
    found: dict[str, Any] = {}
    for info in client.db.list_collections():
        collection = client.db[info["name"]]
        documents = sorted(collection.find(), key=lambda one: str(one["_id"]))
        found[info["name"]] = (info["info"]["uuid"], info["options"], collection.index_information(), documents)
    return found


def change(client: Client, generator: random.Random) -> None:
    """Make a random change."""
    db, kind = client.db, generator.randrange(14)
    number = generator.randrange(20)
    if kind < 4:
        db.c.update_one({"_id": number}, {"$set": {"n": generator.random(), "a": [1, {"b": number}], "deep": {"x": number}}}, upsert=True)
    elif kind < 6:
        db.c.update_many({"_id": {"$lt": number}}, {"$inc": {"deep.y": 1}, "$push": {"a": number}, "$unset": {"gone": 1}})
    elif kind == 6:
        db.c.delete_one({"_id": number})
    elif kind == 7:
        db.c.update_one({"_id": number}, [{"$set": {"gone": 1, "a": {"$slice": ["$a", 1]}}}])
    elif kind == 8:
        db.c.replace_one({"_id": number}, {"whole": number})
    elif kind == 9:
        with client.start_session() as session, session.start_transaction():
            db.c.update_one({"_id": number}, {"$set": {"txn": 1}}, upsert=True, session=session)
            db.other.insert_one({"_id": generator.random()}, session=session)
    elif kind == 10:
        db.c.create_index(f"f{generator.randrange(3)}")
    elif kind == 11 and len(db.c.index_information()) > 1:
        db.c.drop_index(max(db.c.index_information()))
    elif kind == 12:
        db.drop_collection("other")
        db.create_collection("other", collation={"locale": "en", "strength": 2})
    else:
        db.other.rename("renamed", dropTarget=True)


def test_restores_equal_a_model(tmp_path: Path) -> None:
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    generator = random.Random(seed)
    states: list[tuple[Any, dict[str, Any]]] = []
    data, archives = str(tmp_path / "data"), tmp_path / "archives"
    options: dict[str, Any] = {"port": 0, "log_level": "error", "oplog_archive_path": str(archives)}
    for number in range(2):
        with SecantusDBServer(storage_path=data, **options) as server, MongoClient(server.uri) as client:
            if number == 0:
                client.db.c.insert_many([{"_id": n} for n in range(10)])
                client.db.other.insert_one({"_id": 0})
                client.admin.command("secantusAdmin.backupArchive", 1, outputPath=str(archives / "base.tar.gz"))
            for _ in range(40):
                # Some changes fail, such as the rename of a collection that does not exist, and may have changed something before they
                # fail.
                with contextlib.suppress(OperationFailure):
                    change(client, generator)
                states.append((server.services.oplog.newest, contents(client)))
    assert len(segments_in(archives)) >= 2
    for number, (stamp, expected) in enumerate(generator.sample(states, TARGETS)):
        target = tmp_path / f"restored-{number}"
        arguments = ["--archive", str(archives / "base.tar.gz"), "--target-dir", str(target), "--to-timestamp", f"{stamp.time}:{stamp.inc}"]
        assert main(arguments) == 0
        with SecantusDBServer(port=0, storage_path=str(target), log_level="error") as restored, MongoClient(restored.uri) as client:
            assert contents(client) == expected
            assert client.db.command("validate", "c")["valid"]


def test_times_that_cannot_be_reached(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    archives = tmp_path / "archives"
    with (
        SecantusDBServer(port=0, storage_path=str(tmp_path / "data"), log_level="error", oplog_archive_path=str(archives)) as server,
        MongoClient(server.uri) as client,
    ):
        client.db.c.insert_one({"_id": 1})
        client.admin.command("secantusAdmin.backupArchive", 1, outputPath=str(archives / "base.tar.gz"))
        client.db.c.insert_one({"_id": 2})
    for option, value, message in (
        ("--to-timestamp", "1:1", "is later than 1:1: restore from an earlier one"),
        ("--to-timestamp", "4000000000:1", "ends at "),
        ("--to-time", "2001-01-01", "is later than 2001-01-01"),
        ("--to-time", "2100-01-01T00:00:00Z", "before 2100-01-01T00:00:00Z"),
    ):
        target = tmp_path / "target"
        assert main(["--archive", str(archives / "base.tar.gz"), "--target-dir", str(target), option, value]) == 1
        assert message in capsys.readouterr().err
        assert not target.exists()


def test_a_gap_and_damage_are_found(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    archives = tmp_path / "archives"
    for number in range(3):
        with (
            SecantusDBServer(port=0, storage_path=str(tmp_path / "data"), log_level="error", oplog_archive_path=str(archives)) as server,
            MongoClient(server.uri) as client,
        ):
            if number == 0:
                client.db.c.insert_one({"_id": "first"})
                client.admin.command("secantusAdmin.backupArchive", 1, outputPath=str(archives / "base.tar.gz"))
            client.db.c.insert_one({"_id": number})
            newest = server.services.oplog.newest
    segments = segments_in(archives)
    assert len(segments) == 3
    arguments = ["--archive", str(archives / "base.tar.gz"), "--target-dir", str(tmp_path / "target")]
    arguments += ["--to-timestamp", f"{newest.time}:{newest.inc}"]
    content = segments[1].path.read_bytes()
    segments[1].path.write_bytes(content[:30] + bytes([content[30] ^ 4]) + content[31:])
    assert main(arguments) == 1
    assert "is damaged" in capsys.readouterr().err
    segments[1].path.unlink()
    assert main(arguments) == 1
    assert "has a gap" in capsys.readouterr().err
    assert not (tmp_path / "target").exists()


def test_an_archive_of_another_history_is_refused(tmp_path: Path) -> None:
    archives = tmp_path / "archives"
    with (
        SecantusDBServer(port=0, storage_path=str(tmp_path / "one"), oplog_archive_path=str(archives), log_level="error") as server,
        MongoClient(server.uri) as client,
    ):
        client.db.c.insert_one({})
    [segment] = segments_in(archives)
    later = segment.path.with_name(f"oplog-{segment.after:016x}-{segment.last + (1 << 40):016x}.bson.gz")
    segment.path.rename(later)
    other = SecantusDBServer(port=0, storage_path=str(tmp_path / "one"), oplog_archive_path=str(archives), log_level="error")
    with pytest.raises(Exception, match="contains later entries than the storage directory"):
        other.start()


@pytest.mark.parametrize(("text", "stamp"), [("5:6", 5 << 32 | 6), ("Timestamp({ t: 5, i: 6 })", 5 << 32 | 6), ("5,6", 5 << 32 | 6)])
def test_timestamps(text: str, stamp: int) -> None:
    assert parse_timestamp(text).stamp == stamp


@pytest.mark.parametrize(
    ("text", "millis"), [("1970-01-01T00:00:01Z", 1000), ("1970-01-01 00:00:02", 2000), ("1970-01-01T01:00:00+01:00", 0)]
)
def test_times(text: str, millis: int) -> None:
    assert parse_time(text).millis == millis


def test_texts_that_are_no_times() -> None:
    for parse, text in ((parse_timestamp, "5"), (parse_time, "yesterday")):
        with pytest.raises(ArgumentTypeError):
            parse(text)


@pytest.mark.parametrize(
    ("document", "diff", "expected"),
    [
        ({"a": 1, "b": 2}, {"d": {"a": False}}, {"b": 2}),
        ({"a": 1, "b": 2}, {"u": {"a": 3}}, {"a": 3, "b": 2}),
        ({"a": 1, "b": 2}, {"i": {"c": 3, "a": 4}}, {"b": 2, "c": 3, "a": 4}),
        ({"a": {"b": [1, 2, 3]}}, {"sa": {"sb": {"a": True, "l": 2, "u0": 9}}}, {"a": {"b": [9, 2]}}),
        ({"a": [{"x": 1}]}, {"sa": {"a": True, "s0": {"u": {"x": 2}}, "u2": 5}}, {"a": [{"x": 2}, None, 5]}),
        ({"a": 1}, {"sa": {"u": {"x": 2}}}, {"a": 1}),
    ],
)
def test_diffs(document: dict[str, Any], diff: dict[str, Any], expected: dict[str, Any]) -> None:
    result = apply_diff(document, diff)
    assert (result, list(result)) == (expected, list(expected))


def test_apply_ops(tmp_path: Path) -> None:
    uuid = Binary(bytes(range(16)), 4)
    with SecantusDBServer(port=0, storage_path=":memory:", log_level="error") as server, MongoClient(server.uri) as client:
        operations: list[dict[str, Any]] = [
            {"op": "c", "ns": "db.$cmd", "ui": uuid, "o": {"create": "c", "idIndex": {"v": 2, "key": {"_id": 1}, "name": "_id_"}}},
            {"op": "i", "ns": "db.c", "o": {"_id": 1, "x": 1}},
            {"op": "i", "ns": "db.c", "o": {"_id": 1, "x": 2}},
            {"op": "u", "ns": "db.c", "o": {"$v": 2, "diff": {"u": {"x": 3}}}, "o2": {"_id": 1}},
            {"op": "d", "ns": "db.c", "o": {"_id": 7}},
            {"op": "n", "ns": "", "o": {"msg": "nothing"}},
            {"op": "c", "ns": "db.$cmd", "o": {"createIndexes": "c", "v": 2, "key": {"x": 1}, "name": "x_1"}},
            {"op": "c", "ns": "db.$cmd", "o": {"drop": "missing"}},
        ]
        reply = client.admin.command("applyOps", operations)
        assert (reply["applied"], reply["results"]) == (7, [True] * 7)
        assert client.db.c.find_one() == {"_id": 1, "x": 3}
        assert "x_1" in client.db.c.index_information()
        assert next(client.db.list_collections())["info"]["uuid"] == uuid
        for wrong, code in (
            ([{"op": "i", "ns": "db.missing", "o": {"_id": 1}}], 26),
            ([{"op": "x", "ns": "db.c", "o": {}}], 2),
            ([{"op": "i", "o": {}}], 20),
            ([{"op": "i", "ns": "", "o": {}}], 20),
            ([{"op": "i", "ns": "db.c", "o": 1}], 14),
            ([1], 14),
            (1, 14),
        ):
            with pytest.raises(OperationFailure) as caught:
                client.admin.command("applyOps", wrong)
            assert caught.value.code == code
