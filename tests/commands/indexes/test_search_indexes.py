"""Search indexes and `$vectorSearch` on a server where they are enabled."""

from __future__ import annotations

import math
import random
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from bson.binary import Binary, BinaryVectorDtype
from pymongo import MongoClient
from pymongo.client_session import ClientSession
from pymongo.database import Database
from pymongo.errors import OperationFailure
from pymongo.operations import SearchIndexModel

from secantus_server import SecantusDBServer
from tests.failing import code

Documents = dict[str, Any]
DEFINITION: Documents = {
    "fields": [
        {"type": "vector", "path": "v", "numDimensions": 2, "similarity": "euclidean"},
        {"type": "filter", "path": "g"},
    ]
}


@pytest.fixture(scope="module")
def server() -> Iterator[SecantusDBServer]:
    with SecantusDBServer(port=0, storage_path=":memory:", log_level="error", search=True) as running:
        yield running


@pytest.fixture
def places(db: Database[Documents]) -> Database[Documents]:
    """Twenty documents on a line, and an index of their vectors."""
    db.c.insert_many([{"_id": n, "v": [float(n), 0.0], "g": n % 2} for n in range(20)])
    db.c.create_search_index(SearchIndexModel(DEFINITION, "x", "vectorSearch"))
    return db


def search(query: Any, limit: int = 3, **others: Any) -> Documents:
    return {"$vectorSearch": {"index": "x", "path": "v", "queryVector": query, "limit": limit, "exact": True, **others}}


def ids(db: Database[Documents], stage: Documents, **options: Any) -> list[Any]:
    return [document["_id"] for document in db.c.aggregate([stage], **options)]


def test_an_index_is_ready_at_once(places: Database[Documents]) -> None:
    [index] = places.c.list_search_indexes("x")
    assert (index["name"], index["type"], index["status"], index["queryable"]) == ("x", "vectorSearch", "READY", True)
    assert index["latestDefinition"] == DEFINITION
    assert index["latestDefinitionVersion"]["version"] == 0
    assert [one["name"] for one in places.c.aggregate([{"$listSearchIndexes": {"id": index["id"]}}])] == ["x"]
    assert list(places.c.list_search_indexes("other")) == []
    assert list(places.none.list_search_indexes()) == []


def test_updating_and_dropping(places: Database[Documents]) -> None:
    changed = {"fields": DEFINITION["fields"][:1]}
    places.c.update_search_index("x", changed)
    [index] = places.c.list_search_indexes()
    assert (index["latestDefinition"], index["latestDefinitionVersion"]["version"]) == (changed, 1)
    places.command({"dropSearchIndex": "c", "id": index["id"]})
    assert list(places.c.list_search_indexes()) == []
    assert ids(places, search([0, 0])) == []


def test_the_default_name_and_an_index_that_exists(db: Database[Documents]) -> None:
    db.create_collection("c")
    index = {"type": "vectorSearch", "definition": DEFINITION}
    [made] = db.command({"createSearchIndexes": "c", "indexes": [index]})["indexesCreated"]
    assert made["name"] == "default"
    assert db.command({"createSearchIndexes": "c", "indexes": [index]})["indexesCreated"] == [made]
    other = {"type": "vectorSearch", "definition": {"fields": DEFINITION["fields"][:1]}}
    assert code(db, {"createSearchIndexes": "c", "indexes": [other]}) == 68


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ({"createSearchIndexes": "none", "indexes": [{"type": "vectorSearch", "definition": DEFINITION}]}, 26),
        ({"createSearchIndexes": "v", "indexes": [{"type": "vectorSearch", "definition": DEFINITION}]}, 238),
        ({"createSearchIndexes": "c"}, 9),
        ({"createSearchIndexes": "c", "indexes": []}, 9),
        ({"createSearchIndexes": "c", "indexes": [1]}, 14),
        ({"createSearchIndexes": "c", "indexes": [{}]}, 40414),
        ({"createSearchIndexes": "c", "indexes": [{"definition": DEFINITION}]}, 8),
        ({"createSearchIndexes": "c", "indexes": [{"definition": {}, "type": "x"}]}, 8),
        ({"updateSearchIndex": "c", "name": "none", "definition": DEFINITION}, 27),
        ({"updateSearchIndex": "none", "name": "x", "definition": DEFINITION}, 26),
        ({"dropSearchIndex": "c", "name": "none"}, 27),
        ({"dropSearchIndex": "none", "name": "x"}, 26),
        ({"dropSearchIndex": "c"}, 9),
        ({"aggregate": "c", "pipeline": [{"$listSearchIndexes": {"id": "a", "name": "b"}}], "cursor": {}}, 9),
        ({"aggregate": "c", "pipeline": [{"$listSearchIndexes": 1}], "cursor": {}}, 14),
    ],
)
def test_malformed_commands(places: Database[Documents], command: Documents, expected: int) -> None:
    places.command({"create": "v", "viewOn": "c", "pipeline": []})
    assert code(places, command) == expected


