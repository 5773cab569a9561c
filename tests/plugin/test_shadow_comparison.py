"""The comparison of two servers' answers: results in a partial order, ids and times that each server generates, replies."""

from __future__ import annotations

from typing import Any

import pytest
from bson.int64 import Int64
from bson.objectid import ObjectId

from pytest_secantus.shadow.equality import Aside, Comparison
from pytest_secantus.shadow.replies import compare_replies
from pytest_secantus.shadow.results import Order, compare_results, missing_result, order_of, without_cut
from pytest_secantus.shadow.rewriting import Names
from secantus_server.bson import decode, encode
from secantus_server.bson.values import Date

ONE, TWO, THREE = ({"_id": n, "k": n % 2} for n in (1, 2, 3))
BY_K = Order(("k",))
OTHER_IDS = ObjectId("6b0ac53d45d958539ca31321"), ObjectId("6b0ac54045d958539ca39999")


def aside(*commands: dict[str, Any]) -> Aside:
    """Return the known ids and times after some commands that ran 5 ms later on the shadow."""
    made = Aside(lambda: iter(()))
    for command in commands:
        made.note_command(encode(command))
    made.note_delay(5, 5)
    return made


@pytest.mark.parametrize(
    ("ours", "theirs", "order", "path"),
    [
        ([ONE, TWO], [ONE, TWO], Order(), None),
        ([ONE, TWO], [TWO, ONE], Order(), None),
        ([ONE, TWO], [TWO, ONE], BY_K, "batch[0] (the order of the results)"),
        ([TWO, ONE, THREE], [TWO, THREE, ONE], BY_K, None),
        ([ONE, TWO], [ONE], Order(), "batch.length"),
        ([ONE, TWO], [ONE, THREE], Order(), "batch[1]._id"),
        ([ONE], [{"k": 1, "_id": 1}], Order(), "batch[0] (the order of its fields)"),
        ([ONE], [{"_id": 1, "k": 1.0}], Order(), "batch[0].k"),
        ([ONE], [{"_id": 1, "k": Int64(1)}], Order(), "batch[0].k"),
        ([ONE], [{"_id": 1}], Order(), "batch[0].k"),
        ([{"a": [1, 2]}], [{"a": [2, 1]}], Order(), "batch[0].a[0]"),
        ([{"a": [1, 2]}], [{"a": [2, 1]}], Order(loose_arrays=True), None),
        ([{"a": float("nan")}], [{"a": float("nan")}], Order(), None),
        # A limit may remove any document with the same key as the last one.
        ([TWO, ONE], [TWO, THREE], Order(("k",), is_cut=True), None),
        ([TWO, ONE], [TWO, THREE], BY_K, "batch[1]._id"),
    ],
)
def test_results(ours: list[Any], theirs: list[Any], order: Order, path: str | None) -> None:
    found = compare_results(ours, theirs, order, aside(), "batch")
    assert (None if found is None else found.path) == path


def test_some_of_many_results() -> None:
    assert missing_result([TWO], [ONE, TWO, THREE], Order(), aside(), "batch") is None
    found = missing_result([{"_id": 2, "k": 5}], [ONE, TWO], Order(), aside(), "batch")
    assert found is not None
    assert found.path == "batch[0].k"


@pytest.mark.parametrize(
    ("name", "body", "order", "uncut"),
    [
        ("find", {"sort": {"k": 1}}, BY_K, {"sort": {"k": 1}}),
        ("find", {"limit": 1, "skip": 2, "filter": {}}, Order(None, True), {"filter": {}}),
        ("find", {"sort": {"k": 1}, "collation": {"locale": "en"}}, Order(), {"sort": {"k": 1}, "collation": {"locale": "en"}}),
        ("find", {"sort": {"$natural": -1}}, Order(), {"sort": {"$natural": -1}}),
        ("aggregate", {"pipeline": [{"$sort": {"k": 1}}, {"$limit": 1}]}, Order(("k",), True), {"pipeline": [{"$sort": {"k": 1}}]}),
        ("aggregate", {"pipeline": [{"$limit": 1}, {"$project": {"k": 1}}]}, Order(None, True), {"pipeline": [{"$project": {"k": 1}}]}),
        ("aggregate", {"pipeline": [{"$limit": 1}, {"$match": {"k": 1}}]}, Order(None, True), None),
        ("aggregate", {"pipeline": [{"$limit": 2}, {"$group": {"_id": "$k"}}]}, Order(None, True), None),
        ("aggregate", {"pipeline": [{"$sort": {"k": 1}}, {"$group": {"_id": None, "s": {"$addToSet": 1}}}]}, Order(None, False, True), ...),
        ("distinct", {"key": "k"}, Order(), ...),
    ],
)
def test_the_order_of_a_command(name: str, body: dict[str, Any], order: Order, uncut: Any) -> None:
    command = {name: "c", **body}
    assert order_of(name, command, encode(command)) == order
    if uncut is not ...:
        found = without_cut(name, body)
        assert (found if found is None else {key: value for key, value in found.items() if key != "cursor"}) == uncut


