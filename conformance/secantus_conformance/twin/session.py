"""A random session: a list of commands that depends only on the seed."""

from __future__ import annotations

import random
from typing import Any, Final

from secantus_conformance.twin.values import FIELDS, IDS, PATHS, Document, condition, document, expression, query, scalar, value

COLLECTIONS: Final = ("one", "two")


def session(seed: int, count: int) -> list[Document]:
    """Return the commands of a session. The last commands read all data that the previous commands have left.

    Arguments:
        count: the number of commands before the final reads.
    """
    chance = random.Random(seed)
    commands = [_fill(chance, name) for name in COLLECTIONS]
    commands += [_command(chance) for _ in range(count)]
    return commands + looks()


def looks() -> list[Document]:
    """Return commands that read all data of a session."""
    return [{"find": name, "filter": {}, "sort": {"_id": 1}} for name in COLLECTIONS] + [{"listIndexes": COLLECTIONS[0], "cursor": {}}]


def _fill(chance: random.Random, name: str) -> Document:
    return {"insert": name, "documents": [document(chance, number) for number in range(0, IDS, 2)]}


def _command(chance: random.Random) -> Document:
    name = chance.choice(COLLECTIONS)
    maker = chance.choice(_MAKERS)
    made: Document = maker(chance, name)
    return made


def _insert(chance: random.Random, name: str) -> Document:
    return {"insert": name, "documents": [document(chance) for _ in range(chance.randrange(1, 4))], "ordered": chance.random() < 0.5}


def _update(chance: random.Random, name: str) -> Document:
    many = chance.random() < 0.3
    chosen: Document = query(chance) if many else {"_id": chance.randrange(IDS)}
    return {"update": name, "updates": [{"q": chosen, "u": _change(chance), "multi": many, "upsert": not many and chance.random() < 0.4}]}


def _replace(chance: random.Random, name: str) -> Document:
    one = chance.randrange(IDS)
    return {"update": name, "updates": [{"q": {"_id": one}, "u": document(chance, one), "upsert": True}]}


def _change(chance: random.Random) -> Any:
    path, other = chance.sample(PATHS, 2)
    choices: list[Any] = [
        {"$set": {path: value(chance, 1)}},
        {"$inc": {path: chance.choice((1, 1.5, -2))}},
        {"$mul": {path: 2}},
        {"$min": {path: scalar(chance)}, "$max": {other: scalar(chance)}},
        {"$unset": {path: ""}},
        {"$rename": {path: "renamed"}},
        {"$push": {"t": {"$each": [scalar(chance), scalar(chance)], "$slice": chance.choice((-3, 2)), "$sort": chance.choice((1, -1))}}},
        {"$push": {path: value(chance, 1)}},
        {"$pull": {"t": condition(chance)}},
        {"$pop": {path: chance.choice((1, -1))}},
        {"$addToSet": {path: scalar(chance)}},
        {"$bit": {path: {"or": 5}}},
        {"$setOnInsert": {path: 1}, "$set": {other: 2}},
        [{"$set": {chance.choice(FIELDS): expression(chance)}}],
        [{"$unset": [path]}, {"$set": {"renamed": {"$type": f"${other}"}}}],
    ]
    return chance.choice(choices)


def _delete(chance: random.Random, name: str) -> Document:
    many = chance.random() < 0.4
    return {"delete": name, "deletes": [{"q": query(chance) if many else {"_id": chance.randrange(IDS)}, "limit": 0 if many else 1}]}


def _find_and_modify(chance: random.Random, name: str) -> Document:
    made: Document = {"findAndModify": name, "query": query(chance), "sort": {chance.choice(PATHS): 1, "_id": -1}}
    if chance.random() < 0.3:
        return {**made, "remove": True}
    return {**made, "update": _change(chance), "new": chance.random() < 0.5}


def _find(chance: random.Random, name: str) -> Document:
    made: Document = {"find": name, "filter": query(chance)}
    if chance.random() < 0.5:
        made["sort"] = {chance.choice(PATHS): chance.choice((1, -1)), "_id": 1}
        if chance.random() < 0.4:
            made["limit"] = chance.randrange(1, 5)
    if chance.random() < 0.4:
        path = chance.choice(PATHS)
        made["projection"] = chance.choice([{path: 1}, {path: 0}, {"t": {"$slice": 1}}, {"made": expression(chance, 1)}])
    return {**made, "batchSize": chance.choice((2, 101))}


def _aggregate(chance: random.Random, name: str) -> Document:
    stages: list[Document] = [{"$sort": {"_id": 1}}]
    for _ in range(chance.randrange(1, 4)):
        stages.append(_stage(chance))
    return {"aggregate": name, "pipeline": stages, "cursor": {}}


def _stage(chance: random.Random) -> Document:
    path = chance.choice(PATHS)
    accumulator = chance.choice(["$sum", "$avg", "$min", "$max", "$push", "$addToSet", "$stdDevPop"])
    lookup = {"from": COLLECTIONS[1], "localField": path, "foreignField": chance.choice(PATHS), "as": "found"}
    choices: list[Document] = [
        {"$match": query(chance)},
        {"$project": {"made": expression(chance), "other": expression(chance, 1)}},
        {"$set": {chance.choice(FIELDS): expression(chance)}},
        {"$unwind": {"path": f"${path}", "preserveNullAndEmptyArrays": chance.random() < 0.5}},
        {"$group": {"_id": f"${path}", "made": {accumulator: f"${chance.choice(PATHS)}"}}},
        {"$sortByCount": f"${path}"},
        {"$lookup": lookup},
        {"$unset": path},
        {"$replaceWith": {"_id": "$_id", "made": expression(chance)}},
        {"$bucket": {"groupBy": f"${path}", "boundaries": [0, 1, 5], "default": "other"}},
        {"$count": "number"},
    ]
    return chance.choice(choices)


def _distinct(chance: random.Random, name: str) -> Document:
    return {"distinct": name, "key": chance.choice(PATHS), "query": query(chance)}


def _count(chance: random.Random, name: str) -> Document:
    return {"count": name, "query": query(chance)}


def _create_index(chance: random.Random, name: str) -> Document:
    paths = chance.sample(PATHS, chance.choice((1, 1, 2)))
    index: Document = {"key": dict.fromkeys(paths, chance.choice((1, -1))), "name": "_".join(paths)}
    if chance.random() < 0.2:
        index["unique"] = True
    if chance.random() < 0.2:
        index["sparse"] = True
    elif chance.random() < 0.2:
        index["partialFilterExpression"] = {chance.choice(FIELDS): {"$exists": True}}
    return {"createIndexes": name, "indexes": [index]}


def _drop_index(chance: random.Random, name: str) -> Document:
    return {"dropIndexes": name, "index": chance.choice(["*", chance.choice(PATHS)])}


def _drop(_chance: random.Random, name: str) -> Document:
    return {"drop": name}


_MAKERS: Final[tuple[Any, ...]] = (
    *(_insert, _insert, _replace, _update, _update, _update, _update, _delete, _find_and_modify, _find_and_modify),
    *(_find, _find, _find, _find, _aggregate, _aggregate, _aggregate, _aggregate, _distinct, _count, _create_index, _drop_index),
    *(_fill, _drop),
)
