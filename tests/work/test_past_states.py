"""Reads at arbitrary times inside the history window return the state at that time, even if no read has used that time before."""

from __future__ import annotations

import random
from collections.abc import Callable
from threading import Thread
from typing import Any

import pytest
from bson.codec_options import CodecOptions
from bson.raw_bson import RawBSONDocument
from bson.timestamp import Timestamp
from pymongo import MongoClient
from pymongo.database import Database
from pymongo.errors import OperationFailure

from secantus_server.server import SecantusDBServer
from tests.work.change_streams.model import Load

RAW: CodecOptions[RawBSONDocument] = CodecOptions(document_class=RawBSONDocument)
State = dict[str, list[bytes]]


def now(db: Database[Any]) -> Timestamp:
    time: Timestamp = db.command("ping")["operationTime"]
    return time


def read(db: Database[Any], name: str, at: Timestamp | None, **options: Any) -> list[Any]:
    """Return the documents of a collection, at a past time if one is given."""
    concern = {} if at is None else {"readConcern": {"level": "snapshot", "atClusterTime": at}}
    return db.command({"find": name, "batchSize": 100_000, "singleBatch": True, **options, **concern})["cursor"]["firstBatch"]


def state(db: Database[Any], at: Timestamp | None = None) -> State:
    raw = db.with_options(codec_options=RAW)
    concern = {} if at is None else {"readConcern": {"level": "snapshot", "atClusterTime": at}}
    found: State = {}
    for name in "abc":
        reply = raw.command({"find": name, "batchSize": 100_000, **concern}, codec_options=RAW)
        found[name] = [one.raw for one in reply["cursor"]["firstBatch"]]
    return found


@pytest.mark.parametrize("number", range(3))
def test_every_time_has_its_state(client: MongoClient[Any], db: Database[Any], number: int) -> None:
    seed = random.randrange(10**9)
    print("seed", seed)
    rng = random.Random(seed)
    load = Load(client, db, rng)
    states: list[tuple[Timestamp, State]] = []
    for _ in range(60):
        load.run(rng.randrange(1, 5))
        states.append((now(db), state(db)))
    for at, expected in rng.sample(states, 40):
        assert state(db, at) == expected, at


def test_a_snapshot_of_an_earlier_command(client: MongoClient[Any], db: Database[Any]) -> None:
    db.c.create_index("n")
    at = db.command("insert", "c", documents=[{"_id": 1, "n": 1}, {"_id": 2, "n": [2, 3]}])["operationTime"]
    db.c.update_one({"_id": 1}, {"$set": {"n": 9}})
    db.c.delete_one({"_id": 2})
    db.c.insert_one({"_id": 2, "n": 0})
    db.d.insert_one({"_id": 1})
    assert read(db, "c", at) == [{"_id": 1, "n": 1}, {"_id": 2, "n": [2, 3]}]
    assert read(db, "c", at, filter={"n": {"$gte": 2}}, hint="n_1") == [{"_id": 2, "n": [2, 3]}]
    assert read(db, "c", at, filter={"_id": 1}) == [{"_id": 1, "n": 1}]
    assert read(db, "d", at) == []
    concern = {"level": "snapshot", "atClusterTime": at}
    assert db.command("distinct", "c", key="n", readConcern=concern)["values"] == [1, 2, 3]
    lookup = [{"$lookup": {"from": "c", "localField": "n", "foreignField": "_id", "as": "x"}}, {"$count": "n"}]
    assert db.command("aggregate", "c", pipeline=lookup, cursor={}, readConcern=concern)["cursor"]["firstBatch"] == [{"n": 2}]
    reply = db.command("find", "c", batchSize=1, readConcern=concern)
    db.c.drop()
    rest = db.command("getMore", reply["cursor"]["id"], collection="c")["cursor"]["nextBatch"]
    assert (reply["cursor"]["atClusterTime"], rest) == (at, [{"_id": 2, "n": [2, 3]}])
    assert read(db, "c", at, filter={"n": 3}) == [{"_id": 2, "n": [2, 3]}]


