"""A getMore of a change stream that waits in the express lane: who answers it, and with what."""

from __future__ import annotations

import itertools
import struct
import sys
from collections.abc import Iterator
from threading import Thread
from typing import Any

import bson
import pytest
from bson import Int64
from pymongo import MongoClient

from secantus_server.net.connection import Connection
from secantus_server.net.direct import DirectTransport
from secantus_server.oplog._write_signal import MOST_CLAIMED, MOST_KEPT_BYTES
from secantus_server.oplog.resume_tokens import parse_token
from secantus_server.server import SecantusDBServer
from secantus_server.work.change_streams.cursor import ChangeStreamCursor
from tests.work.test_express import Document, Side, message

SECOND = 1000


class Stream:
    """A change stream on a connection with the express lane, whose first getMore was answered."""

    def __init__(self, server: SecantusDBServer, writer: Side, pipeline: list[Document] | None = None) -> None:
        self.side = Side(server, True)
        self.pushed: list[bytes] = []
        #: The number of bytes that the transport accepts at once.
        self.room = 1 << 20
        stages = [{"$changeStream": {}}, *(pipeline or [])]
        self.id = self.side.run(message({"aggregate": "c", "pipeline": stages, "cursor": {}}))["cursor"]["id"]
        writer.run(message({"insert": "c", "documents": [{"first": self.id}]}))
        assert len(self.side.run(self.get_more())["cursor"]["nextBatch"]) == 1

    def get_more(self, **fields: Any) -> bytes:
        return message({"getMore": Int64(self.id), "collection": "c", "maxTimeMS": 60 * SECOND, **fields})

    def push(self, data: bytes) -> int:
        self.pushed.append(data[: self.room])
        return min(len(data), self.room)

    def ask(self, **fields: Any) -> Any:
        """Send a getMore. Return its reply, its wait, or None if the general path must run it."""
        assert self.side.lane is not None
        return self.side.lane.answer(self.get_more(**fields), self.side.ids, self.push)


@pytest.fixture
def server() -> Iterator[SecantusDBServer]:
    with SecantusDBServer(port=0, storage_path=":memory:", log_level="error") as server:
        yield server


@pytest.fixture
def writer(server: SecantusDBServer) -> Side:
    side = Side(server, True)
    for name in ("c", "other"):
        side.run(message({"insert": name, "documents": [{"_id": "zero"}]}))
        side.run(message({"insert": name, "documents": [{"_id": "one"}]}))
    return side


def write(writer: Side, body: Document, **sequences: list[Document]) -> None:
    assert writer.run(message(body, sequences))["ok"] == 1


def document(data: bytes) -> Document:
    return bson.decode(data[21:])


def batch(data: bytes) -> list[Document]:
    events: list[Document] = document(data)["cursor"]["nextBatch"]
    return events


WRITES: list[tuple[Document, dict[str, list[Document]]]] = [
    ({"insert": "c", "documents": [{"_id": 1, "n": 1}]}, {}),
    ({"insert": "c"}, {"documents": [{"_id": "text", "n": 1}]}),
    ({"insert": "c"}, {"documents": [{"n": {"a": [1, 2.5]}}]}),
    *(({"insert": "c", "documents": [{"_id": key, "n": 1}]}, {}) for key in (0, -300, Int64(2**40), "", "\u00e4" * 400)),
    ({"delete": "c"}, {"deletes": [{"q": {"_id": "one"}, "limit": 1}]}),
]


@pytest.mark.parametrize(("body", "sequences"), WRITES)
def test_the_committing_thread_sends_the_event(
    server: SecantusDBServer, writer: Side, body: Document, sequences: dict[str, list[Document]]
) -> None:
    stream, other = Stream(server, writer), Stream(server, writer, [{"$match": {}}])
    stream.side.run(stream.get_more())
    wait = stream.ask()
    write(writer, body, **sequences)
    assert wait.wait() == b""
    general = other.side.run(other.get_more())
    (sent,) = map(document, stream.pushed)
    assert sent["cursor"]["nextBatch"] == general["cursor"]["nextBatch"]
    assert sent["cursor"]["postBatchResumeToken"] == general["cursor"]["postBatchResumeToken"]
    assert list(sent) == list(general)
    assert list(sent["cursor"]) == list(general["cursor"])


