"""A round of the fuzzer: some hundred random commands on newly filled collections."""

from __future__ import annotations

from typing import Any

from tests.integration.fuzz_commands import Commands
from tests.integration.fuzz_rules import Rules
from tests.integration.fuzz_session import Session

INDEXES: list[dict[str, Any]] = [
    {"key": {"n": 1}, "name": "n_1"}, {"key": {"a": 1}, "name": "a_1"}, {"key": {"s": 1, "n": -1}, "name": "s_1"},
    {"key": {"m.n": 1}, "name": "m_n"},
    {"key": {"x": 1}, "name": "x_sparse", "sparse": True},
    {"key": {"o.n": 1}, "name": "o_partial", "partialFilterExpression": {"n": {"$gt": 1}}}, {"key": {"$**": 1}, "name": "all"},
    {"key": {"x": "hashed"}, "name": "x_hashed"}, {"key": {"g": "2dsphere"}, "name": "g_sphere"},
    {"key": {"d": 1, "x": 1}, "name": "unique", "unique": True, "sparse": True},
    {"key": {"o.$**": 1}, "name": "o_all"}, {"key": {"s": 1}, "name": "s_en", "collation": {"locale": "en", "strength": 2}},
    {"key": {"o": 1, "a": 1}, "name": "o_a"},
]  # fmt: skip


class Round:
    """A round of random commands. The seed determines the collections and the commands."""

    def __init__(self, session: Session, seed: int) -> None:
        self.session = session
        session.seed = seed
        self.make = Commands(seed)
        self.make.dirt = self.make.choice([0.1, 0.02, 0.0])
        self.make.malice = self.make.choice([0.06, 0.02, 0.004])
        self.rules = Rules(session, self.make)

    def prepare(self) -> None:
        """Drop and fill the collections. They have different numbers of indexes."""
        for name in ("fuzz", "fuzz2"):
            self.session.run({"dropDatabase": 1, "$db": name})
        for name, indexes in zip((*self.make.collections, *self.make.scratch), (2, 6, 3, 1), strict=True):
            for spec in self.make.sample(INDEXES, indexes):
                self.session.run({"createIndexes": name, "indexes": [spec]})
            self.session.run({"createIndexes": name, "indexes": [self.make.index()]})
            documents = [{"_id": number if number % 5 else self.make.value(1), **self.make.document()} for number in range(30)]
            self.session.run({"insert": name, "documents": documents, "ordered": False})
        self.session.run({"create": "v0", "viewOn": "c0", "pipeline": self.make.pipeline(2)})

    def run(self, count: int) -> None:
        """Send about `count` commands."""
        self.prepare()
        rules, session = self.rules, self.session
        checks = [
            rules.check_find, rules.check_find, rules.check_sorted, rules.check_distinct, rules.check_pipeline, rules.check_write,
            rules.check_write, rules.check_cursor,
        ]  # fmt: skip
        end = session.answers.total() + count
        while session.answers.total() < end:
            if self.make.often(0.2):
                self.make.choice(checks)()
            else:
                session.run(self.make.command())
        self.validate()

    def validate(self) -> None:
        """Validate every collection."""
        reply = self.session.run({"listCollections": 1, "filter": {"type": "collection"}})
        if reply is None or not reply.get("ok"):
            self.session.blame("listCollections", reply)
            return
        for one in reply["cursor"]["firstBatch"]:
            if one["name"] == "system.views":
                continue
            report = self.session.run({"validate": one["name"], "full": True})
            if report is None or not report.get("valid"):
                self.session.blame("validate", report)