@pytest.mark.parametrize(
    "change",
    [
        lambda db: db.c.drop(),
        lambda db: db.c.rename("other"),
        lambda db: db.other.insert_one({}) and db.other.rename("c", dropTarget=True),
        lambda db: db.other.aggregate([{"$out": "c"}]),
        lambda db: db.c.create_index("n"),
        lambda db: db.c.drop_indexes(),
        lambda db: db.command("collMod", "c", validator={"n": {"$ne": 5}}),
        lambda db: db.command("convertToCapped", "c", size=4096),
        lambda db: db.client.drop_database(db.name),
    ],
)
def test_a_collection_whose_definition_was_changed_since(db: Database[Any], change: Callable[[Database[Any]], Any]) -> None:
    db.create_collection("c", collation={"locale": "en", "strength": 2})
    db.c.create_index("m")
    db.c.insert_many([{"_id": "a", "n": 1}, {"_id": "b", "n": 2}])
    db.c.update_one({"_id": "b"}, {"$inc": {"n": 1}})
    at = now(db)
    db.unrelated.insert_one({})
    held = db.command("find", "c", batchSize=1, readConcern={"level": "snapshot"})["cursor"]
    change(db)
    db.c.insert_one({"_id": "c"})
    documents = [{"_id": "a", "n": 1}, {"_id": "b", "n": 3}]
    assert read(db, "c", at) == documents
    assert read(db, "c", at, filter={"_id": "B"}) == documents[1:]
    assert db.command("getMore", held["id"], collection="c")["cursor"]["nextBatch"] == documents[1:]


def test_views_of_the_past(db: Database[Any]) -> None:
    db.c.insert_many([{"_id": 1}, {"_id": 2}])
    before = now(db)
    db.command("create", "v", viewOn="c", pipeline=[{"$match": {"_id": 2}}])
    at = now(db)
    db.c.delete_many({})
    later = now(db)
    assert (read(db, "v", before), read(db, "v", at)) == ([], [{"_id": 2}])
    for change in (lambda: db.command("collMod", "v", viewOn="c", pipeline=[]), db.v.drop):
        change()
        with pytest.raises(OperationFailure) as raised:
            read(db, "v", later)
        assert raised.value.code == 246
        # This state is still readable, because it has been held since its first read.
        assert read(db, "v", at) == [{"_id": 2}]


def test_capped_and_clustered_collections(db: Database[Any]) -> None:
    db.create_collection("capped", capped=True, size=4096, max=3)
    db.create_collection("clustered", clusteredIndex={"key": {"_id": 1}, "unique": True})
    db.capped.insert_many([{"_id": number} for number in (3, 2, 1)])
    db.clustered.insert_many([{"_id": number} for number in (3, 2, 1)])
    at = now(db)
    db.capped.insert_many([{"_id": number} for number in (9, 8)])
    db.clustered.delete_one({"_id": 2})
    assert [one["_id"] for one in read(db, "capped", at)] == [3, 2, 1]
    assert [one["_id"] for one in read(db, "clustered", at)] == [1, 2, 3]
    assert read(db, "clustered", at, filter={"_id": {"$gt": 1, "$lt": 3}}) == [{"_id": 2}]


def test_changes_older_than_the_oplog_are_unknown_unless_it_keeps_images(server: SecantusDBServer, db: Database[Any]) -> None:
    db.create_collection("imaged", changeStreamPreAndPostImages={"enabled": True})
    for name in ("c", "imaged"):
        db[name].insert_many([{"_id": 1, "n": 1}, {"_id": 2}])
    db.d.insert_one({})
    oplog = server.services.oplog
    retention, oplog.retention = oplog.retention, oplog.retention._replace(max_bytes=1)
    oplog.trim()
    oplog.retention = retention
    at = now(db)
    for name in ("c", "imaged"):
        db[name].update_one({"_id": 1}, {"$set": {"n": 2}})
        db[name].delete_one({"_id": 2})
    assert read(db, "imaged", at) == [{"_id": 2}, {"_id": 1, "n": 1}]
    with pytest.raises(OperationFailure) as raised:
        read(db, "c", at)
    assert raised.value.code == 239
    again = now(db)
    db.c.insert_one({"_id": 3})
    assert read(db, "c", again) == [{"_id": 1, "n": 2}]