def test_a_stream_continues_after_a_sent_event(server: SecantusDBServer, writer: Side) -> None:
    stream = Stream(server, writer)
    wait = stream.ask()
    write(writer, {"insert": "c", "documents": [{"_id": 1}]})
    assert wait.wait() == b""
    token = document(stream.pushed[0])["cursor"]["postBatchResumeToken"]
    cursor = server.services.cursors.peek(stream.id)
    assert isinstance(cursor, ChangeStreamCursor)
    assert cursor.reader.token == parse_token(token["_data"])
    # The general path ends the wait without an event, and keeps the last event's token until it has read past another change.
    assert stream.side.run(stream.get_more(maxTimeMS=1))["cursor"]["postBatchResumeToken"] == token
    write(writer, {"insert": "other", "documents": [{"_id": 1}]})
    assert stream.side.run(stream.get_more(maxTimeMS=1))["cursor"]["postBatchResumeToken"]["_data"] > token["_data"]
    assert (cursor.given, cursor.in_use) == (2, False)


@pytest.mark.parametrize(("body", "sequences"), WRITES)
@pytest.mark.parametrize("first", [1000, "first", Int64(2**50)])
def test_later_events_are_made_from_the_first(
    server: SecantusDBServer, writer: Side, first: Any, body: Document, sequences: dict[str, list[Document]]
) -> None:
    stream, other = Stream(server, writer), Stream(server, writer, [{"$match": {}}])
    stream.side.run(stream.get_more())
    stream.ask()
    write(writer, {"insert": "c", "documents": [{"_id": first}]})
    other.side.run(other.get_more())
    # The second event is like the tested one, the third shows that the reply with the first event has not changed.
    for one in ((body, sequences), ({"insert": "c", "documents": [{"_id": "last", "a": {"b": [first]}}]}, {})):
        wait = stream.ask()
        write(writer, one[0], **one[1])
        assert wait.wait() == b""
        general = other.side.run(other.get_more())
        data = stream.pushed[-1]
        sent = document(data)
        assert struct.unpack_from("<iii", data) == (len(data), struct.unpack_from("<i", stream.pushed[-2], 4)[0] + 1, 7)
        assert bson.encode(sent) == data[21:]
        assert sent["cursor"]["nextBatch"] == general["cursor"]["nextBatch"]
        assert sent["cursor"]["postBatchResumeToken"] == general["cursor"]["postBatchResumeToken"]
        assert {**sent, "cursor": {**sent["cursor"], "id": 0}} == {**general, "cursor": {**general["cursor"], "id": 0}}
        cursor = server.services.cursors.peek(stream.id)
        assert isinstance(cursor, ChangeStreamCursor)
        assert cursor.reader.token_text == sent["cursor"]["nextBatch"][0]["_id"]["_data"]


def test_streams_that_come_and_go_miss_no_event(server: SecantusDBServer, writer: Side) -> None:
    streams = [Stream(server, writer)]
    numbers = itertools.count()

    def step() -> None:
        """Let all streams wait, and check that each gets the next event, as part of an answer or in the general path."""
        waits = [stream.ask() for stream in streams]
        number = next(numbers)
        write(writer, {"insert": "c", "documents": [{"_id": number}]})
        for stream, wait in zip(streams, waits, strict=True):
            sent = wait is not None and wait.wait() is not None
            events = batch(stream.pushed[-1]) if sent else stream.side.run(stream.get_more())["cursor"]["nextBatch"]
            assert [event["documentKey"]["_id"] for event in events] == [number]

    step()
    step()
    added = Stream(server, writer)
    assert len(streams[0].side.run(streams[0].get_more())["cursor"]["nextBatch"]) == 1
    streams.append(added)
    step()
    step()
    gone = streams.pop(0)
    gone.side.run(message({"killCursors": "c", "cursors": [Int64(gone.id)]}))
    step()
    step()


