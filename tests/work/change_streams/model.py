"""A model that replays change events onto empty collections, and a load of every kind of write and definition."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

from bson import decode, encode
from bson.codec_options import CodecOptions
from bson.raw_bson import RawBSONDocument
from pymongo import DeleteMany, InsertOne, MongoClient, ReplaceOne, UpdateMany
from pymongo.database import Database
from pymongo.errors import OperationFailure

# Errors that the server may return for a random step: a wrong type of value or collection, a name in use, a missing collection.
REFUSALS = (2, 14, 20, 26, 27, 28, 48, 65, 112, 166)
RAW: CodecOptions[RawBSONDocument] = CodecOptions(document_class=RawBSONDocument)


class Model:
    """The collections according to the events: name -> document key -> BSON bytes."""

    def __init__(self) -> None:
        self.collections: dict[str, dict[bytes, bytes]] = {}

    def apply(self, event: dict[str, Any]) -> None:
        """Apply one event of a database's stream with `showExpandedEvents`."""
        kind = event["operationType"]
        getattr(self, f"_{kind}")(event)

    def _documents(self, event: dict[str, Any]) -> dict[bytes, bytes]:
        return self.collections.setdefault(event["ns"]["coll"], {})

    def _insert(self, event: dict[str, Any]) -> None:
        key = encode(event["documentKey"])
        assert key not in self._documents(event), "a document is inserted twice"
        self._documents(event)[key] = encode(event["fullDocument"])

    def _replace(self, event: dict[str, Any]) -> None:
        key = encode(event["documentKey"])
        assert key in self._documents(event), "a missing document is replaced"
        self._documents(event)[key] = encode(event["fullDocument"])

    def _update(self, event: dict[str, Any]) -> None:
        key, described = encode(event["documentKey"]), event["updateDescription"]
        document = decode(self._documents(event)[key])
        paths = described["disambiguatedPaths"]
        for cut in described["truncatedArrays"]:
            holder, name = _holder(document, _path(cut["field"], paths))
            holder[name] = holder[name][: cut["newSize"]]
        for name in described["removedFields"]:
            holder, last = _holder(document, _path(name, paths))
            del holder[last]
        for name, value in described["updatedFields"].items():
            holder, last = _holder(document, _path(name, paths))
            if type(holder) is list:
                holder += [None] * (int(last) + 1 - len(holder))
                holder[int(last)] = value
            else:
                holder[last] = value
        self._documents(event)[key] = encode(document)

    def _delete(self, event: dict[str, Any]) -> None:
        del self._documents(event)[encode(event["documentKey"])]

    def _create(self, event: dict[str, Any]) -> None:
        if event["nsType"] == "collection":
            assert event["ns"]["coll"] not in self.collections
            self.collections[event["ns"]["coll"]] = {}

    def _drop(self, event: dict[str, Any]) -> None:
        self.collections.pop(event["ns"]["coll"], None)

    def _rename(self, event: dict[str, Any]) -> None:
        self.collections[event["to"]["coll"]] = self.collections.pop(event["ns"]["coll"])

    def _ignore(self, event: dict[str, Any]) -> None:
        """Do nothing, because the event does not change documents."""

    _createIndexes = _dropIndexes = _modify = _ignore  # noqa: N815 - the names of the events

    def holds(self, db: Database[Any]) -> bool:
        """Return whether a database has exactly these documents, byte for byte, in any order."""
        raw = db.with_options(codec_options=RAW)
        names = [one["name"] for one in db.list_collections() if one["type"] == "collection" and not one["name"].startswith("system.")]
        actual = {name: sorted(document.raw for document in raw[name].find()) for name in names}
        return actual == {name: sorted(documents.values()) for name, documents in self.collections.items()}


def _path(name: str, ambiguous: dict[str, list[Any]]) -> list[Any]:
    return ambiguous[name] if name in ambiguous else name.split(".")


def _holder(document: Any, path: list[Any]) -> tuple[Any, Any]:
    for part in path[:-1]:
        document = document[int(part)] if type(document) is list else document[part]
    return document, path[-1]


