"""The express lane compared with the general path: the same commands on two servers return the same replies and have the same effects."""

from __future__ import annotations

import datetime
import gc
import itertools
import re
import secrets
import struct
from collections.abc import Iterator
from random import Random
from types import TracebackType
from typing import Any

import bson
import pytest
from bson import Binary, Decimal128, Int64, ObjectId, Regex, Timestamp

from secantus_server.bson import RawDocument, decode
from secantus_server.dispatch.client import ClientInfo
from secantus_server.dispatch.dispatcher import dispatch, error_reply
from secantus_server.dispatch.interceptors import Call, Interceptor, Outcome
from secantus_server.errors import CommandError
from secantus_server.server import SecantusDBServer
from secantus_server.storage import RECORDS
from secantus_server.wire.header import parse_header
from secantus_server.wire.messages import build_reply, parse_message
from secantus_server.work._express import Express

LSID = {"id": Binary(bytes(range(16)), 4)}
# The fields whose values differ between two servers.
TIMES = {"operationTime", "$clusterTime", "opTime", "electionId", "ts", "wall", "ui", "prevOpTime"}

Sequences = dict[str, list[dict[str, Any]]]
Document = dict[str, Any]


def message(body: Document, sequences: Sequences | None = None, flags: int = 0) -> bytes:
    data = struct.pack("<IB", flags, 0) + bson.encode({**body, "$db": body.get("$db", "shop")})
    for name, documents in (sequences or {}).items():
        section = name.encode() + b"\0" + b"".join(map(bson.encode, documents))
        data += b"\1" + struct.pack("<i", len(section) + 4) + section
    return struct.pack("<iiii", 16 + len(data), 7, 0, 2013) + data


class Side:
    """A server and one connection's state, which may use the express lane."""

    def __init__(self, server: SecantusDBServer, is_express: bool) -> None:
        self.server, self.services = server, server.services
        self.client = ClientInfo(1, ("127.0.0.1", 1))
        self.lane = Express(self.services, self.client) if is_express else None
        self.ids = itertools.count(1)
        self.answered = False

    def run(self, raw: bytes) -> Document:
        data = None if self.lane is None else self.lane.answer(raw, self.ids)
        self.answered = data is not None
        if data is None:
            received = parse_message(parse_header(raw), raw)
            if self.lane is not None:
                received.unfinished, self.lane.unfinished = self.lane.unfinished, None
            try:
                if received.error is not None:
                    raise received.error
                reply = dispatch(received, self.services, self.client)[1]
            except CommandError as error:
                reply = error_reply(error, self.services)
            data = build_reply(received, reply, next(self.ids))
        assert struct.unpack_from("<iiii", data)[2:] == (7, 2013)
        return bson.decode(data[21:])

    def state(self) -> Any:
        """Return the state that the commands have left: documents, oplog entries, counters."""
        find = message({"find": "c", "filter": {}, "sort": {"_id": 1}, "batchSize": 1000})
        oplog = message({"find": "oplog.rs", "filter": {"op": {"$in": ["i", "u", "d", "c"]}}, "batchSize": 1000, "$db": "local"})
        usage = self.client.usage
        names = ("inserted", "updated", "deleted", "returned", "keys", "documents", "whole_scans", "sorts")
        kept = {name: getattr(usage, name) for name in names}
        counts = (dict(usage.counts), {key: row[0] for key, row in usage.rows.items()})
        newest = self.services.sessions.retries.of(bytes(LSID["id"]))
        retried = None if newest is None else (newest.number, plain(newest.executed))
        statistics = message({"aggregate": "c", "pipeline": [{"$indexStats": {}}], "cursor": {}})
        uses = {one["name"]: one["accesses"]["ops"] for one in batch(self.run(statistics))}
        return batch(self.run(find)), [plain(one) for one in batch(self.run(oplog))], kept, counts, repr(retried), uses


def batch(reply: Document) -> list[Document]:
    documents: list[Document] = reply["cursor"]["firstBatch"]
    return documents


def plain(value: Any) -> Any:
    """Return a reply or an oplog entry without times and other values that differ between servers."""
    if isinstance(value, dict):
        return {name: name if name in TIMES else plain(one) for name, one in value.items()}
    if isinstance(value, RawDocument):
        return plain(decode(value.data))
    return [plain(one) for one in value] if isinstance(value, (list, tuple)) else value


@pytest.fixture
def sides() -> Iterator[tuple[Side, Side]]:
    with (
        SecantusDBServer(port=0, storage_path=":memory:", log_level="error") as first,
        SecantusDBServer(port=0, storage_path=":memory:", log_level="error") as second,
    ):
        pair = Side(first, True), Side(second, False)
        stock = [{"_id": number, "sku": f"s{number}", "n": number, "tags": ["a"], "at": {"x": 1}} for number in range(10)]
        for raw in (
            message({"insert": "c"}, {"documents": stock}),
            message({"createIndexes": "c", "indexes": [{"key": {"sku": 1}, "name": "sku", "unique": True}]}),
            # The first insert determines the newest RecordId, which the lane leaves to the general path.
            message({"insert": "c"}, {"documents": [{"_id": 10, "sku": "s10"}]}),
        ):
            for side in pair:
                assert side.run(raw)["ok"] == 1
        yield pair


