"""Rules that compare the server's answers with each other, so that the fuzzer needs no other server to detect wrong ones."""

from __future__ import annotations

from typing import Any

from bson.int64 import Int64

from secantus_server.bson import decode, encode, key_string
from secantus_server.mql.context import ParseContext
from secantus_server.mql.sort import SortPattern
from tests.integration.fuzz_commands import Commands
from tests.integration.fuzz_session import Session

NO_LIMIT = {"$limit": Int64(2**40)}


class Rules:
    """The rules. Each method `check_*` sends a few commands and checks one rule."""

    def __init__(self, session: Session, make: Commands) -> None:
        self.session, self.make = session, make

    def same(self, rule: str, first: list[bytes] | None, second: list[bytes] | None, *what: Any) -> None:
        """Check that two answers have the same documents, in any order. None stands for a failed command."""
        if first is not None and second is not None and sorted(first) != sorted(second):
            differing = [decode(one) for one in set(first) ^ set(second)][:2]
            self.session.blame(rule, *what, len(first), len(second), differing)

    def collection(self) -> str:
        """Return the name of a collection to read."""
        return self.make.choice([*self.make.collections, *self.make.collections, *self.make.scratch])

    def check_find(self) -> None:
        """Check that a filter matches the same documents with and without each index, in find, count and aggregate.

        Also check that explain accepts the query.
        """
        session, make, name = self.session, self.make, self.collection()
        filter = make.filter(2)
        body: dict[str, Any] = {"find": name, "filter": filter}
        if make.often(0.15):
            body["collation"] = make.collation()
        plain = session.documents(body, hint={"$natural": 1})
        chosen = session.documents(body)
        self.same("the planner's choice", plain, chosen, body)
        self._check_hints(body, plain)
        if plain is None or chosen is None:
            return
        rest = {key: value for key, value in body.items() if key == "collation"}
        count = session.run({"count": name, "query": filter, **rest})
        if count is not None and count.get("ok") and count["n"] != len(plain):
            session.blame("count", body, count["n"], len(plain))
        self.same("aggregate", plain, session.documents({"aggregate": name, "pipeline": [{"$match": filter}], **rest}), body)
        negated = session.documents({**body, "filter": {"$nor": [filter]}})
        self.same("a filter and its negation", session.documents({"find": name}), None if negated is None else plain + negated, body)
        explained = session.run({"explain": body, "verbosity": make.choice(["queryPlanner", "executionStats", "allPlansExecution"])})
        if explained is not None and not explained.get("ok"):
            session.blame("explain", body, explained)

    def _check_hints(self, body: dict[str, Any], plain: list[bytes] | None) -> None:
        for index in self.indexes(body["find"]):
            if any(option in index for option in ("sparse", "partialFilterExpression", "hidden")):
                continue
            if any((type(direction) is str and direction != "hashed") or "$**" in path for path, direction in index["key"].items()):
                continue
            self.same("a hinted index", plain, self.session.documents(body, hint=index["name"]), body, index)

    def indexes(self, name: str) -> list[dict[str, Any]]:
        """Return the indexes of a collection."""
        reply = self.session.run({"listIndexes": name})
        return reply["cursor"]["firstBatch"] if reply is not None and reply.get("ok") else []

    def check_sorted(self) -> None:
        """Check that the result of a sort is ordered, and that sorts and projections do not depend on the plan."""
        session, make = self.session, self.make
        body: dict[str, Any] = {"find": self.collection(), "filter": make.filter(1), "sort": make.sort()}
        found, plain = session.documents(body), session.documents(body, hint={"$natural": 1})
        self.same("sorted", found, plain, body)
        if found is not None:
            pattern = SortPattern.parse(body["sort"], ParseContext())
            keys = [pattern.key(document) for document in found]
            if keys != sorted(keys):
                session.blame("the order", body)
            limited = session.documents({**body, "skip": 2, "limit": 5})
            if limited is None or [pattern.key(document) for document in limited] != keys[2:7]:
                session.blame("skip and limit", body, limited)
        del body["sort"]
        body["projection"] = make.projection()
        if "indexKey" in repr(body["projection"]):
            return  # the result depends on the index
        self.same("projected", session.documents(body), session.documents(body, hint={"$natural": 1}), body)

    def check_distinct(self) -> None:
        """Check that distinct returns the same values with and without an index."""
        body = {"distinct": self.collection(), "key": self.make.good_path(), "query": self.make.filter(1) if self.make.often(0.6) else {}}
        first, second = self.session.run(body), self.session.run({**body, "hint": {"$natural": 1}})
        if first is None or second is None or not (first.get("ok") and second.get("ok")):
            return
        keys, others = ({key_string(value) for value in reply["values"]} for reply in (first, second))
        if keys != others or len(keys) != len(first["values"]):
            self.session.blame("distinct", body, first["values"], second["values"])

    def check_pipeline(self) -> None:
        """Check that the optimiser does not change a pipeline's output.

        For comparison, a very large `$limit` between the stages prevents the optimiser from reordering them.
        """
        pipeline = self.make.steady_pipeline()
        body = {"aggregate": self.collection(), "pipeline": pipeline}
        hindered = [stage for one in pipeline for stage in (NO_LIMIT, one)]
        first = self.session.documents(body)
        self.same("the optimiser", first, self.session.documents({**body, "pipeline": hindered, "hint": {"$natural": 1}}), body)

    def check_write(self) -> None:
        """Check that a write changes nothing if it fails or reports no change."""
        session, make, name = self.session, self.make, self.make.choice([*self.make.collections, *self.make.scratch])
        before = session.documents({"find": name, "hint": {"$natural": 1}})
        kind = make.choice(["update", "update", "findAndModify", "insert", "delete"])
        statement = make.update_statement()
        statement.pop("multi", None)
        commands: dict[str, dict[str, Any]] = {
            "update": {"update": name, "updates": [statement]},
            "insert": {"insert": name, "documents": [make.new_document()]},
            "delete": {"delete": name, "deletes": [{**make.delete_statement(), "limit": 1}]},
            "findAndModify": {**make.filled("findAndModify"), "findAndModify": name},
        }
        body = commands[kind]
        reply = session.run(body)
        after = session.documents({"find": name, "hint": {"$natural": 1}})
        if before is None or after is None or reply is None:
            return
        failed = not reply.get("ok") or "writeErrors" in reply
        idle = (
            failed
            or (kind == "update" and not reply.get("nModified") and "upserted" not in reply)
            or (kind in ("insert", "delete") and not reply["n"])
        )
        if idle and before != after:
            session.blame("a write without effect", body, reply)
        growth = 0 if idle else {"insert": 1, "delete": -1}.get(kind, len(reply.get("upserted", [])))
        if kind != "findAndModify" and name in make.collections and len(after) != len(before) + growth:
            session.blame("how many there are after a write", body, reply)

    def check_cursor(self) -> None:
        """Check that several batches together return the same documents as one batch."""
        session, make = self.session, self.make
        name = self.collection()
        body: dict[str, Any] = {"find": name, "filter": make.filter(1), **({"sort": make.sort()} if make.often(0.5) else {})}
        whole = session.documents(body)
        reply = session.run({**body, "batchSize": make.small()})
        if whole is None or reply is None or not reply.get("ok"):
            return
        found = list(reply["cursor"]["firstBatch"])
        while reply["cursor"]["id"]:
            reply = session.run({"getMore": reply["cursor"]["id"], "collection": name, "batchSize": make.small()})
            if reply is None or not reply.get("ok"):
                session.blame("getMore", body, reply)
                return
            found += reply["cursor"]["nextBatch"]
        self.same("batches", whole, [encode(document) for document in found], body)
