"""Random commands. Their names and fields come from the server's registry; most arguments have the kind that their field expects."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from bson.binary import Binary
from bson.int64 import Int64

from secantus_server.commands.all import load_commands
from secantus_server.dispatch.arguments import GENERIC
from secantus_server.dispatch.registry import all_commands
from tests.integration.fuzz_pipelines import Pipelines

load_commands()

# Commands that end the server, stop its writes, or block a client for as long as it requests. They are never sent.
NEVER = {
    "shutdown",
    "fsync",
    "setUserWriteBlockMode",
    "secantusAdmin.backupArchive",
    "setParameter",
    "hello",
    "isMaster",
    "ismaster",
    "killOp",
    "replSetInitiate",
    "replSetStepDown",
}
# The most frequent commands.
USUAL = [
    "find", "aggregate", "find", "aggregate", "count", "distinct", "findAndModify", "update", "delete", "insert", "bulkWrite",
    "explain", "createIndexes", "create", "collMod",
]  # fmt: skip
# Commands that are sent only to the scratch collections.
CHANGING = (
    "create", "drop", "collMod", "createIndexes", "dropIndexes", "deleteIndexes", "convertToCapped", "cloneCollectionAsCapped", "compact",
)  # fmt: skip
# The fields of commands that declare none.
LENIENT: dict[str, tuple[str, ...]] = {
    "cloneCollectionAsCapped": ("toCollection", "size"), "convertToCapped": ("size",), "createSearchIndexes": ("indexes",),
    "currentOp": ("$all", "$ownOps", "filter"),
    "dbHash": ("collections",), "planCacheSetFilter": ("query", "indexes", "sort"), "planCacheClear": ("query", "sort"),
    "planCacheClearFilters": ("query",),
    "getParameter": ("featureCompatibilityVersion", "allParameters", "x"),
    "validate": ("full", "repair", "metadata", "checkBSONConformance", "background"),
    "serverStatus": ("repl", "metrics"), "top": (), "dropSearchIndex": ("name",), "updateSearchIndex": ("name", "definition"),
}  # fmt: skip
# Fields that change a command so much that they are rarely used.
SELDOM = ("tailable", "awaitData", "min", "max", "viewOn", "timeseries")
FLAGS = {
    "ordered", "errorsOnly", "bypassDocumentValidation", "upsert", "new", "remove", "multi", "singleBatch", "returnKey", "showRecordId",
    "allowDiskUse", "noCursorTimeout", "nameOnly", "capped",
    "dropTarget", "full", "estimate", "verbose", "dryRun", "explain", "returnFields", "unwrappedReadPref", "showPrivileges", "inMemory",
}  # fmt: skip


class Commands(Pipelines):
    """A generator of commands."""

    def command(self) -> dict[str, Any]:
        """Return a command, including its database."""
        name = self.choice(USUAL) if self.often(0.8) else self.choice([name for name in all_commands() if name not in NEVER])
        self.stable = False
        found = self.filled(name)
        self.stable = True
        return found

    def filled(self, name: str) -> dict[str, Any]:
        """Return a command of this name with some of its fields."""
        entry = all_commands()[name]
        body: dict[str, Any] = {name: self.spoilt(self.target(name))}
        declared = LENIENT.get(name, ()) if entry.arguments is None else entry.arguments.fields
        share = self.choice([0.1, 0.25, 0.5])
        for field in declared:
            required = entry.arguments is not None and entry.arguments.fields[field].required
            chance = share / 10 if field in SELDOM else share if self.knows(field) else self.malice
            if required or field in self.core(name) or self.often(chance):
                body[field] = self.spoilt(self.field(name, field))
        if name == "distinct" and self.often(0.7):
            body["key"] = self.good_path()
        if self.often(2 * self.malice):
            field = self.choice([field for field in GENERIC if field not in ("$db", "maxTimeMS")])
            body[field] = self.generic(field)
        if self.often(self.malice / 2):
            body[self.choice(["nothing", "", "$x"])] = self.value()
        body["$db"] = self.database(name)
        return body

    def database(self, name: str) -> str:
        """Return the database to send a command to."""
        if name == "dropDatabase":
            return "fuzz2"
        if self.often(self.malice):
            return self.choice(["fuzz2", "", "a.b", "$x", "x" * 70])
        return "admin" if all_commands()[name].admin_only else "fuzz"

    def core(self, name: str) -> tuple[str, ...]:
        """Return the fields without which a command has no effect."""
        return {
            "find": ("filter",), "aggregate": ("cursor",), "count": ("query",), "distinct": ("query",),
            "findAndModify": ("query", "update"), "update": ("updates",), "delete": ("deletes",),
            "insert": ("documents",), "bulkWrite": ("ops", "nsInfo"), "validateDBMetadata": ("apiParameters",),
        }.get(name, ())  # fmt: skip

    def target(self, name: str) -> Any:
        """Return the value of a command's first field."""
        if name == "getMore":
            return Int64(self.choice([0, 1, 2**62]))
        if name == "explain":
            return self.filled(self.choice(["find", "aggregate", "count", "distinct", "findAndModify", "update", "delete"]))
        if name == "renameCollection":
            return "fuzz." + self.choice(self.scratch)
        if name in ("dropDatabase", "dbStats", "bulkWrite", "listCollections", "listDatabases", "killAllSessions"):
            return 1 if name != "killAllSessions" else []
        if name in CHANGING:
            return self.choice(self.scratch)
        odd = ["", "a..b", "system.views", "$x", "none"] if self.often(self.malice) else ["v0"]
        return self.choice([*self.collections, *self.collections, *self.scratch, *odd])

    def generic(self, field: str) -> Any:
        """Return a value for a generic argument, which every command accepts."""
        makers: dict[str, Callable[[], Any]] = {
            "lsid": lambda: {"id": Binary(bytes(16), 4)}, "txnNumber": lambda: Int64(self.randrange(2**40)),
            "readConcern": lambda: {"level": self.choice(["local", "majority", "snapshot", "linearizable", "x"])},
            "writeConcern": lambda: {"w": self.choice([1, 0, 2, "majority", "x"]), "j": True, "wtimeout": 1},
            "apiVersion": lambda: self.choice(["1", "2"]), "apiStrict": lambda: True,
            "$readPreference": lambda: {"mode": self.choice(["primary", "secondary", "x"])},
        }  # fmt: skip
        return makers[field]() if field in makers and self.often(0.7) else self.value()

    def knows(self, name: str) -> bool:
        """Return whether `field` can make plausible values for a field."""
        return name in FLAGS or name in self.makers_of_fields("")

    def field(self, command: str, name: str) -> Any:
        """Return a value for a field of a command."""
        if name in FLAGS or (name == "update" and command == "bulkWrite"):
            return self.choice([1, 0.0]) if self.often(self.malice) else self.often(0.5)
        makers = self.makers_of_fields(command)
        return makers[name]() if name in makers else self.value(1)

    def makers_of_fields(self, command: str) -> dict[str, Callable[[], Any]]:
        """Return the functions that make the values of fields, by field name."""
        return {
            "filter": self.filter, "query": self.filter, "q": self.filter, "sort": self.sort, "projection": self.projection,
            "fields": self.projection, "update": self.update,
            "updates": lambda: self.some(self.update_statement, 2, 1), "deletes": lambda: self.some(self.delete_statement, 2, 1),
            "documents": lambda: self.some(self.new_document, 3, 1),
            "ops": lambda: self.some(self.bulk_operation, 3, 1),
            "nsInfo": lambda: [{"ns": f"fuzz.{self.choice(self.scratch)}"}, {"ns": "fuzz.s1"}], "pipeline": lambda: self.pipeline(3),
            "cursor": lambda: {} if self.often(0.6) else {"batchSize": self.number()}, "collation": self.collation,
            "let": lambda: {"v": self.expression(1) if self.often(self.malice) else self.literal(self.scalar()), "l": self.number()},
            "hint": self.hint, "skip": lambda: self.choice([0, 1, 2, 5]), "limit": lambda: self.choice([0, 1, 3, -2]),
            "batchSize": lambda: self.choice([0, 1, 2, 5, 100]),
            "key": self.path, "arrayFilters": self.array_filters, "indexes": lambda: self.some(self.index, 2, 1),
            "index": lambda: self.index_of(command),
            "validator": lambda: self.filter(1), "validationLevel": lambda: self.choice(["off", "moderate", "strict", "x"]),
            "validationAction": lambda: self.choice(["error", "warn", "errorAndLog"]),
            "viewOn": self.any_collection, "size": lambda: self.choice([4096, 10**6, self.number()]), "max": lambda: self.bound(command),
            "min": lambda: self.bound(command),
            "to": lambda: "fuzz." + self.choice([*self.scratch, "s2", "", "a$b"]), "toCollection": lambda: self.choice(self.scratch),
            "verbosity": lambda: self.choice(["queryPlanner", "executionStats", "allPlansExecution", "x"]),
            "clusteredIndex": lambda: {"key": {"_id": 1}, "unique": True}, "cursors": lambda: [Int64(1)],
            "collection": lambda: self.choice(self.collections), "maxTimeMS": lambda: self.choice([0, 1000, 10000]),
            "apiParameters": lambda: {"version": "1", "strict": True}, "repair": lambda: False,
            "scale": lambda: self.choice([1, 1024, self.number()]),
        }  # fmt: skip

    def bound(self, command: str) -> Any:
        """Return a value for `min` or `max`, whose meaning depends on the command."""
        return self.number() if command == "create" else {self.path(): self.value(1)}

    def hint(self) -> Any:
        """Return a hint."""
        odd: list[Any] = ["none", {}, {"$natural": 2}, {"$**": 1}, ""]
        return self.choice(odd if self.often(self.malice) else ["_id_", {"_id": 1}, {"$natural": 1}, {"$natural": -1}, {"n": 1}, {"a": 1}])

    def index_of(self, command: str) -> Any:
        """Return a value for the field `index` of collMod or dropIndexes."""
        if command == "collMod":
            found = {"name": "_id_" if self.often(0.5) else "none", "hidden": True}
            return self.broken({**found, "expireAfterSeconds": self.number()} if self.often(0.4) else found)
        return self.choice(["*", "_id_", "n_1", {"n": 1}, ["n_1"], [], {}])

    def new_document(self) -> dict[str, Any]:
        """Return a document to insert."""
        document = self.document()
        if self.often(0.6):
            return {"_id": self.value(1) if self.often(0.3) else self.randint(0, 60), **document}
        return document

    def update_statement(self) -> dict[str, Any]:
        """Return a statement of an update."""
        found = {"q": self.filter(1), "u": self.update()}
        options: dict[str, Any] = {
            "multi": True, "upsert": True, "arrayFilters": self.array_filters(), "c": {"v": 1}, "collation": self.collation(),
            "hint": self.hint(), "sort": self.sort(),
        }  # fmt: skip
        for name in self.sample(list(options), self.choice([0, 0, 1, 1, 2])):
            found[name] = self.spoilt(options[name])
        return self.broken(found)

    def delete_statement(self) -> dict[str, Any]:
        """Return a statement of a delete. Most delete one document, because otherwise the collections would soon be empty."""
        found: dict[str, Any] = {"q": self.filter(1), "limit": 1 if self.often(0.95) else 0}
        if self.often(0.2):
            found[self.choice(["collation", "hint"])] = self.collation() if self.often(0.5) else self.hint()
        return self.broken(found)

    def bulk_operation(self) -> dict[str, Any]:
        """Return an operation of a bulkWrite."""
        number = 2 if self.often(self.malice) else self.randrange(2)
        if self.often(0.3):
            return self.broken({"insert": number, "document": self.new_document()})
        if self.often(0.2):
            return self.broken({"delete": number, "filter": self.filter(1), "multi": False})
        found: dict[str, Any] = {"update": number, "filter": self.filter(1), "updateMods": self.update()}
        for name in self.sample(["multi", "upsert", "arrayFilters", "collation", "hint"], self.choice([0, 1])):
            found[name] = self.field("update", name) if name != "multi" else True
        return self.broken(found)