@pytest.mark.parametrize(
    "change",
    [
        {"path": ""},
        {"path": None},
        {"type": "x"},
        {"numDimensions": 0},
        {"numDimensions": 8193},
        {"numDimensions": "2"},
        {"similarity": "x"},
        {"similarity": {}},
        {"quantization": "x"},
        {"other": 1},
    ],
)
def test_malformed_fields(db: Database[Documents], change: Documents) -> None:
    db.create_collection("c")
    field = {**DEFINITION["fields"][0], **change}
    for fields in ([field], [DEFINITION["fields"][1]], DEFINITION["fields"] * 2, [], [1]):
        index = {"type": "vectorSearch", "definition": {"fields": fields}}
        assert code(db, {"createSearchIndexes": "c", "indexes": [index]}) == 8
    embedded = {"type": "vectorSearch", "definition": {"fields": [{"type": "autoEmbed", "path": "t"}]}}
    assert code(db, {"createSearchIndexes": "c", "indexes": [embedded]}) == 238


def test_the_nearest_ones(places: Database[Documents]) -> None:
    assert ids(places, search([4.2, 0])) == [4, 5, 3]
    assert ids(places, search([4.2, 0], filter={"g": {"$eq": 1}})) == [5, 3, 7]
    assert ids(places, search([4.2, 0], filter={"$or": [{"g": 7}, {"g": {"$nin": [0]}}]}, limit=1)) == [5]
    approximate = {"$vectorSearch": {"index": "x", "path": "v", "queryVector": [4.2, 0], "limit": 2, "numCandidates": 20}}
    assert ids(places, approximate) == [4, 5]
    scores = {"$project": {"a": {"$meta": "vectorSearchScore"}, "b": {"$meta": "score"}}}
    found = places.c.aggregate([search([4, 0], limit=2), scores])
    assert [(one["_id"], one["a"], one["b"]) for one in found] == [(4, 1.0, 1.0), (3, 0.5, 0.5)]


def test_writes_are_seen_at_once(places: Database[Documents]) -> None:
    assert ids(places, search([100, 0], limit=1)) == [19]
    places.c.insert_one({"_id": "new", "v": Binary.from_vector([100.0, 0.0], BinaryVectorDtype.FLOAT32)})
    assert ids(places, search([100, 0], limit=1)) == ["new"]
    places.c.update_one({"_id": 3}, {"$set": {"v": [101.0, 0.0]}})
    assert ids(places, search([101, 0], limit=2)) == [3, "new"]
    places.c.delete_one({"_id": 3})
    assert ids(places, search([101, 0], limit=2)) == ["new", 19]
    places.c.rename("d")
    places.d.rename("c")
    places.c.insert_one({"_id": "newer", "v": [101.0, 0.0]})
    assert ids(places, search([101, 0], limit=1)) == ["newer"]


def test_an_undone_write_is_not_seen(server: SecantusDBServer, places: Database[Documents]) -> None:
    with server.checkpoint():
        places.c.insert_one({"_id": "new", "v": [100.0, 0.0]})
        assert ids(places, search([100, 0], limit=1)) == ["new"]
    assert ids(places, search([100, 0], limit=1)) == [19]
    with server.checkpoint():
        places.c.drop_search_index("x")
    assert ids(places, search([100, 0], limit=1)) == [19]


