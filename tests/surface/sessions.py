"""Sessions, retryable writes and transactions. https://www.mongodb.com/docs/manual/core/transactions/"""

from __future__ import annotations

from functools import partial
from typing import Any

from bson import Int64, Timestamp
from pymongo.database import Database
from pymongo.errors import OperationFailure, PyMongoError

from tests.failing import code_of_call as code
from tests.surface.rows import row
from tests.surface.sending import send

Db = Database[dict[str, Any]]
session_row = partial(row, "Sessions and transactions")


class Transaction:
    """Sends the statements of one transaction, exactly as given.

    Arguments:
        db: the database.
        number: the transaction number.
    """

    def __init__(self, db: Db, lsid: Any, number: int = 1) -> None:
        self._db = db
        self._fields = {"lsid": lsid, "txnNumber": Int64(number), "autocommit": False}
        self._started = False

    def run(self, body: dict[str, Any], **fields: Any) -> dict[str, Any]:
        """Return the reply to a statement."""
        start = {} if self._started else {"startTransaction": True}
        self._started = True
        return send(self._db, {**body, "$db": self._db.name, **self._fields, **start, **fields})

    def end(self, name: str, **fields: Any) -> dict[str, Any]:
        """Return the reply to commitTransaction or abortTransaction."""
        return send(self._db, {name: 1, "$db": "admin", **self._fields, **fields})

    def insert(self, number: int) -> dict[str, Any]:
        """Insert a document into the collection `c`."""
        return self.run({"insert": "c", "documents": [{"_id": number}]})


@session_row("logical sessions (lsid)", "session-bound cursors", "endSessions/refreshSessions/startSession", "killSessions family")
def logical(db: Db) -> None:
    db.c.insert_many([{"_id": n} for n in range(4)])
    assert db.client.admin.command("hello")["logicalSessionTimeoutMinutes"] == 30
    lsid = db.command("startSession")["id"]
    cursor = send(db, {"find": "c", "batchSize": 1, "$db": db.name, "lsid": lsid})["cursor"]["id"]
    assert send(db, {"getMore": cursor, "collection": "c", "$db": db.name})["code"] == 50737
    assert send(db, {"getMore": cursor, "collection": "c", "batchSize": 1, "$db": db.name, "lsid": lsid})["ok"] == 1
    for command in ("refreshSessions", "killSessions", "endSessions"):
        assert db.command(command, [lsid])["ok"] == 1
    assert send(db, {"getMore": cursor, "collection": "c", "$db": db.name, "lsid": lsid})["code"] == 43
    assert db.command("killAllSessions", [])["ok"] == 1
    assert db.command("killAllSessionsByPattern", [{"lsid": lsid}])["ok"] == 1


@session_row("session expiry kills cursors/transactions")
def expiry(db: Db) -> None:
    assert db.client.admin.command("getParameter", localLogicalSessionTimeoutMinutes=1)["localLogicalSessionTimeoutMinutes"] == 30


@session_row("causal consistency: operationTime + afterClusterTime", "$clusterTime gossip with signature {hash,keyId}")
def causal(db: Db) -> None:
    reply = db.command("insert", "c", documents=[{"_id": 1}])
    assert reply["$clusterTime"].keys() == {"clusterTime", "signature"}
    assert reply["$clusterTime"]["signature"].keys() == {"hash", "keyId"}
    assert len(list(db.command("find", "c", readConcern={"afterClusterTime": reply["operationTime"]})["cursor"]["firstBatch"])) == 1
    future = {"clusterTime": Timestamp(2**32 - 2, 1), "signature": reply["$clusterTime"]["signature"]}
    assert send(db, {"ping": 1, "$db": db.name, "$clusterTime": future})["code"] == 205