def test_an_event_is_sent_once(server: SecantusDBServer, writer: Side) -> None:
    stream = Stream(server, writer)
    for number in range(5):
        wait = stream.ask()
        write(writer, {"insert": "c", "documents": [{"_id": number}]})
        assert wait.wait() == b""
    # An update has no plain event, so the general path reads it.
    wait = stream.ask()
    write(writer, {"update": "c"}, updates=[{"q": {"_id": 1}, "u": {"$set": {"n": 2}}}])
    assert wait.wait() is None
    (event,) = stream.side.run(stream.get_more())["cursor"]["nextBatch"]
    assert event["operationType"] == "update"
    assert [one["documentKey"]["_id"] for data in stream.pushed for one in batch(data)] == [0, 1, 2, 3, 4]
    assert stream.pushed[-1] != b""
    assert stream.ask() is not None


def test_the_connection_sends_what_did_not_fit(server: SecantusDBServer, writer: Side) -> None:
    stream = Stream(server, writer)
    stream.room = 30
    wait = stream.ask()
    write(writer, {"insert": "c", "documents": [{"_id": 1}]})
    assert batch(stream.pushed[0] + wait.wait())[0]["documentKey"] == {"_id": 1}


def test_changes_between_two_commands_are_kept(server: SecantusDBServer, writer: Side) -> None:
    stream = Stream(server, writer)
    for number in range(3):
        write(writer, {"insert": "c", "documents": [{"_id": number}]})
    assert [event["documentKey"]["_id"] for event in batch(stream.ask())] == [0, 1, 2]
    # More changes than are kept.
    for number in range(3, 40):
        write(writer, {"insert": "c", "documents": [{"_id": number}]})
    assert stream.ask() is None
    events = stream.side.run(stream.get_more())["cursor"]["nextBatch"]
    assert [event["documentKey"]["_id"] for event in events] == list(range(3, 40))


def test_a_large_change_is_not_kept(server: SecantusDBServer, writer: Side) -> None:
    stream = Stream(server, writer)
    for number, size in enumerate((1, MOST_KEPT_BYTES, 1)):
        write(writer, {"insert": "c", "documents": [{"_id": number, "text": "x" * size}]})
    assert stream.ask() is None
    events = stream.side.run(stream.get_more())["cursor"]["nextBatch"]
    assert [event["documentKey"]["_id"] for event in events] == [0, 1, 2]


def test_a_waiting_command_receives_a_large_change(server: SecantusDBServer, writer: Side) -> None:
    stream = Stream(server, writer)
    wait = stream.ask()
    write(writer, {"insert": "c", "documents": [{"_id": 1, "text": "x" * MOST_KEPT_BYTES}]})
    assert wait.wait() == b""
    assert len(batch(stream.pushed[0])) == 1


def test_only_a_small_reply_is_kept(server: SecantusDBServer, writer: Side) -> None:
    references = []
    for size in (1 << 10, 1 << 17):
        stream = Stream(server, writer)
        wait = stream.ask()
        write(writer, {"insert": "c", "documents": [{"s": "x" * size}]})
        assert wait.wait() == b""
        references.append(sys.getrefcount(stream.pushed[-1]))
    # The cursor refers to the small one.
    assert references[0] == references[1] + 1


def test_the_general_path_reads_kept_changes(server: SecantusDBServer, writer: Side) -> None:
    stream = Stream(server, writer)
    write(writer, {"insert": "c", "documents": [{"_id": 1}]})
    (event,) = stream.side.run(stream.get_more(batchSize=1))["cursor"]["nextBatch"]
    assert event["documentKey"] == {"_id": 1}


def test_an_undone_change_is_not_sent(server: SecantusDBServer, writer: Side) -> None:
    stream = Stream(server, writer)
    kept = server.services.oplog.newest_stamp
    write(writer, {"insert": "c", "documents": [{"_id": 1}]})
    server.services.oplog.note_restore(kept)
    assert stream.ask() is None


def test_the_wait_ends_at_its_time_limit(server: SecantusDBServer, writer: Side) -> None:
    stream = Stream(server, writer)
    before = server.services.oplog.newest_stamp
    write(writer, {"insert": "other", "documents": [{"_id": 1}]})
    reply = document(stream.ask(maxTimeMS=1).wait())
    assert reply["cursor"]["nextBatch"] == []
    assert reply["cursor"]["id"] == stream.id
    assert int(reply["cursor"]["postBatchResumeToken"]["_data"][2:18], 16) > before
    assert server.services.operations.all() == []