def test_transactions_see_their_own_state(places: Database[Documents]) -> None:
    stage = search([100, 0], limit=1)
    with places.client.start_session() as session:
        session.start_transaction()
        assert ids(places, stage, session=session) == [19]
        places.c.insert_one({"_id": "new", "v": [100.0, 0.0]}, session=session)
        assert ids(places, stage, session=session) == ["new"]
        assert ids(places, stage) == [19]
        session.commit_transaction()
        assert ids(places, stage) == ["new"]
        session.start_transaction()
        assert ids(places, stage, session=session) == ["new"]
        places.c.delete_one({"_id": "new"})
        assert ids(places, stage) == [19]
        assert ids(places, stage, session=session) == ["new"]
        session.abort_transaction()


def test_searches_during_writes_see_whole_commits(places: Database[Documents]) -> None:
    """Two documents change together; each search finds both at the same distance."""
    pair = [{"_id": name, "v": [50.0, 0.0]} for name in ("a", "b")]
    places.c.insert_many(pair)
    done = threading.Event()

    def write() -> None:
        for number in range(60):
            with places.client.start_session() as session, session.start_transaction():
                places.c.update_many({"_id": {"$in": ["a", "b"]}}, {"$set": {"v": [50.0 + number, 0.0]}}, session=session)
        done.set()

    writer = threading.Thread(target=write)
    writer.start()
    stages = [search([200, 0], limit=2), {"$project": {"s": {"$meta": "score"}}}]
    try:
        while not done.is_set():
            first, second = places.c.aggregate(stages)
            assert {first["_id"], second["_id"]} == {"a", "b"}
            assert first["s"] == second["s"]
    finally:
        writer.join()
    assert [found["s"] for found in places.c.aggregate(stages)] == pytest.approx([1 / 92] * 2)


def test_a_snapshot_session_sees_the_past(places: Database[Documents]) -> None:
    stage = search([100, 0], limit=1)
    with places.client.start_session(snapshot=True) as session:
        assert ids(places, stage, session=session) == [19]
        places.c.insert_one({"_id": "new", "v": [100.0, 0.0]})
        assert ids(places, stage) == ["new"]
        assert ids(places, stage, session=session) == [19]
    with places.client.start_session(snapshot=True) as session:
        assert ids(places, stage, session=session) == ["new"]


def test_a_read_at_an_earlier_time(places: Database[Documents]) -> None:
    places.c.insert_one({"_id": "new", "v": [100.0, 0.0]})
    past = places.command("ping")["operationTime"]
    places.c.update_one({"_id": "new"}, {"$set": {"v": [0.0, 0.0]}})
    concern = {"level": "snapshot", "atClusterTime": past}
    reply = places.command({"aggregate": "c", "pipeline": [search([100, 0], limit=1)], "cursor": {}, "readConcern": concern})
    assert [document["_id"] for document in reply["cursor"]["firstBatch"]] == ["new"]
    assert ids(places, search([100, 0], limit=1)) == [19]


def test_random_changes(server: SecantusDBServer, places: Database[Documents]) -> None:
    """After each change, and after changes are undone, a search finds what a comparison of all documents finds."""
    seed = random.randrange(2**32)
    print("seed", seed)
    source = random.Random(seed)

    def check(session: ClientSession | None = None) -> None:
        point, parity = [source.uniform(-5, 25), source.uniform(-5, 5)], source.choice([None, 0, 1])
        stage = search(point, 4, **({} if parity is None else {"filter": {"g": parity}}))
        have = [one for one in places.c.find({} if parity is None else {"g": parity}, session=session) if "v" in one]
        wanted = sorted(math.dist(one["v"], point) for one in have)[:4]
        found = [math.dist(one["v"], point) for one in places.c.aggregate([stage], session=session)]
        assert found == pytest.approx(wanted, abs=1e-4)

    def change(session: ClientSession | None = None) -> None:
        one = {"_id": source.randrange(30)}
        vector = [float(source.randrange(-5, 25)), float(source.randrange(-5, 5))]
        kind = source.randrange(4)
        if kind == 0:
            places.c.delete_one(one, session=session)
        elif kind == 1:
            places.c.update_one(one, {"$unset": {"v": 1}}, session=session)
        else:
            places.c.update_one(one, {"$set": {"v": vector, "g": source.randrange(2)}}, upsert=True, session=session)

    for _ in range(25):
        change()
        check()
        with server.checkpoint():
            change()
            check()
        check()
        with places.client.start_session() as session:
            session.start_transaction()
            change(session)
            check(session)
            check()
            if source.random() < 0.5:
                session.commit_transaction()
            else:
                session.abort_transaction()
        check()