class Load:
    """Random writes and definitions in one database.

    Arguments:
        client: the client.
        db: the database.
        rng: the source of randomness.
    """

    def __init__(self, client: MongoClient[Any], db: Database[Any], rng: random.Random) -> None:
        self._client = client
        self._db = db
        self._rng = rng
        self._ids = iter(range(10**9))

    def run(self, steps: int) -> None:
        """Run random steps; a step that the server refuses changes nothing."""
        actions: list[Callable[[], Any]] = [
            *[self._insert_many, self._update_one, self._update_many, self._update_pipeline, self._replace, self._delete] * 6,
            *[self._find_and_modify, self._bulk, self._transaction, self._upsert, self._arrays] * 3,
            *[self._create, self._drop, self._rename, self._index, self._modify, self._merge, self._out, self._view],
        ]
        for _ in range(steps):
            try:
                self._rng.choice(actions)()
            except OperationFailure as error:
                assert error.code in REFUSALS, error

    def _name(self) -> str:
        return self._rng.choice("abc")

    def _value(self) -> Any:
        rng = self._rng
        return rng.choice([rng.randrange(5), 1.5, "text", None, [1, 2, 3], {"x": 1, "1": [{"y": 2}]}, True, [{"a": 1}, {"b": [4, 5]}]])

    def _document(self) -> dict[str, Any]:
        rng = self._rng
        number = next(self._ids)
        key = rng.choice([number, f"k{number}", {"n": number, "m": [1]}, number + 0.5])
        return {"_id": key, "g": rng.randrange(4), **{name: self._value() for name in rng.sample("pqrs", rng.randrange(4))}}

    def _filter(self) -> dict[str, Any]:
        return {"g": self._rng.randrange(4)}

    def _change(self) -> dict[str, Any]:
        rng, name = self._rng, self._rng.choice("pqrs")
        return rng.choice(
            [{"$set": {name: self._value()}}, {"$unset": {name: 1}}, {"$inc": {"n": 1}}, {"$set": {"sub.deep.1": self._value()}}]
        )

    def _insert_many(self) -> None:
        self._db[self._name()].insert_many([self._document() for _ in range(self._rng.randrange(1, 6))])

    def _update_one(self) -> None:
        self._db[self._name()].update_one(self._filter(), self._change())

    def _update_many(self) -> None:
        self._db[self._name()].update_many(self._filter(), self._change())

    def _update_pipeline(self) -> None:
        stages = self._rng.choice(
            [[{"$set": {"p": {"$slice": [[1, 2, 3, 4], self._rng.randrange(1, 5)]}}}], [{"$unset": ["q", "sub.deep"]}]]
        )
        self._db[self._name()].update_many(self._filter(), stages)

    def _arrays(self) -> None:
        change = self._rng.choice(
            [
                {"$push": {"list": self._value()}},
                {"$pop": {"list": 1}},
                {"$pull": {"list": None}},
                {"$push": {"list": {"$each": [1, 2], "$slice": 3}}},
            ]
        )
        self._db[self._name()].update_many({"list": {"$in": [None, *[[]]]}}, {"$set": {"list": [{"a": 1}]}})
        self._db[self._name()].update_many({**self._filter(), "list": {"$type": "array"}}, change)

    def _replace(self) -> None:
        document = self._document()
        del document["_id"]
        self._db[self._name()].replace_one(self._filter(), document)

    def _delete(self) -> None:
        collection = self._db[self._name()]
        self._rng.choice([collection.delete_one, collection.delete_many])(self._filter())

    def _find_and_modify(self) -> None:
        collection = self._db[self._name()]
        if self._rng.randrange(2):
            collection.find_one_and_update(self._filter(), self._change())
        else:
            collection.find_one_and_delete(self._filter())

    def _upsert(self) -> None:
        self._db[self._name()].update_one({"_id": next(self._ids), "g": 1}, {"$set": {"p": self._value()}}, upsert=True)

    def _bulk(self) -> None:
        replacement = {"g": self._rng.randrange(4), "bulk": 1}
        operations = [InsertOne(self._document()), UpdateMany(self._filter(), self._change()), ReplaceOne(self._filter(), replacement)]
        self._db[self._name()].bulk_write([*operations, DeleteMany({"g": 9})])

    def _transaction(self) -> None:
        with self._client.start_session() as session:
            session.start_transaction()
            for _ in range(self._rng.randrange(1, 4)):
                self._db[self._name()].insert_one(self._document(), session=session)
                self._db[self._name()].update_many(self._filter(), self._change(), session=session)
                self._db[self._name()].delete_one(self._filter(), session=session)
            if self._rng.randrange(3):
                session.commit_transaction()
            else:
                session.abort_transaction()

    def _create(self) -> None:
        self._db.command("create", self._name())

    def _drop(self) -> None:
        self._db[self._name()].drop()

    def _rename(self) -> None:
        self._db[self._name()].rename(self._name(), dropTarget=bool(self._rng.randrange(2)))

    def _index(self) -> None:
        collection = self._db[self._name()]
        if self._rng.randrange(2):
            collection.create_index("p")
        else:
            collection.drop_indexes()

    def _modify(self) -> None:
        self._db.command("collMod", self._name(), validationLevel="moderate")

    def _merge(self) -> None:
        stages = [{"$match": self._filter()}, {"$set": {"merged": 1}}, {"$merge": {"into": self._name()}}]
        self._db[self._name()].aggregate(stages)

    def _out(self) -> None:
        self._db[self._name()].aggregate([{"$match": self._filter()}, {"$out": self._name()}])

    def _view(self) -> None:
        self._db.drop_collection("view")
        self._db.create_collection("view", viewOn="a", pipeline=[])
