"""A change stream is the history: its events, applied to an empty model, yield the collections byte for byte."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest
from pymongo import MongoClient
from pymongo.database import Database

from secantus_server.server import SecantusDBServer
from tests.work.change_streams.model import Load, Model
from tests.work.change_streams.test_events import taken

STEPS = 250


def watch(db: Database[Any], **options: Any) -> Any:
    return db.watch(show_expanded_events=True, max_await_time_ms=1, **options)


def seeded() -> random.Random:
    seed = random.randrange(10**9)
    print("seed", seed)
    return random.Random(seed)


@pytest.mark.parametrize("number", range(4))
def test_events_replayed_onto_an_empty_model(client: MongoClient[Any], db: Database[Any], number: int) -> None:
    load = Load(client, db, seeded())
    with watch(db) as stream:
        load.run(STEPS)
        events = taken(stream)
    model = Model()
    for event in events:
        model.apply(event)
    assert model.holds(db)
    tokens = [event["_id"]["_data"] for event in events]
    assert tokens == sorted(set(tokens))


def test_streams_resumed_from_each_k_th_token(client: MongoClient[Any], db: Database[Any]) -> None:
    rng = seeded()
    with watch(db) as stream:
        Load(client, db, rng).run(STEPS)
        events = taken(stream)
    for place in range(0, len(events), max(1, len(events) // 40)):
        with watch(db, resume_after=events[place]["_id"]) as resumed:
            assert taken(resumed) == events[place + 1 :], events[place]


def test_a_stream_that_is_resumed_all_the_time(client: MongoClient[Any], db: Database[Any]) -> None:
    rng = seeded()
    load, model, token = Load(client, db, rng), Model(), None
    with watch(db) as stream:
        token = stream.resume_token
    for _ in range(30):
        load.run(rng.randrange(12))
        with watch(db, resume_after=token, batch_size=rng.randrange(1, 5)) as stream:
            for _ in range(rng.randrange(20)):
                event = stream.try_next()
                if event is None:
                    break
                model.apply(event)
            token = stream.resume_token
    with watch(db, resume_after=token) as stream:
        for event in taken(stream):
            model.apply(event)
    assert model.holds(db)


def test_a_stream_resumed_across_restarts(tmp_path: Path) -> None:
    rng = seeded()
    model, token = Model(), None
    for _ in range(4):
        with SecantusDBServer(port=0, storage_path=str(tmp_path), log_level="error") as server, MongoClient(server.uri) as client:
            db = client.history
            if token is None:
                with watch(db) as stream:
                    token = stream.resume_token
            with watch(db, resume_after=token) as stream:
                # About half of the events of the previous server have not been read yet.
                for event in taken(stream):
                    model.apply(event)
                assert model.holds(db)
                Load(client, db, rng).run(60) if not model.collections else db.a.update_many({}, {"$inc": {"n": 1}})
                for _ in range(30):
                    if (event := stream.try_next()) is not None:
                        model.apply(event)
                token = stream.resume_token
    assert model.collections
