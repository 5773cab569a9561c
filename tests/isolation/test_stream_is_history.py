"""Tests that a change stream is a complete history: applying its events to an empty model yields the collections byte for byte.

A stream that is resumed from any token, even on a restarted daemon, has no gap and no duplicate.
"""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import bson
import pytest
from pymongo import MongoClient, ReplaceOne, UpdateOne
from pymongo.database import Database
from pymongo.errors import OperationFailure

from tests.crash.test_kill import start
from tests.integration.test_concurrency import together
from tests.isolation.events import Event, Replica
from tests.isolation.transactions import run_once
from tests.isolation.updates import change

Documents = Database[dict[str, Any]]

WRITERS, STATEMENTS, DDL = 5, 120, 30
NAMES = ("a", "b", "c")


def write(database: Documents, chance: random.Random, session: Any = None) -> None:
    """Run a random write on the database."""
    collection, one = database[chance.choice(NAMES)], chance.randrange(40)
    document = {"_id": one, "n": 0, "tags": [one], "objects": [{"v": one}], "deep": {"n": 1}}
    way = chance.randrange(10)
    if way < 2:
        collection.replace_one({"_id": one}, {**document, "r": chance.random()}, upsert=True, session=session)
    elif way < 5:
        collection.update_one({"_id": one}, change(chance), upsert=chance.random() < 0.5, session=session)
    elif way == 5:
        collection.update_many({"_id": {"$lt": one}}, change(chance), session=session)
    elif way == 6:
        collection.delete_many({"_id": {"$gte": 39 - one % 4}}, session=session)
    elif way == 7:
        collection.find_one_and_update({"_id": one}, change(chance), session=session)
    elif way == 8:
        collection.bulk_write([UpdateOne({"_id": one}, change(chance)), ReplaceOne({"_id": one + 1}, {"z": 1}, True)], session=session)
    else:
        collection.insert_many([{"k": one, "tags": [1, 2]} for _ in range(3)], session=session)


def try_write(database: Documents, chance: random.Random) -> None:
    """Run a random write, or a transaction with several. The server may refuse it, because it does not depend on the existing data."""
    try:
        if chance.random() < 0.3:
            run_once(database.a, lambda session: [write(database, chance, session) for _ in range(chance.randrange(1, 5))] and None)
        else:
            write(database, chance)
    except OperationFailure:
        return


def define(database: Documents, chance: random.Random) -> None:
    """Make a random catalog change. The server may refuse it."""
    one, other = chance.sample(NAMES, 2)
    way = chance.randrange(9)
    try:
        if way == 0:
            database[one].drop()
        elif way == 1:
            database[one].rename(other, dropTarget=True)
        elif way == 2:
            database[one].rename("elsewhere")
            database.elsewhere.rename(one, dropTarget=True)
        elif way == 3:
            database[one].create_index("n")
        elif way == 4:
            database[one].drop_indexes()
        elif way == 5:
            database[one].aggregate([{"$match": {}}, {"$out": other}])
        elif way == 6:
            database[one].aggregate([{"$set": {"merged": True}}, {"$merge": {"into": other}}])
        elif way == 7:
            database.command("collMod", one, validationLevel="moderate")
        else:
            database.client.drop_database(database.name)
    except OperationFailure:
        return


def load(database: Documents, chance: random.Random) -> None:
    """Write from several threads, while a further thread changes the catalog."""
    seeds = [chance.getrandbits(32) for _ in range(WRITERS + 1)]

    def work(number: int) -> None:
        own = random.Random(seeds[number])
        for _ in range(STATEMENTS if number < WRITERS else DDL):
            if number < WRITERS:
                try_write(database, own)
            else:
                define(database, own)
                try_write(database, own)

    together(work, threads=WRITERS + 1)


def read(client: MongoClient[dict[str, Any]], until: Any, **options: Any) -> list[Event]:
    """Return the change stream events up to the insert of a marker document."""
    events = []
    with client.watch(show_expanded_events=True, **options) as stream:
        for event in stream:
            if event.get("documentKey", {}).get("_id") == until:
                return events
            if event["ns"]["db"] == "history":
                events.append(event)
    raise AssertionError("the stream has ended")