number = itertools.count(1)


def numbered(body: Document) -> Document:
    return {**body, "lsid": LSID, "txnNumber": Int64(next(number))}


def update(query: Document, change: Any, **fields: Any) -> bytes:
    return message(numbered({"update": "c", "ordered": True}), {"updates": [{"q": query, "u": change, **fields}]})


def modify(query: Document, change: Any, **fields: Any) -> bytes:
    return message(numbered({"findAndModify": "c", "query": query, "update": change, **fields}))


def delete(query: Document, limit: Any = 1) -> bytes:
    return message(numbered({"delete": "c", "ordered": True}), {"deletes": [{"q": query, "limit": limit}]})


def insert(*documents: Document, **fields: Any) -> bytes:
    return message(numbered({"insert": "c", **fields}), {"documents": list(documents)})


def find(query: Document, **fields: Any) -> bytes:
    return message({"find": "c", "filter": query, "lsid": LSID, **fields})


def count(query: Document, *more: Document, **fields: Any) -> bytes:
    pipeline = [{"$match": query}, {"$group": {"_id": 1, "n": {"$sum": 1}}}, *more]
    return message({"aggregate": "c", "pipeline": pipeline, "cursor": {}, "lsid": LSID, **fields})


EXPRESS = [
    find({"_id": 3}, limit=1, singleBatch=True),
    find({"_id": 3.0}),
    find({"_id": Int64(3)}),
    find({"_id": 77}),
    find({"sku": "s4"}, **{"$readPreference": {"mode": "primaryPreferred"}}),
    message({"find": "c", "filter": {"_id": 1}}),
    find({}),
    find({}, limit=1, singleBatch=True),
    find({}, limit=100),
    count({}),
    count({"_id": 3}),
    count({"sku": "s4"}),
    count({"_id": 77}),
    insert({"_id": "new", "a": 1}),
    insert({"sku": "no id"}),
    insert({"_id": ObjectId(b"abcdefghijkl"), "sku": "z"}, {"sku": "y", "_id": Decimal128("1.5")}),
    message({"insert": "c", "documents": [{"_id": "in the body", "sku": "b", "deep": [{"x": {}}]}, {"sku": "v", "_id": "second"}]}),
    message({"insert": "c", "ordered": False}, {"documents": [{"_id": "without session", "sku": "w"}]}),
    update({"_id": 2}, {"$inc": {"n": 1}}, multi=False, upsert=False),
    update({"_id": 2}, {"$set": {"n": 2, "x.y": [1, {"z": 2}]}}),
    update({"sku": "s5"}, {"$unset": {"n": ""}, "$push": {"tags": "b"}, "$rename": {"at": "where"}}),
    update({"_id": 2}, {"$set": {"n": 2}}),
    update({"_id": 88}, {"$set": {"n": 2}}),
    update({"_id": 2}, {"$set": {"sku": "renamed"}}),
    modify({"_id": 3}, {"$inc": {"n": 5}}, new=False, upsert=False),
    modify({"_id": 3}, {"$inc": {"n": 5}}, new=True, remove=False),
    modify({"_id": 3}, {"$set": {"n": 13}}),
    delete({"_id": 9}),
    delete({"_id": 99}),
    message({"delete": "c"}, {"deletes": [{"q": {"sku": "s8"}, "limit": 1}]}),
    message({"ping": 1, "lsid": LSID}),
    message({"ping": 1, "lsid": LSID, "$db": "admin", "$readPreference": {"mode": "primaryPreferred"}}),
    message({"ping": 5, "$clusterTime": {"clusterTime": Timestamp(0, 1)}}),
]
#: The lane leaves these to the general path while commands are logged.
MISSING = [
    message({"find": "missing", "filter": {}}),
    message({"find": "missing", "filter": {}, "limit": 1, "singleBatch": True, "lsid": LSID}),
    message({"find": "c", "filter": {}, "$db": "missing"}),
    message({"find": "c", "filter": {}, "$db": "SHOP"}),
    message({"aggregate": "missing", "pipeline": [{"$match": {}}, {"$group": {"_id": 1, "n": {"$sum": 1}}}], "cursor": {}}),
]
GENERAL = [
    find({"_id": 3, "n": 3}),
    find({}, sort={"_id": -1}),
    find({}, limit=-1),
    find({}, batchSize=50),
    message({"find": "c"}),
    find({}, **{"$db": "no.such"}),
    message({"find": "system.views", "filter": {}}),
    message({"find": "oplog.missing", "filter": {}, "$db": "local"}),
    message({"find": "missing", "filter": {}, "$db": "config"}),
    message({"find": "a$b", "filter": {}}),
    message({"find": "a..b", "filter": {}}),
    message({"find": "x" * 300, "filter": {}}),
    message({"aggregate": "missing", "pipeline": [{"$match": {}}, {"$group": {"_id": 1, "n": {"$sum": "$n"}}}], "cursor": {}}),
    count({"n": 3}),
    count({}, {"$limit": 1}),
    count({}, txnNumber=Int64(1)),
    message({"aggregate": "c", "pipeline": [], "cursor": {}}),
    message({"aggregate": "c", "pipeline": [{"$match": {}}], "cursor": {}}),
    message({"aggregate": "c", "pipeline": [{"$match": {}}, {"$group": {"_id": 1, "n": {"$sum": 2}}}], "cursor": {}}),
    message({"aggregate": "c", "pipeline": [{"$match": {}, "$limit": 1}, {"$group": {"_id": 1, "n": {"$sum": 1}}}], "cursor": {}}),
    message({"aggregate": "c", "pipeline": [{"$match": {}}, {"$group": {"_id": 1, "n": {"$sum": 1}}}], "cursor": {"batchSize": 101}}),
    message({"aggregate": "c", "pipeline": [{"$match": {}}, {"$group": {"_id": 1, "n": {"$sum": 1}}}]}),
    message({"aggregate": 1, "pipeline": [{"$match": {}}, {"$group": {"_id": 1, "n": {"$sum": 1}}}], "cursor": {}}),
    find({"_id": {"$in": [8, 9]}}),
    find({"_id": None}),
    find({"_id": Regex("x")}),
    find({"n": 3}),
    find({"$where": "true"}),
    find({"_id": 3}, projection={"n": 1}),
    find({"_id": 3}, limit=-1),
    find({"_id": 3}, limit=1.0),
    find({"_id": 3}, unknown=1),
    find({"_id": 3}, **{"$clusterTime": {"clusterTime": Timestamp(2**32 - 1, 1)}}),
    find({"_id": 3}, txnNumber=Int64(1)),
    find({"_id": 3}, **{"$db": "no.such"}),
    message({"find": "c.d", "filter": {"_id": 1}}),
    message({"find": "system.views", "filter": {"_id": 1}}),
    message({"find": "missing", "filter": {"_id": 1}}),
    message({"find": 1, "filter": {"_id": 1}}),
    message({"find": "c", "filter": {"_id": 1}, "lsid": {"id": Binary(b"short", 4)}}),
    message({"update": "c"}, {"updates": [{"q": {"_id": 1}, "u": {"$set": {"a": 1}}}, {"q": {"_id": 2}, "u": {"$set": {"a": 1}}}]}),
    insert({"_id": 1}),
    message({"insert": "c", "documents": []}),
    message({"insert": "c", "documents": [5]}),
    message({"insert": "c", "documents": [{"_id": "p"}]}, {"documents": [{"_id": "q"}]}),
    insert({"_id": "twice", "sku": "s1"}),
    insert({"_id": "first"}, {"_id": [1]}),
    insert({"_id": "stamp", "sku": "q", "when": Timestamp(0, 0)}),
    insert({"_id": "concern"}, writeConcern={"w": 1}),
    update({"_id": 2}, {"n": 5}),
    update({"_id": 2}, [{"$set": {"n": 5}}]),
    update({"_id": 2}, {"$set": {"_id": 5}}),
    update({"_id": 2}, {"$set": {"sku": "s1"}}),
    update({"_id": 2}, {"$inc": {"sku": 5}}),
    update({"_id": 2}, {"$nope": {"n": 5}}),
    update({"_id": 200}, {"$set": {"n": 5, "sku": "u"}}, upsert=True),
    update({"_id": 2}, {"$set": {"n": 5}}, multi=True),
    update({"tags": "a"}, {"$set": {"tags.$": "c"}}),
    update({"_id": 2}, {"$set": {"tags.$": "c"}}),
    update({"_id": 2}, {"$set": {"tags.$[x]": "c"}}, arrayFilters=[{"x": "a"}]),
    update({"_id": 88}, {"$currentDate": {"stamped": True}}),
    modify({"_id": 300}, {"$set": {"n": 5}}),
    modify({"_id": 3}, {"$set": {"n": 5}}, fields={"n": 1}),
    message(numbered({"findAndModify": "c", "query": {"_id": 3}, "remove": True})),
    delete({"_id": 1}, limit=0),
    delete({"_id": 1}, limit=2),
    message({"update": "c"}, {"other": [{"q": {"_id": 1}, "u": {"$set": {"a": 1}}}]}),
    message({"insert": "c", "txnNumber": Int64(5)}, {"documents": [{"_id": "no session"}]}),
    message({"insert": "c", "lsid": LSID, "txnNumber": Int64(-5)}, {"documents": [{"_id": "negative"}]}),
    message({"ping": 1}),  # Too short to be a command of the lane.
    message({"ping": 1.0, "lsid": LSID}),
    message({"ping": "c", "lsid": LSID}),
    message({"ping": 1, "lsid": LSID, "$db": "config"}),
    message({"ping": 1, "lsid": LSID, "$db": "no.such"}),
    message({"ping": 1, "lsid": LSID, "ordered": True}),
    message({"ping": 1, "lsid": LSID, "maxTimeMS": 1000}),
    message({"ping": 1, "lsid": LSID, "txnNumber": Int64(1)}),
    message({"ping": 1, "lsid": LSID, "txnNumber": Int64(1), "autocommit": False, "startTransaction": True}),
    message({"ping": 1, "lsid": LSID, "apiVersion": "1"}),
    message({"ping": 1, "lsid": LSID}, {"documents": [{}]}),
]