def test_in_joins_and_fusions(places: Database[Documents]) -> None:
    united = places.none.aggregate([{"$unionWith": {"coll": "c", "pipeline": [search([4, 0], limit=1)]}}])
    assert [document["_id"] for document in united] == [4]
    joined = places.c.aggregate([{"$match": {"_id": 0}}, {"$lookup": {"from": "c", "pipeline": [search([4, 0], limit=2)], "as": "j"}}])
    assert [document["_id"] for document in next(joined)["j"]] == [4, 3]
    ranked = {"$rankFusion": {"input": {"pipelines": {"a": [search([4, 0])], "b": [search([6, 0])]}}}}
    assert ids(places, ranked) == [5, 4, 6, 3, 7]
    scored = {"$scoreFusion": {"input": {"pipelines": {"a": [search([4, 0], limit=1)]}, "normalization": "none"}}}
    assert [d["s"] for d in places.c.aggregate([scored, {"$project": {"s": {"$meta": "score"}}}])] == [1.0]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"queryVector": [1]}, 8),
        ({"queryVector": "x"}, 8),
        ({"queryVector": Binary(b"\x10\x06\xff", 9)}, None),
        ({"path": "g"}, 8),
        ({"path": 1}, 8),
        ({"index": 1}, 8),
        ({"limit": 0}, 8),
        ({"limit": "x"}, 8),
        ({"limit": None}, 8),
        ({"exact": 1}, 8),
        ({"exact": False}, 8),
        ({"numCandidates": 5}, 8),
        ({"exact": False, "numCandidates": 2}, 8),
        ({"exact": False, "numCandidates": 10001}, 8),
        ({"filter": {"h": 1}}, 8),
        ({"filter": {"g": {"$regex": "x"}}}, 8),
        ({"filter": {"$expr": 1}}, 8),
        ({"filter": {"g": {"$not": {"$size": 1}}}}, 8),
        ({"filter": 1}, 8),
        ({"query": {"text": "x"}}, 238),
    ],
)
def test_malformed_searches(places: Database[Documents], change: Documents, expected: int | None) -> None:
    command = {"aggregate": "c", "pipeline": [{"$vectorSearch": {**search([1, 0])["$vectorSearch"], **change}}], "cursor": {}}
    if expected is None:
        assert places.command(command)["cursor"]["firstBatch"] == []
    else:
        assert code(places, command) == expected


def test_where_it_is_not_allowed(places: Database[Documents]) -> None:
    places.command({"create": "v", "viewOn": "c", "pipeline": []})
    stage = search([1, 0])
    assert code(places, {"aggregate": "v", "pipeline": [stage], "cursor": {}}) == 238
    assert code(places, {"aggregate": "c", "pipeline": [{"$match": {}}, stage], "cursor": {}}) == 40602
    assert code(places, {"aggregate": "c", "pipeline": [{"$facet": {"f": [stage]}}], "cursor": {}}) == 40600
    assert code(places, {"create": "w", "viewOn": "c", "pipeline": [stage]}) == 167


def test_indexes_survive_a_restart(tmp_path: Path) -> None:
    path = str(tmp_path / "data")
    for restarted in (False, True):
        with SecantusDBServer(port=0, storage_path=path, log_level="error", search=True) as server, MongoClient(server.uri) as client:
            if not restarted:
                client.t.c.insert_one({"_id": 1, "v": [1.0, 0.0]})
                client.t.c.create_search_index(SearchIndexModel(DEFINITION, "x", "vectorSearch"))
            assert ids(client.t, search([1, 0])) == [1]
    with SecantusDBServer(port=0, storage_path=path, log_level="error") as server, MongoClient(server.uri) as client:
        with pytest.raises(OperationFailure) as caught:
            ids(client.t, search([1, 0]))
        assert caught.value.code == 31082
