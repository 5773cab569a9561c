"""After any inserts, updates and deletes, an index has exactly the entries of its documents."""

from __future__ import annotations

import contextlib
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from secantus_server.bson import encode
from secantus_server.errors import CommandError
from secantus_server.index.errors import DuplicateKey
from secantus_server.storage import Engine
from tests.property import generated as g
from tests.property.memory_collection import MemoryCollection, entries

INDEXES: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({"a": 1}, {}),
    ({"a": -1, "b": 1}, {}),
    ({"a.b": 1}, {"sparse": True}),
    ({"b": 1}, {"partialFilterExpression": {"a": {"$gt": 1}}}),
    ({"c": 1}, {"unique": True, "sparse": True}),
]


class Writes(RuleBasedStateMachine):
    """Random writes. A copy of the collection, whose index is built from scratch, determines the expected entries."""

    def __init__(self) -> None:
        super().__init__()
        self.engine = Engine.open(":memory:")
        self.collection = MemoryCollection(self.engine)
        for key, options in INDEXES:
            self.collection.add_index(key, **options)
        self.live: list[int] = []

    @rule(document=g.documents(True))
    def insert(self, document: dict[str, Any]) -> None:
        with contextlib.suppress(CommandError, DuplicateKey):
            self.live.append(self.collection.insert({"_id": self.collection.next_record_id, **document}))

    @precondition(lambda self: self.live)
    @rule(document=g.documents(True), choice=st.integers(0, 1000))
    def update(self, document: dict[str, Any], choice: int) -> None:
        record_id = self.live[choice % len(self.live)]
        with contextlib.suppress(CommandError, DuplicateKey):
            self.collection.update(record_id, {"_id": record_id, **document})

    @precondition(lambda self: self.live)
    @rule(choice=st.integers(0, 1000))
    def delete(self, choice: int) -> None:
        self.collection.delete(self.live.pop(choice % len(self.live)))

    @invariant()
    def entries_are_those_of_the_documents(self) -> None:
        assert set(self.collection.records()) == set(self.live)
        rebuilt = MemoryCollection(self.engine)
        rebuilt.ident = self.collection.ident
        for key, options in INDEXES:
            rebuilt.add_index(key, **options)
        for kept, made in zip(self.collection.indexes[1:], rebuilt.indexes[1:], strict=True):
            assert list(entries(self.collection, kept)) == list(entries(rebuilt, made)), kept.spec
            assert kept.multikey or not made.multikey, "a multikey index is known as one"

    def teardown(self) -> None:
        self.engine.close()


Writes.TestCase.settings = settings(max_examples=25, stateful_step_count=15, deadline=None)
TestWrites = Writes.TestCase


def test_a_write_that_fails_changes_no_entry() -> None:
    engine = Engine.open(":memory:")
    collection = MemoryCollection(engine)
    index = collection.add_index({"c": 1}, unique=True)
    collection.insert({"_id": 1, "c": 1})
    before = list(entries(collection, index))
    try:
        collection.insert({"_id": 2, "c": 1.0})
    except DuplicateKey as error:
        assert error.index == index.name
    assert list(entries(collection, index)) == before
    assert list(collection.records().values()) == [encode({"_id": 1, "c": 1})]
    engine.close()