@pytest.mark.parametrize(("raws", "is_express"), [(EXPRESS + MISSING, True), (GENERAL, False)], ids=["express", "general"])
def test_both_paths_answer_and_leave_the_same(sides: tuple[Side, Side], raws: list[bytes], is_express: bool) -> None:
    for raw in raws:
        replies = [plain(side.run(raw)) for side in sides]
        assert sides[0].answered is is_express, raw
        if b"no id" not in raw:
            assert list(replies[0].items()) == list(replies[1].items()), raw
    # The server replaces an empty timestamp by its time.
    first, second = (re.sub(r"Timestamp\([^)]*\)", "Timestamp", repr(side.state())) for side in sides)
    ids = [[one["_id"] for one in batch(side.run(message({"find": "c", "filter": {"sku": "no id"}})))] for side in sides]
    for own, other in zip(*ids, strict=True):
        first = first.replace(repr(own), repr(other))
    assert first == second


def many(name: str, number: int, skus: int) -> list[Document]:
    return [{"_id": f"{name}{n}", "sku": f"{name}{n % skus}", "deep": [{"n": n}]} for n in range(number)]


@pytest.mark.parametrize(
    ("raw", "is_express"),
    [
        (insert(*many("m", 128, 128)), True),
        (message({"insert": "c", "documents": many("m", 128, 128)}), True),
        (message({"insert": "fresh"}, {"documents": many("m", 100, 100)}), True),
        (insert(*many("m", 129, 129)), False),
        (message({"insert": "c", "documents": many("m", 129, 129)}), False),
        (insert(*many("m", 100, 90)), False),
        (insert(*many("m", 100, 90), ordered=False), False),
    ],
    ids=["sequence", "body", "new collection", "129", "129 in the body", "duplicate", "unordered duplicates"],
)
def test_an_insert_of_many_documents(sides: tuple[Side, Side], raw: bytes, is_express: bool) -> None:
    replies = [plain(side.run(raw)) for side in sides]
    assert sides[0].answered is is_express
    assert list(replies[0].items()) == list(replies[1].items())
    assert sides[0].state() == sides[1].state()
    again = [plain(side.run(raw)) for side in sides]
    assert list(again[0].items()) == list(again[1].items())
    assert sides[0].state() == sides[1].state()


