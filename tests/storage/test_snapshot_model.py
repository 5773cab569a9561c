"""Snapshots compared with a model of dictionaries that are copied at each snapshot."""

from __future__ import annotations

import copy

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from secantus_server.storage import CATALOG, INDEX_ENTRIES, OPLOG, RECORDS, Engine, Snapshot, pack_ident

TABLES = (CATALOG, RECORDS, INDEX_ENTRIES)
Contents = dict[int, dict[bytes, bytes]]

tables = st.sampled_from(TABLES)
suffixes = st.sampled_from([b"", b"a", b"b", b"c", b"d"])
values = st.binary(max_size=3)
numbers = st.integers(0, 3)


class Snapshots(RuleBasedStateMachine):
    """Writes, rollbacks, drops, purges, nested snapshots and restores in random order."""

    def __init__(self) -> None:
        super().__init__()
        self.engine = Engine.open(":memory:")
        self.contents: Contents = {table: {} for table in (*TABLES, OPLOG)}
        self.open: list[tuple[Snapshot, Contents, list[int]]] = []
        self.oplog_time = 0
        self.idents: list[int] = []
        self.new_ident()

    @rule()
    def new_ident(self) -> None:
        with self.engine.transaction():
            self.idents.append(self.engine.new_ident())

    def pick(self, number: int) -> int:
        """Return one of the idents in use."""
        return self.idents[number % len(self.idents)]

    @rule(table=tables, number=numbers, suffix=suffixes, value=values, known_absent=st.booleans())
    def put(self, table: int, number: int, suffix: bytes, value: bytes, known_absent: bool) -> None:
        key = pack_ident(self.pick(number)) + suffix
        touched = [self.contents, *(then for _, then, _ in self.open)]
        with self.engine.transaction() as unit:
            unit.put(table, key, value, known_absent and not any(key in each[table] for each in touched))
        self.contents[table][key] = value

    @rule(table=tables, number=numbers, suffix=suffixes, value=values)
    def insert(self, table: int, number: int, suffix: bytes, value: bytes) -> None:
        key = pack_ident(self.pick(number)) + suffix
        with self.engine.transaction() as unit:
            assert unit.insert(table, key, value) == (key not in self.contents[table])
        self.contents[table].setdefault(key, value)

    @rule(table=tables, number=numbers, suffix=suffixes)
    def remove(self, table: int, number: int, suffix: bytes) -> None:
        key = pack_ident(self.pick(number)) + suffix
        with self.engine.transaction() as unit:
            assert unit.remove(table, key) == (self.contents[table].pop(key, None) is not None)

    @rule(table=tables, number=numbers, suffix=suffixes)
    def truncate(self, table: int, number: int, suffix: bytes) -> None:
        lower, upper = pack_ident(self.pick(number)) + suffix, pack_ident(self.pick(number) + 1)
        gone = [key for key in self.contents[table] if lower <= key < upper]
        with self.engine.transaction() as unit:
            assert unit.truncate(table, lower, upper) == max(gone, default=None)
        for key in gone:
            del self.contents[table][key]

    @rule()
    def log(self) -> None:
        self.oplog_time += 1
        key = self.oplog_time.to_bytes(8, "big")
        with self.engine.transaction() as unit:
            unit.put(OPLOG, key, b"entry", known_absent=True)
        self.contents[OPLOG][key] = b"entry"

    @rule(table=tables, number=numbers, writes=st.lists(st.tuples(suffixes, st.none() | values), max_size=4))
    def roll_back(self, table: int, number: int, writes: list[tuple[bytes, bytes | None]]) -> None:
        unit = self.engine.acquire()
        unit.begin()
        for suffix, value in writes:
            key = pack_ident(self.pick(number)) + suffix
            if value is None:
                unit.remove(table, key)
            else:
                unit.put(table, key, value)
        self.engine.release(unit)

    @precondition(lambda self: len(self.idents) > 1)
    @rule(number=numbers)
    def drop_ident(self, number: int) -> None:
        """Drop an ident, whose entries become unreachable. Remove them from the model, but not from its older copies."""
        ident = self.pick(number)
        self.idents.remove(ident)
        for table in (RECORDS, INDEX_ENTRIES):
            self.engine.drop_ident(table, ident)
            for key in [key for key in self.contents[table] if key.startswith(pack_ident(ident))]:
                del self.contents[table][key]

    @rule()
    def purge(self) -> None:
        while self.engine.purge_orphans(1000):
            pass

    @precondition(lambda self: len(self.open) < 4)
    @rule()
    def push(self) -> None:
        self.open.append((self.engine.push_snapshot(), copy.deepcopy(self.contents), list(self.idents)))

    @precondition(lambda self: self.open)
    @rule(data=st.data())
    def restore(self, data: st.DataObject) -> None:
        level = data.draw(st.integers(0, len(self.open) - 1))
        snapshot, then, idents = self.open[level]
        self.engine.restore(snapshot)
        self.contents = copy.deepcopy(then)
        self.idents = list(idents)
        del self.open[level + 1 :]

    @precondition(lambda self: self.open)
    @rule(data=st.data())
    def pop(self, data: st.DataObject) -> None:
        level = data.draw(st.integers(0, len(self.open) - 1))
        self.engine.pop_snapshot(self.open[level][0])
        del self.open[level:]

    @invariant()
    def reachable_contents_are_the_models(self) -> None:
        """Check that the store has all of the model's entries, and beyond them only those of orphans."""
        self.compare(purged=False)

    def compare(self, purged: bool) -> None:
        with self.engine.transaction() as unit:
            for table, expected in self.contents.items():
                found = dict(unit.scan(table, b"", None))
                if table in (CATALOG, OPLOG) or purged:
                    assert found == expected
                else:
                    assert found | expected == found

    def teardown(self) -> None:
        """Check that after popping all snapshots and purging, the store equals the model."""
        if self.open:
            self.engine.pop_snapshot(self.open[0][0])
        self.purge()
        self.compare(purged=True)
        self.engine.close()


TestSnapshots = Snapshots.TestCase
TestSnapshots.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)