@session_row(
    "retryable writes: txnNumber without autocommit",
    "retryable: insert,update(one),delete(one),findAndModify,bulkWrite",
    "retryable dedupe (lsid,txnNumber,stmtId)",
)
def retries(db: Db) -> None:
    lsid = db.command("startSession")["id"]
    number = iter(range(1, 99))

    def twice(body: dict[str, Any], name: str = "") -> tuple[dict[str, Any], dict[str, Any]]:
        full = {**body, "$db": name or db.name, "lsid": lsid, "txnNumber": Int64(next(number))}
        return send(db, full), send(db, full)

    first, second = twice({"insert": "c", "documents": [{"_id": 1, "n": 0}]})
    assert (first["n"], second["n"], second["retriedStmtIds"]) == (1, 1, [0])
    first, second = twice({"update": "c", "updates": [{"q": {}, "u": {"$inc": {"n": 1}}}]})
    assert (first["nModified"], second["nModified"]) == (1, 1)
    first, second = twice({"findAndModify": "c", "query": {}, "update": {"$inc": {"n": 1}}, "new": True})
    assert first["value"] == second["value"] == {"_id": 1, "n": 2}
    operations = [{"update": 0, "filter": {}, "updateMods": {"$inc": {"n": 1}}}]
    first, second = twice({"bulkWrite": 1, "ops": operations, "nsInfo": [{"ns": f"{db.name}.c"}]}, "admin")
    assert (first["nModified"], second["nModified"]) == (1, 1)
    assert db.c.find_one() == {"_id": 1, "n": 3}
    first, second = twice({"delete": "c", "deletes": [{"q": {}, "limit": 1}]})
    assert (first["n"], second["n"]) == (1, 1)
    assert twice({"delete": "c", "deletes": [{"q": {}, "limit": 0}]})[0]["writeErrors"][0]["code"] == 72


@session_row("RetryableWriteError label", "NoWritesPerformed label", "error label placement")
def labels(db: Db) -> None:
    admin = db.client.admin
    fail = {"failCommands": ["insert"], "errorCode": 11600}
    lsid = db.command("startSession")["id"]
    insert = {"insert": "c", "documents": [{}], "$db": db.name, "lsid": lsid}
    admin.command("configureFailPoint", "failCommand", mode={"times": 2}, data=fail)
    assert send(db, {**insert, "txnNumber": Int64(1)})["errorLabels"] == ["RetryableWriteError"]
    assert "errorLabels" not in send(db, insert)
    own = {"failCommands": ["insert"], "errorCode": 91, "errorLabels": ["RetryableWriteError", "NoWritesPerformed"]}
    admin.command("configureFailPoint", "failCommand", mode={"times": 1}, data=own)
    assert send(db, {**insert, "txnNumber": Int64(2)})["errorLabels"] == ["RetryableWriteError", "NoWritesPerformed"]


@session_row(
    "transactions: startTransaction,autocommit:false",
    "transactions: commit retry idempotent",
    "transactions: NoSuchTransaction 251",
    "transactions: TransactionTooOld 225",
    "transactions: TransactionCommitted 256",
    "transactions: read-only commit",
)
def life(db: Db) -> None:
    lsid = db.command("startSession")["id"]
    db.create_collection("c")
    one = Transaction(db, lsid, 5)
    assert one.insert(1)["ok"] == 1
    assert db.c.count_documents({}) == 0
    assert one.end("commitTransaction")["ok"] == one.end("commitTransaction")["ok"] == 1
    assert db.c.count_documents({}) == 1
    assert one.insert(2)["code"] == 256
    assert Transaction(db, lsid, 4).insert(3)["code"] == 225
    read = Transaction(db, lsid, 6)
    assert read.run({"find": "c"})["ok"] == 1
    assert read.end("commitTransaction")["ok"] == 1
    gone = Transaction(db, lsid, 7)
    gone.insert(4)
    assert gone.end("abortTransaction")["ok"] == 1
    refused = gone.insert(5)
    assert (refused["code"], refused["errorLabels"]) == (251, ["TransientTransactionError"])
    assert db.c.count_documents({}) == 1