def test_a_killed_cursor_ends_the_wait(server: SecantusDBServer, writer: Side) -> None:
    stream = Stream(server, writer)
    wait = stream.ask()
    writer.run(message({"killCursors": "c", "cursors": [Int64(stream.id)]}))
    assert wait.wait() is None
    assert stream.side.run(stream.get_more())["code"] == 237
    assert stream.side.run(stream.get_more())["code"] == 43


def test_a_killed_operation_ends_the_wait(server: SecantusDBServer, writer: Side) -> None:
    stream = Stream(server, writer)
    wait = stream.ask()
    (operation,) = server.services.operations.all()
    assert operation.body["getMore"] == stream.id
    server.services.operations.kill(operation.opid)
    assert wait.wait() is None
    assert stream.side.run(stream.get_more())["code"] == 11601
    assert server.services.operations.all() == []


def test_a_killed_operation_gets_no_event(server: SecantusDBServer, writer: Side) -> None:
    operations = server.services.operations

    class Killing(Stream):
        def push(self, data: bytes) -> int:
            for operation in operations.all():
                if "getMore" in operation.body:
                    operations.kill(operation.opid)
            return super().push(data)

    streams = Killing(server, writer), Killing(server, writer)
    streams[0].side.run(streams[0].get_more())
    waits = [stream.ask() for stream in streams]
    writer.run(message({"insert": "c", "documents": [{"_id": 1}]}))
    # The first event was sent before the operation of the other stream was killed.
    assert sorted(wait.wait() is None for wait in waits) == [False, True]
    assert sorted(len(stream.pushed) for stream in streams) == [0, 1]


@pytest.mark.parametrize(
    ("command", "kinds"),
    [
        ({"drop": "c"}, ["drop", "invalidate"]),
        ({"renameCollection": "shop.c", "to": "shop.new", "$db": "admin"}, ["rename", "invalidate"]),
        ({"renameCollection": "shop.other", "to": "shop.c", "dropTarget": True, "$db": "admin"}, ["rename", "invalidate"]),
        ({"renameCollection": "shop.c", "to": "elsewhere.c", "$db": "admin"}, ["drop", "invalidate"]),
        ({"dropDatabase": 1}, ["drop", "invalidate"]),
    ],
)
def test_the_end_of_a_collection_ends_the_wait(server: SecantusDBServer, writer: Side, command: Document, kinds: list[str]) -> None:
    stream = Stream(server, writer)
    wait = stream.ask()
    assert writer.run(message(command))["ok"] == 1
    assert wait.wait() is None
    events = stream.side.run(stream.get_more())["cursor"]["nextBatch"]
    assert [event["operationType"] for event in events] == kinds


def test_commands_on_other_collections_do_not_end_the_wait(server: SecantusDBServer, writer: Side) -> None:
    stream = Stream(server, writer)
    wait = stream.ask()
    for command in (
        {"create": "new"},
        {"createIndexes": "other", "indexes": [{"key": {"a": 1}, "name": "a"}]},
        {"renameCollection": "shop.new", "to": "shop.newer", "$db": "admin"},
        {"drop": "other"},
    ):
        assert writer.run(message(command))["ok"] == 1
    cursor = server.services.cursors.peek(stream.id)
    assert cursor is not None
    assert cursor.watch is not None
    assert not cursor.watch.stale
    write(writer, {"insert": "c", "documents": [{"_id": 1}]})
    assert wait.wait() == b""
    assert [event["documentKey"] for event in batch(stream.pushed[0])] == [{"_id": 1}]


def test_another_command_cannot_use_the_cursor_meanwhile(server: SecantusDBServer, writer: Side) -> None:
    stream = Stream(server, writer)
    wait = stream.ask()
    assert writer.run(stream.get_more())["code"] == 12051
    write(writer, {"insert": "c", "documents": [{"_id": 1}]})
    assert wait.wait() == b""


@pytest.mark.parametrize(
    ("pipeline", "fields"),
    [
        ([{"$match": {}}], {}),
        ([], {"batchSize": 0}),
        ([], {"maxTimeMS": 0}),
        ([], {"collection": "other"}),
        ([], {"lsid": {"id": bson.Binary(bytes(16), 4)}}),
        ([], {"comment": "x"}),
    ],
)
def test_other_commands_take_the_general_path(
    server: SecantusDBServer, writer: Side, pipeline: list[Document], fields: dict[str, Any]
) -> None:
    stream = Stream(server, writer, pipeline)
    assert stream.ask(**fields) is None
    assert server.services.operations.all() == []


