"""The protocol on one connection: messages, replies, exhaust and limits."""

from __future__ import annotations

import random
import struct
import zlib

import bson
import pytest

from secantus_server.server import SecantusDBServer
from tests.net.raw_client import EXHAUST_ALLOWED, MORE_TO_COME, RawClient, connected
from tests.waiting import threads_of_connections, wait_until
from tests.wire.messages import OP_COMPRESSED, OP_MSG, body_section, command, message, op_compressed, op_msg, op_query, sequence_section

HELLO = {"hello": 1, "$db": "admin"}
CLIENT = {"driver": {"name": "raw", "version": "1"}, "os": {"type": "Linux"}}


def test_a_reply_names_its_request(client: RawClient) -> None:
    client.send(command({"ping": 1}, request_id=4711))
    flags, response_to, reply = client.receive()
    assert (flags, response_to, reply["ok"]) == (0, 4711, 1.0)


def test_a_handshake_by_op_query(client: RawClient) -> None:
    client.send(op_query("admin.$cmd", {"isMaster": 1, "helloOk": True, "client": CLIENT}))
    raw = client.receive_message()
    assert struct.unpack_from("<ii", raw, 8) == (7, 1)
    reply = bson.decode(raw[36:])
    assert reply["ismaster"] is True
    assert reply["helloOk"] is True
    assert (reply["minWireVersion"], reply["maxWireVersion"]) == (0, 27)
    assert (reply["maxBsonObjectSize"], reply["maxMessageSizeBytes"], reply["maxWriteBatchSize"]) == (16777216, 48000000, 100000)
    assert client.run({"ping": 1})["ok"] == 1


def test_an_error_by_op_query(client: RawClient) -> None:
    client.send(op_query("admin.$cmd", {"nonsense": 1}))
    raw = client.receive_message()
    assert struct.unpack_from("<i", raw, 12) == (1,)
    assert bson.decode(raw[36:])["code"] == 352


def test_a_checksum(client: RawClient) -> None:
    assert client.run({"ping": 1}, flags=1)["ok"] == 1
    raw = bytearray(command({"ping": 1}, flags=1))
    raw[-1] ^= 1
    client.send(bytes(raw))
    assert client.is_closed()


def test_more_to_come_gets_no_reply(client: RawClient) -> None:
    insert = op_msg(
        body_section({"insert": "quiet", "$db": "test", "writeConcern": {"w": 0}}),
        sequence_section("documents", [{"_id": 1}]),
        flags=MORE_TO_COME,
    )
    client.send(insert)
    client.send(insert)
    client.send(command({"nonsense": 1}, MORE_TO_COME))
    client.send(op_msg(body_section(b"\x08\0\0\0\x55a\0\0"), flags=MORE_TO_COME))
    assert client.run({"count": "quiet"})["n"] == 1


def test_pipelined_messages_are_answered_in_order(client: RawClient) -> None:
    client.send(b"".join(command({"ping": 1}, request_id=number) for number in range(50)))
    assert [client.receive()[1] for _ in range(50)] == list(range(50))