@session_row(
    "transactions: read concern local|majority|snapshot",
    "transactions: write concern only on commit/abort",
    "default write concern majority",
)
def concerns(db: Db) -> None:
    lsid = db.command("startSession")["id"]
    db.create_collection("c")
    for number, level in enumerate(("local", "majority", "snapshot"), 1):
        assert Transaction(db, lsid, number).run({"find": "c"}, readConcern={"level": level})["ok"] == 1
    assert Transaction(db, lsid, 8).run({"find": "c"}, readConcern={"level": "linearizable"})["code"] == 72
    late = Transaction(db, lsid, 9)
    late.run({"find": "c"})
    assert late.run({"find": "c"}, readConcern={"level": "local"})["code"] == 72
    assert Transaction(db, lsid, 10).run({"insert": "c", "documents": [{}]}, writeConcern={"w": 1})["code"] == 72
    written = Transaction(db, lsid, 11)
    written.insert(1)
    assert written.end("commitTransaction", writeConcern={"w": "majority"})["ok"] == 1
    assert db.client.admin.command("getDefaultRWConcern")["defaultWriteConcern"]["w"] == "majority"


@session_row(
    "transactions: TransientTransactionError label",
    "transactions: WriteConflict first-writer-wins",
    "transactions: abort on any statement error except...",
    "transactions: UnknownTransactionCommitResult (driver side)",
)
def conflicts(db: Db) -> None:
    db.c.insert_one({"_id": 1})
    ours, theirs = (Transaction(db, db.command("startSession")["id"]) for _ in range(2))
    change = {"update": "c", "updates": [{"q": {"_id": 1}, "u": {"$inc": {"n": 1}}}]}
    assert ours.run(change)["nModified"] == 1
    lost = theirs.run(change)
    assert (lost["code"], lost["errorLabels"]) == (112, ["TransientTransactionError"])
    assert theirs.run({"find": "c"})["code"] == 251
    duplicate = ours.insert(1)
    assert duplicate["writeErrors"][0]["code"] == 11000
    assert ours.end("commitTransaction")["code"] == 251
    admin = db.client.admin
    with db.client.start_session() as session:
        session.start_transaction()
        db.c.insert_one({"_id": 2}, session=session)
        data = {"failCommands": ["commitTransaction"], "closeConnection": True}
        admin.command("configureFailPoint", "failCommand", mode={"times": 2}, data=data)
        try:
            session.commit_transaction()
        except PyMongoError as error:
            assert error.has_error_label("UnknownTransactionCommitResult")
        session.commit_transaction()
    assert db.c.count_documents({"_id": 2}) == 1


@session_row("transactions: lifetime 60 s", "transactions: lock wait 5 ms", "maxCommitTimeMS -> maxTimeMS on commit")
def limits(db: Db) -> None:
    admin = db.client.admin
    assert admin.command("getParameter", transactionLifetimeLimitSeconds=1)["transactionLifetimeLimitSeconds"] == 60
    name = "maxTransactionLockRequestTimeoutMillis"
    assert admin.command("getParameter", **{name: 1})[name] == 5
    transaction = Transaction(db, db.command("startSession")["id"])
    db.create_collection("c")
    transaction.insert(1)
    assert transaction.end("commitTransaction", maxTimeMS=5000)["ok"] == 1