def test_ids_of_the_servers() -> None:
    ours, theirs = OTHER_IDS
    known = aside()
    comparison = Comparison(known)
    assert comparison.mismatch([{"_id": ours}, {"_id": ours}], [{"_id": theirs}, {"_id": theirs}], "") is None
    assert comparison.mismatch({"_id": ours}, {"_id": ObjectId("2" * 24)}, "") is not None
    comparison.accept()
    command = encode({"find": "c", "filter": {"_id": ours, "text": str(ours)}})
    assert decode(known.for_shadow(command))["filter"] == {"_id": theirs, "text": str(theirs)}
    assert decode(known.from_shadow(known.for_shadow(command))) == decode(command)


def test_ids_of_the_client_are_compared() -> None:
    ours, theirs = OTHER_IDS
    assert Comparison(aside({"insert": "c", "documents": [{"_id": ours}]})).mismatch(ours, theirs, "") is not None


@pytest.mark.parametrize(
    ("command", "theirs_ms", "differs"),
    [
        ({"u": {"$currentDate": {"at": True}}}, 1_000_005, False),
        ({"u": {"$currentDate": {"at": True}}}, 1_000_900, True),
        ({"u": {"$set": {"at": "$$NOW"}}}, 1_000_105, False),
        ({"u": {"$set": {"at": 1}}}, 1_000_005, True),
        ({"u": {"$currentDate": {"at": True}}, "q": {"at": Date(1_000_000)}}, 1_000_005, True),
    ],
)
def test_times_of_the_servers(command: dict[str, Any], theirs_ms: int, differs: bool) -> None:
    found = Comparison(aside(command)).mismatch(Date(1_000_000), Date(theirs_ms), "at")
    assert (found is not None) == differs


@pytest.mark.parametrize(
    ("name", "ours", "theirs", "path"),
    [
        ("insert", {"ok": 1.0, "n": 1}, {"ok": 1.0, "n": Int64(1), "electionId": 5}, None),
        ("insert", {"ok": 1.0, "n": 1}, {"ok": 1.0, "n": 2}, "n"),
        ("insert", {"ok": 1.0, "n": 1}, {"ok": 0.0, "code": 13, "errmsg": "no"}, "ok"),
        ("insert", {"ok": 0.0, "code": 13, "errmsg": "a"}, {"ok": 0.0, "code": 13, "errmsg": "b"}, None),
        ("insert", {"ok": 0.0, "code": 13, "errmsg": "a"}, {"ok": 0.0, "code": 14, "errmsg": "a"}, "code"),
        (
            "insert",
            {"ok": 1, "n": 0, "writeErrors": [{"index": 0, "code": 11000, "errmsg": "a"}]},
            {"ok": 1, "n": 0, "writeErrors": [{"index": 0, "code": 121, "errmsg": "a"}]},
            "writeErrors[0].code",
        ),
        ("findAndModify", {"ok": 1, "value": {"a": 1}}, {"ok": 1, "value": {"a": 2}}, "value.a"),
        ("distinct", {"ok": 1, "values": [1, 2]}, {"ok": 1, "values": [2, 1]}, None),
        ("distinct", {"ok": 1, "values": [1, 2]}, {"ok": 1, "values": [1]}, "values.length"),
    ],
)
def test_replies(name: str, ours: dict[str, Any], theirs: dict[str, Any], path: str | None) -> None:
    found = compare_replies(name, ours, theirs, aside())
    assert (None if found is None else found.path) == path


def test_the_names_of_databases() -> None:
    names = Names("sh_1_gw0_")
    assert names.of("shop") == "sh_1_gw0_shop"
    long = names.of("x" * 60)
    assert (len(long) <= 63, long) == (True, names.of("x" * 60))
    rename = names.command("renameCollection", encode({"renameCollection": "a.b.c", "to": "d.e", "$db": "admin"}))
    assert rename == {"renameCollection": "sh_1_gw0_a.b.c", "to": "sh_1_gw0_d.e"}
    out = names.command("aggregate", encode({"aggregate": "c", "pipeline": [{"$out": {"db": "d", "coll": "e"}}], "lsid": {"id": 1}}))
    assert [decode(bytes(stage.raw)) for stage in out["pipeline"]] == [{"$out": {"db": "sh_1_gw0_d", "coll": "e"}}]
    assert set(out) == {"aggregate", "pipeline"}