def test_a_past_state_does_not_hinder_writers(db: Database[Any]) -> None:
    db.c.insert_many([{"_id": number, "n": 0} for number in range(50)])
    at = now(db)
    failures: list[BaseException] = []

    def run(body: Callable[[], None]) -> None:
        try:
            body()
        except BaseException as error:
            failures.append(error)
            raise

    def write() -> None:
        for number in range(50):
            db.c.update_many({}, {"$inc": {"n": 1}})
            db.c.delete_one({"_id": number})

    def look() -> None:
        for _ in range(20):
            assert read(db, "c", at) == [{"_id": number, "n": 0} for number in range(50)]

    threads = [Thread(target=run, args=(body,)) for body in (write, look, look)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    assert db.c.count_documents({}) == 0


def test_the_size_of_what_is_built_is_limited(server: SecantusDBServer, db: Database[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("secantus_server.work.snapshot_history.MAX_BUILT_BYTES", 250_000)
    times = []
    for number in range(6):
        db.c.insert_one({"_id": number, "x": "x" * 100_000})
        times.append(now(db))
    for number, at in enumerate(times[:5]):
        assert len(read(db, "c", at)) == number + 1
    assert [at for at in times if server.services.history._held.get(at)] == times[4:5]
    assert len(read(db, "c", times[0])) == 1


def test_a_directory_keeps_its_past_over_a_restart(tmp_path: Any) -> None:
    options: dict[str, Any] = {"port": 0, "storage_path": str(tmp_path), "log_level": "error"}
    with SecantusDBServer(**options) as server, MongoClient(server.uri) as client:
        client.db.c.insert_one({"_id": 1, "n": 1})
        at = now(client.db)
        client.db.c.update_one({"_id": 1}, {"$set": {"n": 2}})
    with SecantusDBServer(**options) as server, MongoClient(server.uri) as client:
        assert read(client.db, "c", at) == [{"_id": 1, "n": 1}]
        client.db.c.insert_one({"_id": 2})
        assert read(client.db, "c", None) == [{"_id": 1, "n": 2}, {"_id": 2}]


def test_a_restore_leaves_the_times_before_it(server: SecantusDBServer, db: Database[Any]) -> None:
    db.c.insert_one({"_id": 1, "n": 1})
    before = now(db)
    db.c.update_one({"_id": 1}, {"$set": {"n": 2}})
    snapshot = server.snapshot()
    db.c.update_one({"_id": 1}, {"$set": {"n": 3}})
    inside = now(db)
    server.restore(snapshot)
    db.c.insert_one({"_id": 2})
    server.release(snapshot)
    assert read(db, "c", before) == [{"_id": 1, "n": 1}]
    with pytest.raises(OperationFailure) as raised:
        read(db, "c", inside)
    assert raised.value.code == 246
    snapshot = server.snapshot()
    db.c.update_one({"_id": 1}, {"$set": {"n": 4}})
    aside = server.set_aside(snapshot)
    server.put_back(aside)
    later = now(db)
    db.c.update_one({"_id": 1}, {"$set": {"n": 5}})
    # `put_back` wrote no oplog entries, so the oplog does not contain the document's state at that time.
    with pytest.raises(OperationFailure) as raised:
        read(db, "c", later)
    assert raised.value.code == 239
    with pytest.raises(OperationFailure) as raised:
        read(db, "c", before)
    assert raised.value.code == 246
    server.release(server.snapshots[0])