def test_a_write_that_is_sent_again_is_not_repeated(sides: tuple[Side, Side]) -> None:
    for raw in (
        update({"_id": 2}, {"$inc": {"n": 1}}),
        modify({"_id": 2}, {"$inc": {"n": 1}}),
        insert({"_id": "a", "sku": "a"}, {"_id": "b", "sku": "b"}),
        delete({"_id": 5}),
    ):
        for side in sides:
            side.run(raw)
        again = [plain(side.run(raw)) for side in sides]
        assert again[0] == again[1]
        assert "retriedStmtIds" in again[0] or "retriedStmtId" in again[0]
    assert repr(sides[0].state()) == repr(sides[1].state())


UPDATES: list[Document] = [
    {"$inc": {"n": 1}},
    {"$inc": {"n": 2}},
    {"$mul": {"n": 2}},
    {"$bit": {"n": {"or": 8}}},
    {"$min": {"n": 3}},
    {"$push": {"tags": "b"}},
    {"$push": {"tags": {"$each": ["z", "d"], "$sort": 1, "$slice": 3}}},
    {"$addToSet": {"tags": "b"}},
    {"$pop": {"tags": 1}},
    {"$set": {"at.x": 5, "tags.0": "c", "t": Timestamp(0, 0)}},
    {"$set": {"tags": ["a"], "at": {"x": 1}}, "$setOnInsert": {"n": 9}},
    {"$rename": {"n": "m"}},
    {"$rename": {"m": "n"}, "$unset": {"at": ""}},
    {"$set": {"sku": "s3"}},
    {"$set": {"_id": 3}},
]


def test_updates_that_are_sent_again_change_what_they_change_alone(sides: tuple[Side, Side]) -> None:
    seed = secrets.randbits(32)
    print(f"seed {seed}")
    random = Random(seed)
    others = [{"_id": 20, "n": "text", "sku": "s20"}, {"_id": 21, "n": 1, "sku": "s21", "text": "x" * 20_000}]
    raw = insert(*others)
    for side in sides:
        side.run(raw)
    express = 0
    for _ in range(60):
        change, build = random.choice(UPDATES), random.choice((update, update, modify))
        for number in random.choices([0, 1, 2, 3, 20, 21, 99], k=random.randrange(1, 8)):
            raw = build({"_id": number}, change)
            assert plain(sides[0].run(raw)) == plain(sides[1].run(raw)), (number, change)
            express += sides[0].answered
    assert express > 60
    assert sides[0].state() == sides[1].state()


