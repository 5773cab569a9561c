"""Text that is not valid UTF-8 is stored, compared and returned byte by byte, as MongoDB does."""

from __future__ import annotations

import bson
import pytest

from tests.net.raw_client import RawClient
from tests.wire.messages import body_section, op_msg

PLACE = b"ABCD"
BYTES = b"AB\xe9D"


def run(client: RawClient, document: dict[str, object]) -> bytes:
    """Send a command with PLACE replaced by the invalid bytes; return the bytes of the reply."""
    client.send(op_msg(body_section(bson.encode(document if "$db" in document else {**document, "$db": "utf8"}).replace(PLACE, BYTES))))
    return client.receive_message()[21:]


@pytest.fixture(autouse=True)
def stored(client: RawClient) -> None:
    client.run({"dropDatabase": 1, "$db": "utf8"})
    reply = run(
        client, {"insert": "c", "documents": [{"_id": "ABCD", "s": "ABCD", "ABCD": 1, "r": bson.Regex("ABCD"), "n": {"ABCD": ["ABCD"]}}]}
    )
    assert bson.decode(reply) | {"n": 1, "ok": 1.0} == bson.decode(reply)


@pytest.mark.parametrize(
    "query",
    [
        {"_id": "ABCD"},
        {"s": "ABCD"},
        {"s": {"$in": ["ABCD"]}},
        {"s": {"$regex": "^AB"}},
        {"ABCD": 1},
        {"n.ABCD": "ABCD"},
        {"$expr": {"$eq": ["$s", "ABCD"]}},
    ],
)
def test_it_is_found(client: RawClient, query: dict[str, object]) -> None:
    assert BYTES + b"\0" in run(client, {"find": "c", "filter": query})


def test_it_is_found_by_an_index(client: RawClient) -> None:
    assert b"errmsg" not in run(
        client, {"createIndexes": "c", "indexes": [{"key": {"ABCD": 1}, "name": "ABCD"}, {"key": {"s": 1}, "name": "s"}]}
    )
    assert BYTES in run(client, {"find": "c", "filter": {"s": "ABCD"}, "hint": "s"})
    assert BYTES in run(client, {"find": "c", "filter": {"ABCD": 1}, "hint": "ABCD"})


@pytest.mark.parametrize(
    "update",
    [
        {"$set": {"ABCD": 2}},
        {"$rename": {"ABCD": "renamed"}},
        {"$unset": {"n.ABCD": 1}},
        {"$push": {"n.ABCD": "ABCD"}},
        [{"$set": {"t": {"$toUpper": "$s"}, "l": {"$strLenBytes": "$s"}, "c": {"$concat": ["$s", "ABCD"]}}}],
        [{"$project": {"ABCD": 1}}],
    ],
)
def test_it_is_updated(client: RawClient, update: object) -> None:
    reply = bson.decode(run(client, {"update": "c", "updates": [{"q": {"s": "ABCD"}, "u": update}]}))
    assert reply["nModified"] == 1, reply


@pytest.mark.parametrize(
    "document", [{"ABCD": 1}, {"find": "c", "filter": {"s": {"$ABCD": 1}}}, {"find": "ABCD"}, {"find": "c", "$db": "ABCD"}]
)
def test_an_error_text_is_valid_utf8(client: RawClient, document: dict[str, object]) -> None:
    reply = bson.decode(run(client, document))
    assert "AB\ufffdD" in reply["errmsg"]


def test_a_duplicate_key_has_the_bytes_in_its_details(client: RawClient) -> None:
    reply = run(client, {"insert": "c", "documents": [{"_id": "ABCD"}]})
    assert b"keyValue" in reply
    assert BYTES in reply
    assert "AB\ufffdD".encode() in reply
