"""Messages, replies, hello, and limits. https://www.mongodb.com/docs/manual/reference/mongodb-wire-protocol/"""

from __future__ import annotations

import struct
import zlib
from functools import partial
from typing import Any

from bson import Int64, ObjectId, decode
from pymongo.database import Database

from tests.failing import code_of_call as code
from tests.net.raw_client import EXHAUST_ALLOWED, MORE_TO_COME
from tests.surface.rows import row
from tests.surface.sending import answer, connected, send
from tests.wire.messages import body_section, command, op_compressed, op_msg, op_query, sequence_section

Db = Database[dict[str, Any]]
wire = partial(row, "Wire protocol")


@wire("header: messageLength,requestID,responseTo,opCode little-endian int32", "OP_MSG 2013", "OP_MSG section kind 0")
def header_and_body(db: Db) -> None:
    with connected(db) as client:
        client.send(command({"ping": 1, "$db": db.name}))
        reply = client.receive_message()
    length, _request, response_to, opcode, flags = struct.unpack("<iiiiI", reply[:20])
    assert (length, response_to, opcode, flags, reply[20]) == (len(reply), 7, 2013, 0, 0)


@wire("OP_MSG section kind 1", "OP_MSG unknown kind")
def sections(db: Db) -> None:
    insert = body_section({"insert": "c", "$db": db.name})
    with connected(db) as client:
        client.send(op_msg(sequence_section("documents", [{"_id": 1}, {"_id": 2}]), insert))
        assert client.receive()[2]["n"] == 2
        refused = answer(client, op_msg(insert, *[sequence_section("documents", [{"_id": 3}])] * 2))
        assert refused is None or refused["ok"] == 0
    with connected(db) as client:
        reply = answer(client, op_msg(b"\7" + insert[1:]))
        assert reply is None or reply["ok"] == 0
    assert db.c.count_documents({}) == 2


@wire("flag 0 checksumPresent", "flag 1 moreToCome", "flag 16 exhaustAllowed", "unknown required bits 2-15", "unknown optional bits 17-31")
def flags(db: Db) -> None:
    ping = {"ping": 1, "$db": db.name}
    with connected(db) as client:
        client.send(command(ping, flags=1))
        client.send(command({"insert": "c", "documents": [{}], "writeConcern": {"w": 0}, "$db": db.name}, MORE_TO_COME, request_id=8))
        assert client.receive()[1] == 7
        assert client.run(ping, flags=1 << 20)["ok"] == 1
        assert client.run(ping, flags=EXHAUST_ALLOWED)["ok"] == 1
    with connected(db) as client:
        reply = answer(client, command(ping, flags=1 << 5))
        assert reply is None or reply["code"] == 223
    assert db.c.count_documents({}) == 1


@wire("OP_COMPRESSED 2012", "compressor 0 noop", "compressor 2 zlib")
def compressed(db: Db) -> None:
    ping = command({"ping": 1, "$db": db.name})
    with connected(db) as client:
        assert client.run({"hello": 1, "compression": ["zlib"], "$db": "admin"})["compression"] == ["zlib"]
        for compressor, data in ((0, ping[16:]), (2, zlib.compress(ping[16:]))):
            client.send(op_compressed(ping, data, compressor))
            reply = client.receive_message()
            opcode, original, size, used = struct.unpack("<iiiB", reply[12:25])
            assert (opcode, original, used) == (2012, 2013, compressor)
            content = reply[25:] if compressor == 0 else zlib.decompress(reply[25:])
            assert len(content) == size


@wire("OP_QUERY 2004", "OP_REPLY 1")
def legacy(db: Db) -> None:
    with connected(db) as client:
        client.send(op_query("admin.$cmd", {"isMaster": 1, "helloOk": True}))
        reply = client.receive_message()
        assert struct.unpack("<i", reply[12:16])[0] == 1
        document = decode(reply[36:])
        assert (document["ismaster"], document["helloOk"]) == (True, True)
        client.send(op_query(f"{db.name}.$cmd", {"find": "c"}))
        assert decode(client.receive_message()[36:])["code"] == 352


@wire("command document: first key is the command name", "reply: ok double 1.0/0.0, errmsg, code, codeName, errorLabels")
def replies(db: Db) -> None:
    assert send(db, {"$db": db.name, "ping": 1})["code"] == 59
    error = send(db, {"nothing": 1, "$db": db.name})
    assert (error["ok"], error["code"], error["codeName"]) == (0.0, 59, "CommandNotFound")
    assert isinstance(error["ok"], float)
    assert isinstance(error["errmsg"], str)


@wire("reply: $clusterTime, operationTime on replica sets", "reply: n,nModified,upserted[]")
def write_replies(db: Db) -> None:
    reply = send(db, {"update": "c", "updates": [{"q": {"_id": 1}, "u": {"$set": {"a": 1}}, "upsert": True}], "$db": db.name})
    assert {"$clusterTime", "operationTime"} <= reply.keys()
    assert (reply["n"], reply["nModified"], reply["upserted"]) == (1, 0, [{"index": 0, "_id": 1}])


@wire("reply: cursor{id int64,ns,firstBatch|nextBatch[,postBatchResumeToken,atClusterTime,partialResultsReturned]}")
def cursor_replies(db: Db) -> None:
    db.c.insert_many([{}, {}])
    cursor = send(db, {"find": "c", "batchSize": 1, "$db": db.name})["cursor"]
    assert cursor.keys() == {"firstBatch", "id", "ns"}
    assert isinstance(cursor["id"], Int64)
    more = send(db, {"getMore": cursor["id"], "collection": "c", "$db": db.name})["cursor"]
    assert (more["id"], more["ns"], len(more["nextBatch"])) == (0, f"{db.name}.c", 1)