def twice(raw: bytes, field: bytes) -> bytes:
    """Return a message in whose body a field is repeated. The body ends before the document sequence, if any."""
    size = struct.unpack_from("<i", raw, 21)[0]
    body = raw[25 : 21 + size - 1] + field + b"\0"
    data = raw[16:21] + struct.pack("<i", len(body) + 4) + body + raw[21 + size :]
    return struct.pack("<i", len(data) + 16) + raw[4:16] + data


def field_of(document: Document) -> bytes:
    return bson.encode(document)[4:-1]


@pytest.mark.parametrize(
    ("raw", "again"),
    [
        (find({"_id": 1}, limit=1), {"limit": 1}),
        (find({"_id": 1}, singleBatch=True), {"singleBatch": True}),
        (find({"_id": 1}, **{"$readPreference": {"mode": "primary"}}), {"$readPreference": {"mode": "primary"}}),
        (find({"_id": 1}), {"filter": {"_id": 1}}),
        (count({}), {"cursor": {}}),
        (count({}), {"pipeline": []}),
        (insert({"_id": "t", "sku": "t"}, ordered=True), {"ordered": True}),
        (modify({"_id": 3}, {"$inc": {"n": 5}}, new=True), {"new": True}),
        (modify({"_id": 3}, {"$inc": {"n": 5}}, upsert=False), {"upsert": False}),
        (modify({"_id": 3}, {"$inc": {"n": 5}}, remove=False), {"remove": False}),
    ],
    ids=lambda one: str(one)[:40],
)
def test_a_field_that_is_there_twice_takes_the_general_path(sides: tuple[Side, Side], raw: bytes, again: Document) -> None:
    replies = [plain(side.run(twice(raw, field_of(again)))) for side in sides]
    assert not sides[0].answered
    assert replies[0] == replies[1]
    assert replies[0]["code"] == 40413


def test_commands_of_the_general_path_leave_nothing_behind(sides: tuple[Side, Side]) -> None:
    lane = sides[0].lane
    assert lane is not None
    raw = find({"n": 3})

    def tracebacks() -> int:
        gc.collect()
        return sum(type(one) is TracebackType for one in gc.get_objects())

    before = tracebacks()
    for _ in range(1000):
        assert lane.answer(raw, sides[0].ids) is None
    assert tracebacks() - before < 100


@pytest.mark.parametrize(
    ("documents", "size", "raw", "is_express"),
    [
        (99, 10, find({}), True),
        (100, 10, find({}), True),
        (101, 10, find({}), False),
        (101, 10, find({}, limit=100), True),
        (101, 10, find({}, limit=101), False),
        (101, 10, count({}), True),
        (1000, 10, count({}), True),
        (1001, 10, count({}), False),
        (10, 200_000, find({}), False),
        (10, 200_000, find({}, limit=4), True),
    ],
)
def test_only_small_collections_are_scanned(sides: tuple[Side, Side], documents: int, size: int, raw: bytes, is_express: bool) -> None:
    for side in sides:
        side.run(message({"delete": "c"}, {"deletes": [{"q": {}, "limit": 0}]}))
        side.run(message({"insert": "c"}, {"documents": [{"_id": n, "sku": str(n), "text": "x" * size} for n in range(documents)]}))
    replies = [plain(side.run(raw)) for side in sides]
    assert sides[0].answered is is_express
    if is_express:
        assert replies[0] == replies[1]
    assert batch(replies[0]) == batch(replies[1])
    assert repr(sides[0].state()) == repr(sides[1].state())


NAN = struct.unpack("<d", bytes.fromhex("010000000000f07f"))[0]
BODIES: list[Document] = [
    {"_id": 50, "a": 1, "b": Int64(2), "c": "text", "d": True, "e": 1.5, "f": ObjectId(bytes(12)), "g": datetime.datetime(2026, 1, 2)},
    {"a": -0.0, "_id": 50},
    {"_id": 50, "a": NAN},
    {"_id": 50, "a": None, "b": {"c": 1}, "d": [1, {"e": Regex("x", "i")}], "f": Decimal128("1.50")},
    {"_id": 50, **{f"f{place}": place for place in range(15)}},
    {"_id": 50, **{f"f{place}": place for place in range(16)}},
    {"_id": 50, "": "", "\u00e4": "\u20ac\0"},
]


@pytest.mark.parametrize("body", BODIES)
def test_documents_in_the_body_are_stored_as_in_the_general_path(sides: tuple[Side, Side], body: Document) -> None:
    raw = message({"insert": "c", "documents": [body]})
    found = []
    for side in sides:
        assert side.run(raw)["n"] == 1
        assert side.answered == (side.lane is not None)
        with side.services.engine.transaction() as unit:
            ident = side.services.catalog.view.find("shop", "c").ident  # type: ignore[union-attr]
            found.append([data for _, data in unit.scan(RECORDS, ident.to_bytes(4, "big"), (ident + 1).to_bytes(4, "big"))])
    assert found[0] == found[1]