def test_both_paths_answer_messages_in_any_pieces(client: RawClient) -> None:
    client.run({"insert": "pieces", "documents": [{"_id": number} for number in range(8)], "$db": "test"})
    bodies = [
        {"find": "pieces", "filter": {"_id": number // 2}, "$db": "test"} if number % 2 else {"ping": 1, "number": number}
        for number in range(16)
    ]
    data = b"".join(command(body, request_id=number) for number, body in enumerate(bodies))
    for size in (len(data), 1, 15, 16, 100, 101, 163):
        for start in range(0, len(data), size):
            client.send(data[start : start + size])
        for number in range(16):
            _, response_to, reply = client.receive()
            assert response_to == number
            if number % 2:
                assert reply["cursor"]["firstBatch"] == [{"_id": number // 2}]


def test_a_message_sent_byte_by_byte(client: RawClient) -> None:
    for byte in command({"ping": 1}):
        client.send(bytes([byte]))
    assert client.receive()[2]["ok"] == 1


def test_compression_is_negotiated(client: RawClient) -> None:
    assert client.run({**HELLO, "client": CLIENT, "compression": ["nonsense", "zlib"]})["compression"] == ["zlib"]
    plain = command({"ping": 1})
    client.send(op_compressed(plain, zlib.compress(plain[16:]), 2))
    raw = client.receive_message()
    assert struct.unpack_from("<iiiB", raw, 12) == (OP_COMPRESSED, OP_MSG, len(zlib.decompress(raw[25:])), 2)
    assert bson.decode(zlib.decompress(raw[25:])[5:])["ok"] == 1


def test_invalid_bson_is_answered_and_the_connection_stays_open(client: RawClient) -> None:
    client.send(op_msg(body_section(b"\x08\0\0\0\x55a\0\0")))
    reply = client.receive()[2]
    assert (reply["ok"], reply["code"], reply["codeName"]) == (0.0, 22, "InvalidBSON")
    assert client.run({"ping": 1})["ok"] == 1


@pytest.mark.parametrize(
    ("document", "code"),
    [({"ping": 1, "$db": 1}, 14), ({"ping": 1, "$db": ""}, 73), ({"ping": 1, "$db": "a b"}, 73), ({"ping": 1, "$db": "x" * 65}, 73)],
)
def test_an_invalid_database_name(client: RawClient, document: dict[str, object], code: int) -> None:
    assert client.run(document)["code"] == code


def test_a_message_without_a_database(client: RawClient) -> None:
    client.send(op_msg(body_section({"ping": 1})))
    assert client.receive()[2]["code"] == 40571


# ---------------------------------------------------------------- exhaust


def test_exhaust_hello_continues_until_the_server_stops(clean_server: SecantusDBServer) -> None:
    with connected(clean_server) as client:
        version = client.run(HELLO)["topologyVersion"]
        client.send(command({**HELLO, "topologyVersion": version, "maxAwaitTimeMS": 20}, EXHAUST_ALLOWED))
        answers = 7
        for _ in range(3):
            raw = client.receive_message()
            reply_id, response_to, flags = struct.unpack_from("<4xii4xI", raw)
            assert (flags, response_to) == (MORE_TO_COME, answers), "each exhaust reply answers the one before it"
            assert bson.decode(raw[21:])["topologyVersion"] == version
            answers = reply_id
        clean_server.stop()
        flags = MORE_TO_COME
        while True:
            try:
                flags = client.receive()[0]
            except (EOFError, ConnectionResetError):
                break
        assert flags == 0, "the stream ends by itself; the stop does not have to cut it off"


def test_exhaust_hello_without_a_topology_version_is_answered_once(client: RawClient) -> None:
    client.send(command(HELLO, EXHAUST_ALLOWED))
    assert client.receive()[0] == 0
    assert client.run({"ping": 1})["ok"] == 1


def test_exhaust_get_more_sends_every_batch(client: RawClient) -> None:
    client.run({"insert": "exhaust", "documents": [{"_id": number} for number in range(25)]})
    cursor = client.run({"find": "exhaust", "batchSize": 5})["cursor"]
    client.send(command({"getMore": bson.Int64(cursor["id"]), "collection": "exhaust", "batchSize": 6}, EXHAUST_ALLOWED))
    found, flags = [document["_id"] for document in cursor["firstBatch"]], MORE_TO_COME
    while flags & MORE_TO_COME:
        flags, _, reply = client.receive()
        assert bool(flags & MORE_TO_COME) == bool(reply["cursor"]["id"])
        found += [document["_id"] for document in reply["cursor"]["nextBatch"]]
    assert found == list(range(25))
    assert client.run({"ping": 1})["ok"] == 1


def test_an_error_ends_exhaust(client: RawClient) -> None:
    client.send(command({"getMore": bson.Int64(1), "collection": "exhaust"}, EXHAUST_ALLOWED))
    flags, _, reply = client.receive()
    assert (flags, reply["code"]) == (0, 43)


def test_an_awaitable_hello_is_answered_after_its_maximum_wait(client: RawClient) -> None:
    version = client.run(HELLO)["topologyVersion"]
    reply = client.run({**HELLO, "topologyVersion": version, "maxAwaitTimeMS": 60})
    assert reply["topologyVersion"] == version


def test_an_awaitable_hello_waits_for_a_change(clean_server: SecantusDBServer) -> None:
    services = clean_server.services
    with connected(clean_server) as client:
        version = client.run(HELLO)["topologyVersion"]
        client.send(command({**HELLO, "topologyVersion": version, "maxAwaitTimeMS": 100_000}))
        wait_until(lambda: any("topologyVersion" in one.body for one in services.operations.all()), "the hello does not wait")
        services.topology.close()
        assert client.receive()[2]["topologyVersion"] == version


def test_a_hello_with_the_version_of_another_process_is_answered_immediately(client: RawClient) -> None:
    version = {"processId": bson.ObjectId(), "counter": bson.Int64(6)}
    assert client.run({**HELLO, "topologyVersion": version, "maxAwaitTimeMS": 100_000})["ok"] == 1


@pytest.mark.parametrize(
    ("extra", "code"),
    [
        ({"maxAwaitTimeMS": 10}, 31368),
        ({"topologyVersion": {"processId": bson.ObjectId(), "counter": bson.Int64(1)}}, 31368),
        ({"topologyVersion": {"processId": 1, "counter": bson.Int64(1)}, "maxAwaitTimeMS": 1}, 31372),
        ({"topologyVersion": {"processId": bson.ObjectId(), "counter": bson.Int64(1)}, "maxAwaitTimeMS": "x"}, 14),
        ({"topologyVersion": {"processId": bson.ObjectId(), "counter": bson.Int64(1)}, "maxAwaitTimeMS": -1}, 31373),
    ],
)
def test_an_awaitable_hello_with_invalid_arguments(client: RawClient, extra: dict[str, object], code: int) -> None:
    assert client.run({**HELLO, **extra})["code"] == code


# ---------------------------------------------------------------- limits


def padded(size: int, number: int = 1) -> bytes:
    """Return a document of exactly `size` bytes."""
    document = bson.encode({"_id": number, "x": b""})
    return bson.encode({"_id": number, "x": b"x" * (size - len(document))})


@pytest.mark.parametrize(("size", "code"), [(16 << 20, None), ((16 << 20) + 1, 10334), ((16 << 20) + (16 << 10) + 1, 10334)])
def test_documents_of_sixteen_megabytes(client: RawClient, size: int, code: int | None) -> None:
    client.send(op_msg(body_section({"insert": f"large{size}", "$db": "test"}), sequence_section("documents", [padded(size)])))
    reply = client.receive()[2]
    assert code == reply.get("code", reply.get("writeErrors", [{}])[0].get("code"))
    if code is None:
        assert reply["n"] == 1
        assert len(bson.encode(client.run({"find": f"large{size}"})["cursor"]["firstBatch"][0])) == size
        changed = client.run({"update": f"large{size}", "updates": [{"q": {}, "u": {"$set": {"y": 1}}}]})
        assert changed["writeErrors"][0]["code"] in (17419, 10334)
    client.run({"drop": f"large{size}"})


def test_a_message_of_forty_eight_megabytes(client: RawClient) -> None:
    start = op_msg(body_section({"insert": "huge", "$db": "test"}), sequence_section("documents", []))
    room = 48_000_000 - len(start)
    documents = [padded(room // 3, number) for number in range(2)]
    documents.append(padded(room - sum(map(len, documents)), 2))
    raw = op_msg(body_section({"insert": "huge", "$db": "test"}), sequence_section("documents", documents))
    assert len(raw) == 48_000_000
    client.send(raw)
    assert client.receive()[2]["n"] == 3
    client.run({"drop": "huge"})
    client.send(struct.pack("<i", 48_000_001))
    client.send(raw[4:16])
    assert client.is_closed()


@pytest.mark.parametrize(
    ("name", "key", "statement"),
    [
        ("insert", "documents", {}),
        ("update", "updates", {"q": {"_id": 1}, "u": {"$set": {"a": 1}}}),
        ("delete", "deletes", {"q": {"_id": 1}, "limit": 1}),
    ],
)
def test_more_than_a_hundred_thousand_statements_are_refused(client: RawClient, name: str, key: str, statement: dict[str, object]) -> None:
    raw = bson.encode(statement)
    client.send(op_msg(body_section({name: "many", "$db": "test"}), sequence_section(key, [raw] * 100_001)))
    reply = client.receive()[2]
    assert (reply["code"], reply["codeName"]) == (16, "InvalidLength")
    assert reply["errmsg"] == "Write batch sizes must be between 1 and 100000. Got 100001 operations."
    client.send(op_msg(body_section({name: "many", "$db": "test"}), sequence_section(key, [])))
    assert client.receive()[2]["code"] == 16


def test_a_hundred_thousand_statements_are_executed(client: RawClient) -> None:
    client.send(op_msg(body_section({"insert": "many", "$db": "test"}), sequence_section("documents", [b"\5\0\0\0\0"] * 100_000)))
    assert client.receive()[2]["n"] == 100_000
    client.run({"drop": "many"})


# ---------------------------------------------------------------- misbehaving clients


def test_incomplete_messages_do_not_delay_other_connections(clean_server: SecantusDBServer) -> None:
    others = threads_of_connections()
    chance = random.Random(1)
    whole = command({"ping": 1})
    idle = [RawClient(clean_server) for _ in range(120)]
    for one in idle:
        one.send(whole[: chance.randrange(len(whole))])
    with connected(clean_server) as client:
        assert client.run({"ping": 1})["ok"] == 1
    for one in idle:
        one.close()
    wait_until(lambda: clean_server.services.counters.value("connectionsEnded") == 121, "connections are left over")
    wait_until(lambda: not threads_of_connections(others), "threads are left over")


def test_a_client_that_does_not_read_delays_no_other(clean_server: SecantusDBServer) -> None:
    others = threads_of_connections()
    with connected(clean_server) as greedy, connected(clean_server) as client:
        client.send(
            op_msg(
                body_section({"insert": "big", "$db": "test"}),
                sequence_section("documents", [padded(8 << 20, number) for number in range(2)]),
            )
        )
        assert client.receive()[2]["n"] == 2
        for _ in range(10):
            greedy.send(command({"find": "big"}))
        for _ in range(20):
            assert client.run({"ping": 1})["ok"] == 1
        clean_server.stop()
        assert not threads_of_connections(others), "stop() gave up waiting for a connection"


# The first bytes of a TLS handshake. Read as a message header, they announce more bytes than the client will send.
TLS = bytes.fromhex("160301020001000001fc0303") + bytes(200)
HTTP = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"


@pytest.mark.parametrize("raw", [message(1, bytes(20)), message(OP_MSG, b""), HTTP, TLS, bytes(100)])
def test_bytes_of_another_protocol_end_only_their_connection(client: RawClient, server: SecantusDBServer, raw: bytes) -> None:
    client.send(raw)
    assert client.is_closed()
    with connected(server) as other:
        assert other.run({"ping": 1})["ok"] == 1