@wire("reply: writeErrors[{index,code,errmsg,keyPattern,keyValue,errInfo}]", "reply: writeConcernError{code,codeName,errmsg,errInfo}")
def write_errors(db: Db) -> None:
    documents = [{"_id": 1}, {"_id": 1}, {"_id": 2}, {"_id": 2}]
    reply = send(db, {"insert": "c", "documents": documents, "ordered": False, "$db": db.name})
    assert [error["index"] for error in reply["writeErrors"]] == [1, 3]
    assert reply["writeErrors"][0].keys() == {"index", "code", "errmsg", "keyPattern", "keyValue"}
    concern = send(db, {"insert": "c", "documents": [{}], "writeConcern": {"w": "none"}, "$db": db.name})
    assert concern["ok"] == 1
    assert {"code", "codeName", "errmsg"} <= concern["writeConcernError"].keys()


@wire(
    "hello: isWritablePrimary/ismaster/secondary/helloOk", "hello: topologyVersion{processId,counter int64}",
    "hello: maxBsonObjectSize 16777216",
    "hello: maxMessageSizeBytes 48000000", "hello: maxWriteBatchSize 100000", "hello: localTime, connectionId, readOnly",
    "hello: logicalSessionTimeoutMinutes 30", "hello: minWireVersion 0 / maxWireVersion 25 (8.0), 26 (8.1), 27 (8.2)",
    "hello: setName,setVersion,hosts,primary,me,electionId,lastWrite{opTime,lastWriteDate,majorityOpTime,majorityWriteDate},"
    "tags,arbiterOnly,hidden,passive",
)  # fmt: skip
def hello(db: Db) -> None:
    reply = send(db, {"hello": 1, "helloOk": True, "$db": "admin"})
    assert (reply["isWritablePrimary"], reply["secondary"], reply["helloOk"], reply["readOnly"]) == (True, False, True, False)
    assert isinstance(reply["topologyVersion"]["counter"], Int64)
    assert isinstance(reply["topologyVersion"]["processId"], ObjectId)
    sizes = (reply["maxBsonObjectSize"], reply["maxMessageSizeBytes"], reply["maxWriteBatchSize"], reply["logicalSessionTimeoutMinutes"])
    assert sizes == (16777216, 48000000, 100000, 30)
    assert (reply["minWireVersion"], reply["maxWireVersion"]) == (0, 27)
    assert {"localTime", "connectionId", "setName", "setVersion", "electionId"} <= reply.keys()
    assert reply["hosts"] == [reply["primary"]] == [reply["me"]]
    assert {"opTime", "lastWriteDate", "majorityOpTime", "majorityWriteDate"} == reply["lastWrite"].keys()
    assert send(db, {"isMaster": 1, "$db": "admin"})["ismaster"] is True


@wire("hello: compression, saslSupportedMechs, speculativeAuthenticate", "client metadata limits")
def handshake(db: Db) -> None:
    db.command("createUser", "surface", pwd="secret", roles=[])
    reply = send(db, {"hello": 1, "compression": ["zlib", "other"], "saslSupportedMechs": f"{db.name}.surface", "$db": "admin"})
    assert reply["compression"] == ["zlib"]
    assert sorted(reply["saslSupportedMechs"]) == ["SCRAM-SHA-1", "SCRAM-SHA-256"]
    client = {"driver": {"name": "d", "version": "1"}, "os": {"type": "x"}, "application": {"name": "a" * 129}}
    assert send(db, {"hello": 1, "client": client, "$db": "admin"})["ok"] == 0
    client = {"driver": {"name": "d" * 600, "version": "1"}, "os": {"type": "x"}}
    assert send(db, {"hello": 1, "client": client, "$db": "admin"})["ok"] == 0
    db.command("dropUser", "surface")


@wire(
    "limit: BSON document 16 MiB user, 16 MiB+16 KiB internal", "limit: nesting depth", "limit: pipeline 1000 stages", "limit: sort keys 32"
)
def limits(db: Db) -> None:
    assert send(db, {"insert": "c", "documents": [{"x": "x" * 16_777_216}], "$db": db.name})["writeErrors"][0]["code"] == 10334
    nested: dict[str, Any] = {}
    for _ in range(99):
        nested = {"a": nested}
    assert db.command("insert", "c", documents=[nested])["n"] == 1
    deep: dict[str, Any] = {}
    for _ in range(250):
        deep = {"a": deep}
    assert send(db, {"insert": "c", "documents": [deep], "$db": db.name})["ok"] == 0
    assert code(db.command, "find", "c", sort={f"f{n}": 1 for n in range(33)}) is not None
    assert code(db.command, "find", "c", sort={f"f{n}": 1 for n in range(32)}) is None


@wire("connection drop on malformed BSON/message")
def malformed(db: Db) -> None:
    with connected(db) as client:
        reply = answer(client, op_msg(body_section(struct.pack("<i", 2))))
        assert reply is None or reply["ok"] == 0
    assert db.command("ping")["ok"] == 1


@wire("limit: in-memory sort/group 100 MB")
def memory(db: Db) -> None:
    name = "internalQueryMaxBlockingSortMemoryUsageBytes"
    admin = db.client.admin
    usual = admin.command("getParameter", **{name: 1})[name]
    assert usual == 100 * 1024 * 1024
    admin.command("setParameter", **{name: 10_000})
    try:
        db.c.insert_many([{"_id": n, "x": "x" * 1000} for n in range(50)])
        assert code(db.command, "find", "c", sort={"x": 1}, allowDiskUse=False) == 292
        assert code(db.command, "find", "c", sort={"x": 1}, allowDiskUse=True) is None
    finally:
        admin.command("setParameter", **{name: usual})