def test_a_name_that_is_there_twice_in_a_document_takes_the_general_path(sides: tuple[Side, Side]) -> None:
    raw = message({"insert": "c", "documents": [{"_id": 50, "a": 1, "b": 2}]}).replace(b"\x10b\0", b"\x10a\0")
    first, second = (plain(side.run(raw)) for side in sides)
    assert first == second
    assert not sides[0].answered


def test_a_writer_follows_its_collection(sides: tuple[Side, Side]) -> None:
    for side in sides:
        side.run(message({"insert": "w", "documents": [{"_id": "writer", "u": 1}]}))
        side.run(message({"createIndexes": "w", "indexes": [{"key": {"u": 1}, "name": "u", "unique": True, "sparse": True}]}))
        failed = side.run(message({"insert": "w", "documents": [{"_id": "twice", "u": 1}]}))
        assert failed["writeErrors"][0]["code"] == 11000
        side.run(message({"insert": "d", "documents": [{"_id": "writer", "u": 1}]}))
        side.run(message({"insert": "w", "documents": [{"_id": "several", "u": [2, 3]}]}))
        side.run(message({"insert": "w", "documents": [{"_id": "more", "u": 4}]}))
        side.run(message({"dropIndexes": "w", "index": "u"}))
        assert side.run(message({"insert": "w", "documents": [{"_id": "twice", "u": 1}]}))["n"] == 1
        side.run(message({"drop": "w"}))
        assert side.run(message({"insert": "w", "documents": [{"_id": "twice", "u": 1}]}))["n"] == 1
        found = side.run(message({"find": "w", "filter": {}}))["cursor"]["firstBatch"]
        assert found == [{"_id": "twice", "u": 1}]


def test_an_insert_creates_its_collection(sides: tuple[Side, Side]) -> None:
    write = message(numbered({"insert": "fresh"}), {"documents": [{"_id": 1}]})
    for raw in (write, message({"find": "fresh", "filter": {}}), message({"listCollections": 1, "filter": {"name": "fresh"}})):
        replies = [side.run(raw) for side in sides]
        for reply in replies:
            for info in reply.get("cursor", {}).get("firstBatch", []):
                info.pop("info", None)
        assert plain(replies[0]) == plain(replies[1])
        assert sides[0].answered is (b"listCollections" not in raw)
    log = message({"find": "oplog.rs", "filter": {"$or": [{"ns": "shop.fresh"}, {"o.create": "fresh"}]}, "$db": "local"})
    entries = [[plain(one) for one in batch(side.run(log))] for side in sides]
    assert len(entries[0]) == 2
    assert entries[0] == entries[1]


def test_an_insert_that_fails_leaves_its_collection(sides: tuple[Side, Side]) -> None:
    replies = [plain(side.run(message({"insert": "fresh"}, {"documents": [{"_id": 1}, {"_id": 1}]}))) for side in sides]
    assert not sides[0].answered
    assert replies[0] == replies[1]
    assert replies[0]["n"] == 1
    for database in ("SHOP", "fine"):
        refused = [plain(side.run(message({"insert": "other", "$db": database}, {"documents": [{"_id": 1}]}))) for side in sides]
        assert sides[0].answered is (database == "fine")
        assert refused[0] == refused[1]


def create(name: str, **fields: Any) -> bytes:
    return message({"create": name, "lsid": LSID, **fields})


def index(name: str, key: Document, index_name: str, **fields: Any) -> bytes:
    return message({"createIndexes": name, "indexes": [{"name": index_name, "key": key, **fields}], "lsid": LSID})


def drop(name: str, **fields: Any) -> bytes:
    return message({"drop": name, "lsid": LSID, **fields})


#: Definitions that create a collection, perhaps without an index, in the general path only.
REFUSED_INDEXES: list[dict[str, Any]] = [
    {"key": {"a": Int64(1)}, "index_name": "a"},
    {"key": {"a": 2}, "index_name": "a"},
    {"key": {"a": "hashed"}, "index_name": "a"},
    {"key": {"a.b": 1}, "index_name": "ab"},
    {"key": {"$**": 1}, "index_name": "all"},
    {"key": {"a": 1}, "index_name": "a.b"},
    {"key": {"a": 1}, "index_name": "unique", "unique": True},
    {"key": {"a": 1}, "index_name": "v", "v": 2},
    {"key": {"_id": 1}, "index_name": "own"},
    {"key": {"a": 1}, "index_name": "_id_"},
]