def test_a_commit_wakes_the_waiters_that_it_does_not_answer(server: SecantusDBServer, writer: Side) -> None:
    streams = [Stream(server, writer) for _ in range(MOST_CLAIMED + 2)]
    for stream in streams:
        stream.side.run(stream.get_more(maxTimeMS=1))
    waits = [stream.ask() for stream in streams]
    write(writer, {"insert": "c", "documents": [{"_id": 1}]})
    woken = [stream for stream, wait in zip(streams, waits, strict=True) if wait.wait() is None]
    assert len(woken) == 2
    for stream in woken:
        events = stream.side.run(stream.get_more())["cursor"]["nextBatch"]
        assert [event["documentKey"]["_id"] for event in events] == [1]


def test_a_batch_has_at_most_the_requested_size(server: SecantusDBServer, writer: Side) -> None:
    stream = Stream(server, writer)
    for number in range(3):
        write(writer, {"insert": "c", "documents": [{"_id": number}]})
    assert stream.ask(batchSize=2) is None
    assert len(stream.side.run(stream.get_more(batchSize=2))["cursor"]["nextBatch"]) == 2
    assert len(stream.side.run(stream.get_more())["cursor"]["nextBatch"]) == 1


def test_an_error_with_one_waiter_leaves_no_other_waiting(server: SecantusDBServer, writer: Side) -> None:
    def fail(_data: bytes) -> int:
        raise ValueError("broken")

    streams = [Stream(server, writer) for _ in range(2)]
    for stream in streams:
        stream.side.run(stream.get_more(maxTimeMS=1))
        stream.push = fail  # type: ignore[method-assign, assignment]
    waits = [stream.ask() for stream in streams]
    with pytest.raises(ValueError, match="broken"):
        write(writer, {"insert": "c", "documents": [{"_id": 1}]})
    assert [len(batch(wait.wait())) for wait in waits] == [1, 1]


def test_an_interrupted_writer_leaves_no_client_waiting(server: SecantusDBServer, writer: Side) -> None:
    class Interrupted(DirectTransport):
        def send(self, data: bytes) -> None:
            raise KeyboardInterrupt

    stream = Stream(server, writer)
    wait = stream.ask()
    connection = Connection(Interrupted(), writer.client, writer.services)
    with pytest.raises(KeyboardInterrupt):
        connection.answer_express(message({"insert": "c", "documents": [{"_id": 1}]}))
    assert wait.wait() == b""
    assert [event["documentKey"] for event in batch(stream.pushed[0])] == [{"_id": 1}]


def test_a_writer_that_does_not_read_delays_no_event(server: SecantusDBServer, writer: Side) -> None:
    class Full(DirectTransport):
        def send(self, data: bytes) -> None:
            waits.append(wait.wait())

    waits: list[bytes | None] = []
    stream = Stream(server, writer)
    wait = stream.ask()
    connection = Connection(Full(), writer.client, writer.services)
    assert connection.answer_express(message({"insert": "c", "documents": [{"_id": 1}]}), len)
    assert waits == [b""]


def test_a_client_of_a_socket_gets_each_event_once(server: SecantusDBServer) -> None:
    client: MongoClient[Document]
    with MongoClient(server.uri) as client, client.shop.c.watch(max_await_time_ms=20 * SECOND) as stream:
        found: list[tuple[str, Any]] = []

        def read() -> None:
            while len(found) < 420:
                event = next(stream)
                found.append((event["operationType"], event["documentKey"]["_id"]))

        reader = Thread(target=read)
        reader.start()
        for number in range(300):
            client.shop.c.insert_one({"_id": number})
            if number % 5 == 0:
                client.shop.c.update_one({"_id": number}, {"$set": {"n": 1}})
                client.shop.c.delete_one({"_id": number})
        reader.join(60)
    kinds = {True: ["insert", "update", "delete"], False: ["insert"]}
    assert found == [(kind, number) for number in range(300) for kind in kinds[number % 5 == 0]]