@session_row("transactions: create/createIndexes inside", "transactions: forbidden commands 263", "transactions: forbidden stages")
def statements(db: Db) -> None:
    lsid = db.command("startSession")["id"]
    ddl = Transaction(db, lsid, 1)
    assert ddl.run({"create": "new"})["ok"] == 1
    assert ddl.run({"createIndexes": "new", "indexes": [{"key": {"a": 1}, "name": "a"}]})["ok"] == 1
    assert ddl.end("commitTransaction")["ok"] == 1
    assert "a" in db.new.index_information()
    db.new.insert_one({})
    index = {"createIndexes": "new", "indexes": [{"key": {"b": 1}, "name": "b"}]}
    assert Transaction(db, lsid, 2).run(index)["code"] == 263
    for number, body in enumerate(({"listCollections": 1}, {"listIndexes": "new"}, {"count": "new"}, {"drop": "new"}), 3):
        assert Transaction(db, lsid, number).run(body)["code"] in (50768, 263), body
    stages = ({"$collStats": {"count": {}}}, {"$indexStats": {}}, {"$out": "x"}, {"$merge": "x"}, {"$planCacheStats": {}})
    for number, stage in enumerate(stages, 20):
        reply = Transaction(db, lsid, number).run({"aggregate": "new", "pipeline": [stage], "cursor": {}})
        assert reply["code"] in (263, 50742), stage


@session_row(
    "transactions: no capped writes, no system/config/admin/local writes, no timeseries writes",
    "transactions: distinct allowed on unsharded",
    "transactions: killCursors/getMore rules",
    "transactions in bulkWrite command",
    "transactions: 16MB oplog limit removed",
)
def places(db: Db) -> None:
    lsid = db.command("startSession")["id"]
    db.create_collection("capped", capped=True, size=4096)
    assert Transaction(db, lsid, 1).run({"insert": "capped", "documents": [{}]})["code"] == 263
    with db.client.start_session() as session:
        session.start_transaction()
        assert code(db.client.config.c.insert_one, {}, session=session) == 263
        session.abort_transaction()
    db.c.insert_many([{"_id": n, "a": n % 2} for n in range(4)])
    read = Transaction(db, lsid, 2)
    assert sorted(read.run({"distinct": "c", "key": "a"})["values"]) == [0, 1]
    cursor = read.run({"find": "c", "batchSize": 1})["cursor"]["id"]
    assert send(db, {"getMore": cursor, "collection": "c", "$db": db.name, "lsid": lsid})["ok"] == 0
    assert read.run({"getMore": cursor, "collection": "c", "batchSize": 1})["ok"] == 1
    assert read.run({"killCursors": "c", "cursors": [cursor]})["cursorsKilled"] == [cursor]
    bulk = Transaction(db, lsid, 3)
    operations = [{"insert": 0, "document": {"_id": 9}}]
    with db.client.start_session() as session:
        session.start_transaction()
        db.client.admin.command("bulkWrite", 1, ops=operations, nsInfo=[{"ns": f"{db.name}.c"}], session=session)
        session.commit_transaction()
        assert db.c.count_documents({"_id": 9}) == 1
        session.start_transaction()
        for number in range(3):
            db.c.insert_one({"_id": f"large {number}", "x": "x" * 7_000_000}, session=session)
        session.commit_transaction()
    assert bulk.end("abortTransaction")["code"] in (251, 225)


@session_row("snapshot reads outside txn (readConcern snapshot, atClusterTime)", "read concern local/available/majority/linearizable")
def snapshots(db: Db) -> None:
    before = db.command("insert", "c", documents=[{"_id": 1}])["operationTime"]
    db.c.insert_one({"_id": 2})
    concern = {"level": "snapshot", "atClusterTime": before}
    assert [found["_id"] for found in db.command("find", "c", readConcern=concern)["cursor"]["firstBatch"]] == [1]
    assert db.command("distinct", "c", key="_id", readConcern=concern)["values"] == [1]
    assert code(db.command, "find", "c", readConcern={"level": "snapshot", "atClusterTime": Timestamp(1, 1)}) in (239, 246)
    assert code(db.command, "count", "c", readConcern={"level": "snapshot"}) == 72


@session_row("write concern w/j/wtimeout")
def write_concerns(db: Db) -> None:
    try:
        db.command("insert", "c", documents=[{}], writeConcern={"w": 51})
    except OperationFailure as error:
        assert error.code == 9
    reply = db.command("insert", "c", documents=[{}], writeConcern={"w": 2, "wtimeout": 5})
    assert reply["writeConcernError"]["code"] in (64, 100)