CATALOG: list[tuple[bytes, bool]] = [
    (create("fresh"), True),
    (create("fresh"), False),
    (message({"insert": "fresh"}, {"documents": [{"_id": 1}, {"_id": 2}]}), True),
    (index("fresh", {"a": 1}, "a"), False),
    (drop("fresh"), True),
    (drop("fresh"), False),
    (message({"find": "fresh", "filter": {}}), True),
    (create("fresh", **{"$readPreference": {"mode": "primaryPreferred"}}), True),
    # So short a message is left to the general path.
    (message({"drop": "fresh"}), False),
    (create("first", **{"$db": "other"}), True),
    (message({"create": "first", "$db": "OTHER"}), False),
    (drop("first", **{"$db": "other"}), True),
    (create("first", **{"$db": "OTHER"}), True),
    (create("v", validator={"a": {"$type": "int"}}), False),
    (drop("v"), False),
    (create("view", viewOn="c"), False),
    (drop("view"), False),
    (create("capped", capped=True, size=1000), False),
    (drop("capped"), False),
    (create("w", writeConcern={"w": 1}), False),
    (drop("w", writeConcern={"w": 1}), False),
    (create("w", comment="x"), False),
    (drop("w", collectionUUID=Binary(bytes(16), 4)), False),
    (create("w", ordered=True), False),
    (drop("w", ordered=True), False),
    (create("w", txnNumber=Int64(90)), False),
    (drop("w", txnNumber=Int64(91)), False),
    (message({"create": "w"}, {"documents": [{"_id": 1}]}), False),
    (create("system.views"), False),
    (drop("system.profile"), False),
    (drop("x.y"), False),
    (message({"create": 1}), False),
    (message({"drop": 1}), False),
    (message({"create": "x", "$db": "config"}), False),
    (message({"drop": "x", "$db": "local"}), False),
    (message({"commitTransaction": "c", "lsid": LSID, "txnNumber": Int64(92), "autocommit": False, "$db": "admin"}), False),
    (index("indexed", {"a": 1}, "a_1"), True),
    (index("indexed", {"a": 1}, "a_1"), False),
    (message({"listIndexes": "indexed"}), False),
    (message({"insert": "indexed"}, {"documents": [{"_id": 1, "a": 2}, {"_id": 2, "a": 1}]}), True),
    (message({"find": "indexed", "filter": {"a": {"$gte": 1}}}), True),
    (drop("indexed"), True),
    # The same definition again, in the other order of its fields, and descending.
    (index("indexed", {"a": 1}, "a_1"), True),
    (message({"createIndexes": "indexed2", "indexes": [{"key": {"a": -1}, "name": "down"}], "lsid": LSID}), True),
    (message({"insert": "indexed2"}, {"documents": [{"_id": 1, "a": [1, 2]}, {"_id": 2}]}), False),
    (message({"listIndexes": "indexed2"}), False),
    (drop("indexed2"), True),
    *[(index(f"refused{number}", **spec), False) for number, spec in enumerate(REFUSED_INDEXES)],
    (index("i", {"a": 0}, "a"), False),
    (index("i", {"a": 1, "b": 1}, "ab"), False),
    (drop("i"), True),
    (message({"createIndexes": "i", "indexes": []}), False),
    (message({"createIndexes": "i", "indexes": [{"key": {"a": 1}, "name": "a"}, {"key": {"b": 1}, "name": "b"}]}), False),
    (drop("i"), True),
    (message({"createIndexes": "i", "indexes": [{"key": {"a": 1}, "name": "a"}], "commitQuorum": "majority"}), False),
    (drop("i"), True),
    (message({"createIndexes": "i", "indexes": [{"key": {"a": 1}}]}), False),
    (message({"createIndexes": "i"}), False),
    (message({"createIndexes": "system.views", "indexes": [{"key": {"a": 1}, "name": "a"}]}), False),
    (message({"createIndexes": "i", "indexes": [{"key": {"a": 1}, "name": "a"}], "$db": "SHOP"}), False),
    (drop("c"), True),
    (create("c"), True),
]


def test_both_paths_create_and_drop_the_same_collections(sides: tuple[Side, Side]) -> None:
    for raw, is_express in CATALOG:
        replies = [plain(side.run(raw)) for side in sides]
        assert sides[0].answered is is_express, raw
        assert list(replies[0].items()) == list(replies[1].items()), raw
    listed = [plain(side.run(message({"listCollections": 1, "nameOnly": True}))) for side in sides]
    assert listed[0] == listed[1]
    assert sides[0].state() == sides[1].state()


def test_an_index_created_with_its_collection_is_complete(sides: tuple[Side, Side]) -> None:
    for side in sides:
        side.run(index("indexed", {"a": 1}, "a_1"))
        side.run(message({"insert": "indexed"}, {"documents": [{"_id": number, "a": number % 7} for number in range(100)]}))
        checked = side.run(message({"validate": "indexed", "full": True}))
        assert (checked["valid"], checked["keysPerIndex"]) == (True, {"_id_": 100, "a_1": 100})
        # A change of one collection's definition leaves later collections with the same definition alone.
        side.run(message({"collMod": "indexed", "index": {"name": "a_1", "hidden": True}}))
        side.run(index("other", {"a": 1}, "a_1"))
        assert batch(side.run(message({"listIndexes": "other"})))[1] == {"v": 2, "key": {"a": 1}, "name": "a_1"}