def bytes_of(collections: dict[str, Any]) -> dict[str, list[bytes]]:
    """Return the sorted documents of each collection as BSON. Omit empty collections."""
    return {name: sorted(map(bson.encode, documents)) for name, documents in collections.items() if documents}


def compare(database: Documents, events: list[Event]) -> None:
    """Assert that applying the events yields the contents of the database."""
    replica = Replica()
    for event in events:
        replica.apply(event)
    there = {name: list(database[name].find()) for name in database.list_collection_names()}
    assert bytes_of({name: list(documents.values()) for name, documents in replica.collections.items()}) == bytes_of(there)


def test_events_replayed_are_the_collections(client: MongoClient[dict[str, Any]], chance: random.Random) -> None:
    client.drop_database("history")
    with client.watch() as stream:
        stream.try_next()
        token = stream.resume_token
    load(client.history, chance)
    client.markers.c.insert_one({"_id": "end"})
    events = read(client, "end", resume_after=token)
    assert len(events) > STATEMENTS
    compare(client.history, events)
    for place in range(0, len(events), len(events) // 12):
        assert read(client, "end", resume_after=events[place]["_id"]) == events[place + 1 :]


def test_a_restarted_daemon_has_the_same_history(tmp_path: Path, chance: random.Random) -> None:
    daemon = start(tmp_path / "data")
    with daemon.client() as client:
        with client.watch() as stream:
            stream.try_next()
            token = stream.resume_token
        load(client.history, chance)
        client.markers.c.insert_one({"_id": "killed"})
        before = read(client, "killed", resume_after=token)
    daemon.kill()
    daemon = start(tmp_path / "data")
    try:
        with daemon.client() as client:
            load(client.history, chance)
            client.markers.c.insert_one({"_id": "end"})
            events = read(client, "end", resume_after=token)
            assert events[: len(before)] == before
            compare(client.history, events)
    finally:
        daemon.kill()


@pytest.mark.parametrize("batch", [3])
def test_a_stream_that_follows_misses_nothing(client: MongoClient[dict[str, Any]], chance: random.Random, batch: int) -> None:
    client.drop_database("history")
    followed: list[Event] = []

    def follow() -> None:
        with client.watch(show_expanded_events=True, batch_size=batch) as stream:
            client.markers.c.insert_one({"_id": f"begin {batch}"})
            for event in stream:
                if event.get("documentKey", {}).get("_id") == f"follow {batch}":
                    return
                if event["ns"]["db"] == "history":
                    followed.append(event)

    def write_all() -> None:
        while client.markers.c.find_one({"_id": f"begin {batch}"}) is None:
            pass
        load(client.history, chance)
        client.markers.c.insert_one({"_id": f"follow {batch}"})

    together(lambda number: (follow, write_all)[number](), threads=2)
    compare(client.history, followed)


def test_what_replaces_a_collection_says_that_it_is_gone(client: MongoClient[dict[str, Any]]) -> None:
    database, elsewhere = client.replaced, client.replaced_too
    for name in ("out", "capped", "moved"):
        database[name].insert_many([{"_id": 1}, {"_id": 2}])
    elsewhere.moved.insert_one({"_id": 1})
    with client.watch() as stream:
        database.moved.aggregate([{"$out": "out"}])
        database.command("convertToCapped", "capped", size=4096)
        client.admin.command("renameCollection", "replaced.moved", to="replaced_too.moved", dropTarget=True)
        database.markers.insert_one({})
        gone = set()
        for event in stream:
            if event["ns"]["coll"] == "markers":
                break
            # $out and convertToCapped rename a temporary collection, and the event contains the new name.
            if event["operationType"] in ("drop", "rename"):
                gone.add(".".join(event.get("to", event["ns"]).values()))
    assert gone == {"replaced.out", "replaced.capped", "replaced.moved", "replaced_too.moved"}
