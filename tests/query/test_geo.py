"""Geospatial indexes over the wire: what explain shows, hints, writes, cursors, partial and hidden indexes, restarts, errors."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pymongo import MongoClient
from pymongo.database import Database
from pymongo.errors import OperationFailure

from secantus_server import SecantusDBServer
from secantus_server.exec.read_scope import ReadScope
from secantus_server.index.kinds.geo import GeoKind
from secantus_server.query._plan_notes import PlanNotes
from tests.failing import code
from tests.one_server import client, db, server
from tests.property.memory_collection import MemoryCollection

__all__ = ["client", "db", "server"]

ORIGIN = {"type": "Point", "coordinates": [0, 0]}
NEAR = {"loc": {"$near": {"$geometry": ORIGIN}}}
WITHIN = {"loc": {"$geoWithin": {"$centerSphere": [[0, 0], 0.06]}}}
BOX = {"p": {"$geoWithin": {"$box": [[0, 0], [2.5, 2.5]]}}}
SQUARE = {"type": "Polygon", "coordinates": [[[-1, -1], [4, -1], [4, 4], [-1, 4], [-1, -1]]]}


def document(number: int) -> dict[str, Any]:
    return {"_id": number, "loc": {"type": "Point", "coordinates": [number, 0]}, "p": [number, number], "n": number % 3}


@pytest.fixture
def places(db: Database) -> Database:
    db.c.create_index([("loc", "2dsphere")])
    db.c.create_index([("p", "2d"), ("n", 1)])
    db.c.insert_many([document(number) for number in (5, 3, 1, 4, 2, 0)])
    return db


def ids(documents: Any) -> list[Any]:
    return [found["_id"] for found in documents]


def explained(db: Database, command: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = db.command({"explain": command, "verbosity": "executionStats"})
    return found


def names(stage: dict[str, Any]) -> list[str]:
    below = stage.get("inputStages", [stage["inputStage"]] if "inputStage" in stage else [])
    return [stage["stage"], *(name for inner in below[:1] for name in names(inner))]


@pytest.mark.parametrize(
    ("filter", "shown", "examined"),
    [
        (WITHIN, ["FETCH", "IXSCAN"], 4),
        ({"loc": {"$geoIntersects": {"$geometry": ORIGIN}}}, ["FETCH", "IXSCAN"], 1),
        ({"loc": {"$geoWithin": {"$geometry": SQUARE}}}, ["FETCH", "IXSCAN"], 6),
        (BOX, ["FETCH", "IXSCAN"], 3),
        ({"p": {"$geoWithin": {"$center": [[0, 0], 1]}}}, ["FETCH", "IXSCAN"], 1),
        ({"p": {"$geoWithin": {"$polygon": [[0, 0], [0, 2], [2, 2], [2, 0]]}}}, ["FETCH", "IXSCAN"], 3),
        ({"p": {"$geoWithin": {"$centerSphere": [[0, 0], 0.03]}}}, ["FETCH", "IXSCAN"], 2),
        (NEAR, ["GEO_NEAR_2DSPHERE", "FETCH", "IXSCAN"], 6),
        ({"p": {"$near": [0, 0]}}, ["GEO_NEAR_2D", "FETCH", "IXSCAN"], 6),
        ({"p": {"$nearSphere": [0, 0]}}, ["GEO_NEAR_2D", "FETCH", "IXSCAN"], 6),
        ({"loc": {"$geoWithin": {"$box": [[0, 0], [2, 2]]}}}, ["COLLSCAN"], 6),
        ({"p": {"$geoWithin": {"$geometry": SQUARE}}}, ["COLLSCAN"], 6),
    ],
)
def test_stages(places: Database, filter: dict[str, Any], shown: list[str], examined: int) -> None:
    reply = explained(places, {"find": "c", "filter": filter})
    assert names(reply["executionStats"]["executionStages"]) == shown
    found = ids(places.c.find(filter))
    assert reply["executionStats"]["nReturned"] == len(found)
    assert len(found) <= reply["executionStats"]["totalDocsExamined"] <= examined
    assert "secantus" not in reply
    planned = places.command({"explain": {"find": "c", "filter": filter}, "verbosity": "queryPlanner"})["queryPlanner"]["winningPlan"]
    assert names(planned)[0] == shown[0]


def test_bounds(places: Database) -> None:
    reply = explained(places, {"find": "c", "filter": {**BOX, "n": 1}})
    scan = reply["queryPlanner"]["winningPlan"]["inputStage"]
    assert scan["indexName"] == "p_2d_n_1"
    assert scan["indexBounds"]["n"] == ["[1, 1]"]
    assert any(text.startswith("[BinData(128, C0") for text in scan["indexBounds"]["p"])
    reply = explained(places, {"find": "c", "filter": {"loc": {"$geoIntersects": {"$geometry": ORIGIN}}}})
    bounds = reply["queryPlanner"]["winningPlan"]["inputStage"]["indexBounds"]["loc"]
    ends = [tuple(map(int, text.strip("[]").split(", "))) for text in bounds]
    assert any(low <= 1152921504606846977 <= high for low, high in ends)


def test_search_intervals(places: Database) -> None:
    stage = explained(places, {"find": "c", "filter": NEAR, "limit": 2})["executionStats"]["executionStages"]["inputStage"]
    assert stage["keyPattern"] == {"loc": "2dsphere"}
    intervals = stage["searchIntervals"]
    assert intervals[0]["minDistance"] == 0
    assert sum(interval["nReturned"] for interval in intervals) == 2


def test_a_stage_in_explain(places: Database) -> None:
    near = {"$geoNear": {"near": ORIGIN, "key": "loc", "distanceField": "d", "query": {"n": 1}}}
    reply = explained(places, {"aggregate": "c", "pipeline": [near, {"$limit": 1}], "cursor": {}})
    first = reply["stages"][0]
    assert next(iter(first)) == "$geoNearCursor"
    assert first["$geoNearCursor"]["queryPlanner"]["winningPlan"]["stage"] == "GEO_NEAR_2DSPHERE"
    assert [stage["nReturned"] for stage in reply["stages"]] == [1, 1]


def test_notes_on_a_plan(collection: MemoryCollection) -> None:
    collection.add_index({"loc": "2dsphere"})
    for number in range(6):
        collection.insert(document(number))
    plan = collection.plan(collection.query(NEAR))
    with collection.engine.transaction() as unit:
        assert len(list(plan.open(ReadScope(unit)))) == 6
    notes = PlanNotes()
    notes.add(plan)
    assert (notes.latest, notes.stages) == ((6, 6, 0, 0, 0), (("GEO_NEAR_2DSPHERE", {"loc": "2dsphere"}),))
    assert collection.indexes[-1].uses == 1


def test_reads(places: Database) -> None:
    assert ids(places.c.find(NEAR)) == [0, 1, 2, 3, 4, 5]
    assert ids(places.c.find(NEAR).skip(1).limit(2)) == [1, 2]
    assert ids(places.c.find(NEAR, batch_size=2)) == [0, 1, 2, 3, 4, 5]
    assert ids(places.c.find({**NEAR, "n": 0})) == [0, 3]
    assert ids(places.c.find(NEAR).sort([("n", 1), ("_id", 1)])) == [0, 3, 1, 4, 2, 5]
    assert sorted(ids(places.c.find(WITHIN))) == [0, 1, 2, 3]
    assert places.c.count_documents(WITHIN) == 4
    assert sorted(places.c.distinct("n", WITHIN)) == [0, 1, 2]
    assert sorted(ids(places.c.find({"$or": [BOX, {"_id": 5}]}))) == [0, 1, 2, 5]
    found = places.c.aggregate([{"$geoNear": {"near": ORIGIN, "key": "loc", "distanceField": "d"}}, {"$limit": 2}])
    assert [(one["_id"], round(one["d"])) for one in found] == [(0, 0), (1, 111319)]


def test_keys_of_entries(places: Database) -> None:
    places.c.delete_many({"_id": {"$ne": 0}})
    cell = 0x1000000000000001
    assert list(places.c.find(WITHIN, return_key=True)) == [{"loc": cell}]
    assert places.c.find_one(WITHIN, {"k": {"$meta": "indexKey"}})["k"] == {"loc": cell}
    assert list(places.c.find({**BOX, "n": 0}, return_key=True)) == [{"p": 0xC000000000000000 - 2**64, "n": 0}]
    assert list(places.c.find(NEAR, return_key=True)) == [{}]
    assert places.command("count", "c", query={}, hint="loc_2dsphere")["n"] == 1


def test_documents_that_move_are_updated_once(places: Database) -> None:
    assert places.c.update_many(BOX, {"$inc": {"p.0": 0.5}}).modified_count == 3
    assert sorted(found["p"][0] - found["_id"] for found in places.c.find()) == [0, 0, 0, 0.5, 0.5, 0.5]


def test_joins_and_views(places: Database) -> None:
    places.o.insert_many([{"_id": n, "at": {"type": "Point", "coordinates": [n, 0]}} for n in (4, 1)])
    near = {"$geoNear": {"near": "$$at", "distanceField": "d", "key": "loc"}}
    joined = places.o.aggregate([{"$lookup": {"from": "c", "as": "x", "let": {"at": "$at"}, "pipeline": [near, {"$limit": 1}]}}])
    assert [(one["_id"], ids(one["x"])) for one in joined] == [(4, [4]), (1, [1])]
    places.create_collection("v", viewOn="c", pipeline=[{"$geoNear": {"near": ORIGIN, "distanceField": "d", "key": "loc"}}])
    assert ids(places.v.find({"n": 1})) == [1, 4]
    union = [{"$match": {"_id": -1}}, {"$unionWith": {"coll": "c", "pipeline": [{"$geoNear": {"near": ORIGIN, "key": "loc"}}]}}]
    assert ids(places.c.aggregate(union)) == [0, 1, 2, 3, 4, 5]


def test_writes(places: Database) -> None:
    assert places.c.update_many(WITHIN, {"$set": {"loc.coordinates": [90, 0]}}).modified_count == 4
    assert places.c.count_documents(WITHIN) == 0
    assert ids(places.c.find(NEAR).limit(2)) == [4, 5]
    assert places.c.find_one_and_delete(NEAR)["_id"] == 4
    assert places.c.delete_many({"loc": {"$geoWithin": {"$centerSphere": [[90, 0], 0.1]}}}).deleted_count == 4
    places.c.update_one({"_id": 5}, {"$unset": {"loc": 1}})
    assert ids(places.c.find(NEAR)) == []
    assert places.command("validate", "c", full=True)["keysPerIndex"] == {"_id_": 1, "loc_2dsphere": 0, "p_2d_n_1": 1}


def test_a_transaction_reads_what_it_wrote(places: Database) -> None:
    with places.client.start_session() as session, session.start_transaction():
        places.c.insert_one(document(9), session=session)
        places.c.delete_one({"_id": 0}, session=session)
        assert ids(places.c.find(NEAR, session=session)) == [1, 2, 3, 4, 5, 9]
        session.abort_transaction()
    assert ids(places.c.find(NEAR)) == [0, 1, 2, 3, 4, 5]
    assert places.command("validate", "c")["valid"]


def test_geometries_with_several_cells(db: Database) -> None:
    db.c.create_index([("a", -1), ("loc", "2dsphere"), ("b", 1)])
    line = {"type": "LineString", "coordinates": [[-10, 0], [10, 0]]}
    db.c.insert_many([{"_id": 1, "loc": line, "a": [1, 2], "b": 1}, {"_id": 2, "loc": SQUARE, "a": 2}, {"_id": 3, "a": 2}])
    filter = {"loc": {"$geoIntersects": {"$geometry": ORIGIN}}, "a": 2}
    assert sorted(ids(db.c.find(filter))) == [1, 2]
    assert db.c.count_documents(filter) == 2
    scan = explained(db, {"find": "c", "filter": filter})["queryPlanner"]["winningPlan"]["inputStage"]
    assert (scan["indexName"], scan["indexBounds"]["a"], scan["isMultiKey"]) == ("a_-1_loc_2dsphere_b_1", ["[2, 2]"], True)
    assert ids(db.c.find({**NEAR, "a": 1})) == [1]
    assert sorted(ids(db.c.find({**NEAR, "a": {"$gt": 0}}))) == [1, 2]
    assert sorted(ids(db.c.find({}, hint="a_-1_loc_2dsphere_b_1"))) == [1, 2]
    assert db.command("validate", "c", full=True)["valid"]


def test_hints(places: Database) -> None:
    places.c.create_index("n")
    assert ids(places.c.find(NEAR, hint="loc_2dsphere").limit(1)) == [0]
    assert len(list(places.c.find({"n": {"$gte": 0}}, hint="loc_2dsphere"))) == 6
    places.c.insert_one({"_id": 7, "n": 1})
    assert len(list(places.c.find({}, hint="loc_2dsphere"))) == 6
    for hint, expected in (("n_1", 291), ("p_2d_n_1", 291), ("none", 2), ({"$natural": 1}, 2)):
        assert code(places, {"find": "c", "filter": NEAR, "hint": hint}) == expected
        near = {"$geoNear": {"near": ORIGIN, "key": "loc"}}
        assert code(places, {"aggregate": "c", "pipeline": [near], "cursor": {}, "hint": hint}) == expected
    assert code(places, {"find": "c", "filter": NEAR, "sort": {"$natural": 1}}) == 2


def test_partial_and_hidden_indexes(db: Database) -> None:
    db.c.insert_many([{**document(number), "s": "A" if number else "a"} for number in range(4)])
    db.c.create_index([("loc", "2dsphere")], partialFilterExpression={"n": 1})
    assert code(db, {"find": "c", "filter": NEAR}) == 291
    assert ids(db.c.find({**NEAR, "n": 1})) == [1]
    assert sorted(ids(db.c.find(WITHIN))) == [0, 1, 2, 3]
    assert names(explained(db, {"find": "c", "filter": {**WITHIN, "n": 1}})["queryPlanner"]["winningPlan"]) == ["FETCH", "IXSCAN"]
    db.command("collMod", "c", index={"name": "loc_2dsphere", "hidden": True})
    assert names(explained(db, {"find": "c", "filter": {**WITHIN, "n": 1}})["queryPlanner"]["winningPlan"]) == ["COLLSCAN"]
    assert code(db, {"find": "c", "filter": {**NEAR, "n": 1}}) == 291


def test_an_index_that_can_be_searched_is_preferred(db: Database) -> None:
    db.c.insert_many([document(number) for number in range(6)])
    for key in ([("n", 1), ("loc", "2dsphere")], [("loc", "2dsphere")]):
        db.c.create_index(key)
    for filter, name in ((NEAR, "loc_2dsphere"), ({**NEAR, "n": 1}, "n_1_loc_2dsphere")):
        stage = explained(db, {"find": "c", "filter": filter})["executionStats"]["executionStages"]
        assert (stage["indexName"], "searchIntervals" in stage) == (name, True)
    hinted = {"find": "c", "filter": NEAR, "hint": "n_1_loc_2dsphere"}
    assert "searchIntervals" not in explained(db, hinted)["executionStats"]["executionStages"]
    assert ids(db.c.find(NEAR, hint="n_1_loc_2dsphere")) == [0, 1, 2, 3, 4, 5]


def test_a_stage_ignores_hidden_indexes(db: Database) -> None:
    db.c.insert_many([document(number) for number in range(3)])
    db.c.create_index([("other", "2dsphere")], hidden=True)
    near = [{"$geoNear": {"near": ORIGIN}}]
    assert code(db, {"aggregate": "c", "pipeline": near, "cursor": {}}) == 27
    db.c.create_index([("loc", "2dsphere")])
    assert ids(db.c.aggregate(near)) == [0, 1, 2]
    near[0]["$geoNear"]["key"] = "other"
    assert code(db, {"aggregate": "c", "pipeline": near, "cursor": {}}) == 291


def test_a_collation(db: Database) -> None:
    english = {"locale": "en", "strength": 2}
    db.c.create_index([("s", 1), ("loc", "2dsphere")], collation=english)
    db.c.insert_many([{"_id": 1, "s": "a", "loc": [0, 0]}, {"_id": 2, "s": "A", "loc": [0, 1]}])
    filter = {**WITHIN, "s": "a"}
    assert (ids(db.c.find(filter)), ids(db.c.find(filter, collation=english))) == ([1], [1, 2])
    shown = explained(db, {"find": "c", "filter": filter, "collation": english})["queryPlanner"]["winningPlan"]
    assert names(shown) == ["FETCH", "IXSCAN"]
    assert names(explained(db, {"find": "c", "filter": filter})["queryPlanner"]["winningPlan"]) == ["COLLSCAN"]
    assert ids(db.c.find({**NEAR, "s": "a"}, collation=english)) == [1, 2]
    assert ids(db.c.find({**NEAR, "s": "a"})) == [1]


def test_unique(db: Database) -> None:
    db.c.create_index([("loc", "2dsphere"), ("n", 1)], unique=True)
    db.c.insert_many([{"_id": 1, "loc": [0, 0], "n": 1}, {"_id": 2, "loc": [0, 0], "n": 2}])
    with pytest.raises(OperationFailure) as caught:
        db.c.insert_one({"_id": 3, "loc": [0, 0], "n": 2})
    assert caught.value.details is not None
    assert caught.value.details["keyValue"] == {"loc": 1152921504606846977, "n": 2}
    assert ids(db.c.find({**NEAR, "n": 2})) == [2]


def test_version_1_holds_documents_without_geometries(db: Database) -> None:
    db.c.create_index([("a", 1), ("loc", "2dsphere")], **{"2dsphereIndexVersion": 1})
    db.c.insert_many([{"_id": 1, "a": 1, "loc": [0, 0]}, {"_id": 2, "a": 1}])
    assert ids(db.c.find({"a": 1}, hint="a_1_loc_2dsphere")) == [2, 1]
    assert ids(db.c.find({**NEAR, "a": 1})) == [1]


def test_a_cursor_continues_until_the_index_is_dropped(places: Database) -> None:
    cursor = places.c.find(NEAR, batch_size=2)
    assert next(cursor)["_id"] == 0
    places.c.update_one({"_id": 5}, {"$set": {"n": 7}})
    places.c.insert_one(document(8))
    assert ids([next(cursor), next(cursor)]) == [1, 2]
    places.c.drop_index("loc_2dsphere")
    with pytest.raises(OperationFailure):
        list(cursor)


def test_entries_of_an_old_store_are_built(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as before:
        before.setattr(GeoKind, "entries_version", lambda self: "")
        before.setattr(GeoKind, "extractor", lambda self, spec: None)
        with SecantusDBServer(port=0, storage_path=str(tmp_path), log_level="error") as server, MongoClient(server.uri) as client:
            client.d.c.create_index([("loc", "2dsphere")])
            client.d.c.create_index([("p", "2d")])
            client.d.c.insert_many([document(number) for number in range(4)])
    for _ in range(2):
        with SecantusDBServer(port=0, storage_path=str(tmp_path), log_level="error") as server, MongoClient(server.uri) as client:
            assert ids(client.d.c.find(NEAR)) == [0, 1, 2, 3]
            assert client.d.c.count_documents(BOX) == 3
            assert client.d.command("validate", "c", full=True)["valid"]


def test_geojson_precedes_the_coordinates_beside_it(db: Database) -> None:
    """According to https://www.mongodb.com/docs/manual/release-notes/8.3/, MongoDB 8.2 does this, too."""
    point = {"type": "Point", "coordinates": [50, 50]}
    db.c.insert_many([{"_id": 1, "at": {"x": 1, "y": 2, **point}}, {"_id": 2, "at": {**point, "x": 1, "y": 2}}])

    def found(place: list[int]) -> list[int]:
        return [one["_id"] for one in db.c.find({"at": {"$geoWithin": {"$centerSphere": [place, 0.01]}}}, sort=[("_id", 1)])]

    before = (found([50, 50]), found([1, 2]))
    db.c.create_index([("at", "2dsphere")])
    assert before == (found([50, 50]), found([1, 2])) == ([1, 2], [])