def test_both_paths_do_the_same_to_random_collections(sides: tuple[Side, Side]) -> None:
    seed = secrets.randbits(32)
    print(f"seed {seed}")
    random = Random(seed)
    express = 0
    for step in range(150):
        name = random.choice(["a", "b", "c"])
        raw = random.choice(
            [
                create(name),
                drop(name),
                message({"insert": name}, {"documents": [{"_id": random.randrange(5), "step": step}]}),
                message({"delete": name}, {"deletes": [{"q": {"_id": random.randrange(5)}, "limit": 1}]}),
                index(name, {"step": 1}, "step"),
                message({"find": name, "filter": {}}),
                message({"listCollections": 1, "filter": {"name": name}, "nameOnly": True}),
                message({"listIndexes": name}),
            ]
        )
        replies = [plain(side.run(raw)) for side in sides]
        express += sides[0].answered
        assert list(replies[0].items()) == list(replies[1].items()), raw
    assert express > 25
    for side in sides:
        side.run(create("c"))
    assert sides[0].state() == sides[1].state()


def test_a_drop_waits_for_an_open_transaction_in_the_general_path(sides: tuple[Side, Side]) -> None:
    side = sides[0]
    session = {"lsid": {"id": Binary(bytes(16), 4)}, "txnNumber": Int64(1), "autocommit": False}
    assert side.run(message({"insert": "c", "documents": [{"_id": "t"}], "startTransaction": True, **session}))["ok"] == 1
    assert side.run(drop("c", maxTimeMS=1))["code"] == 50
    assert side.run(create("elsewhere"))["ok"] == 1
    assert not side.answered
    assert side.run(message({"commitTransaction": 1, "$db": "admin", **session}))["ok"] == 1
    assert side.run(drop("c"))["nIndexesWas"] == 2
    assert side.answered


def test_a_count_of_nothing_is_an_empty_batch(sides: tuple[Side, Side]) -> None:
    for side in sides:
        side.run(message({"delete": "c"}, {"deletes": [{"q": {}, "limit": 0}]}))
    for raw in (count({}), find({})):
        replies = [plain(side.run(raw)) for side in sides]
        assert sides[0].answered
        assert replies[0] == replies[1]
        assert batch(replies[0]) == []


@pytest.mark.parametrize(
    "options", [{"capped": True, "size": 4096}, {"validator": {"n": {"$gt": 0}}}, {"collation": {"locale": "en", "strength": 2}}]
)
def test_collections_with_options_take_the_general_path(sides: tuple[Side, Side], options: Document) -> None:
    lane = sides[0]
    lane.run(message({"create": "other", **options}))
    assert lane.run(message({"insert": "other"}, {"documents": [{"_id": "A", "n": 1}]}))["n"] == 1
    assert not lane.answered
    assert batch(lane.run(message({"find": "other", "filter": {"_id": "A"}}))) == [{"_id": "A", "n": 1}]
    assert not lane.answered


class Watching(Interceptor):
    """An interceptor that records the commands that it sees."""

    def __init__(self, threshold_s: float) -> None:
        self._threshold_s = threshold_s
        self.seen: list[tuple[str, list[str]]] = []

    @property
    def threshold_s(self) -> float:
        return self._threshold_s

    def after(self, call: Call, outcome: Outcome) -> None:
        assert isinstance(outcome, dict)
        self.seen.append((call.name, list(outcome)))


def test_commands_that_are_watched_take_the_general_path(sides: tuple[Side, Side]) -> None:
    lane, watching = sides[0], Watching(-1.0)
    lane.services.interceptors.install(watching)
    lane.run(find({"_id": 1}))
    assert not lane.answered
    assert watching.seen == [("find", ["cursor"])]


def test_slow_commands_are_shown_to_interceptors(sides: tuple[Side, Side]) -> None:
    lane, watching = sides[0], Watching(1e-9)
    lane.services.interceptors.install(watching)
    for raw in (find({"_id": 1}), update({"_id": 2}, {"$inc": {"n": 1}}), message({"ping": 1, "lsid": LSID})):
        lane.run(raw)
        assert lane.answered
    assert watching.seen == [("find", ["cursor"]), ("update", ["n", "nModified", "electionId", "opTime"]), ("ping", [])]


def test_flags_checksums_and_damage_take_the_general_path(sides: tuple[Side, Side]) -> None:
    lane = sides[0].lane
    assert lane is not None
    whole = insert({"_id": "damaged", "sku": "d"})
    assert lane.answer(message({"find": "c", "filter": {"_id": 1}}, flags=1 << 16), sides[0].ids) is None
    for position in range(16, len(whole)):
        for byte in (0, 1, 255):
            damaged = whole[:position] + bytes([byte]) + whole[position + 1 :]
            data = lane.answer(damaged, sides[0].ids)
            if data is not None:
                assert bson.decode(data[21:])["ok"] == 1
    for length in range(26, len(whole)):
        cut = struct.pack("<i", length) + whole[4:length]
        assert lane.answer(cut, sides[0].ids) is None


def test_connections_count_small_writes_together(sides: tuple[Side, Side], monkeypatch: pytest.MonkeyPatch) -> None:
    first = sides[0]
    asked: list[None] = []
    second = Side(sides[0].server, True)
    monkeypatch.setattr(first.services.engine, "is_crowded", lambda: asked.append(None))
    for number in range(100, 140):
        for side in (first, second):
            side.run(insert({"_id": number if side is first else -number, "sku": f"{side is first}{number}"}))
            assert side.answered
    assert len(asked) == 5, "one in 16 of 80 writes"
