"""A server that stores nothing and reports success. A test that passes against it therefore proves nothing about a server.

Run as `python -m secantus_conformance.null_server --port N`.
"""

from __future__ import annotations

import argparse
import socketserver
import struct
from typing import Any

import bson
from bson import Timestamp

_HEADER = struct.Struct("<iiii")
_OP_REPLY, _OP_QUERY, _OP_MSG = 1, 2004, 2013
_MORE_TO_COME = 2
_NOW = Timestamp(1, 1)
Document = dict[str, Any]


class NullHandler(socketserver.StreamRequestHandler):
    """Replies to the requests on one connection."""

    def handle(self) -> None:
        """Reply to requests until the client disconnects."""
        while len(header := self.rfile.read(_HEADER.size)) == _HEADER.size:
            length, request, _, code = _HEADER.unpack(header)
            body = self.rfile.read(length - _HEADER.size)
            if code == _OP_QUERY:
                self._send(request, _OP_REPLY, struct.pack("<iqii", 8, 0, 0, 1), reply_to(_query(body), 0, self._address()))
            elif code == _OP_MSG:
                flags, command, written = _message(body)
                if not flags & _MORE_TO_COME:
                    self._send(request, _OP_MSG, struct.pack("<iB", 0, 0), reply_to(command, written, self._address()))

    def _address(self) -> str:
        assert isinstance(self.server, NullServer)
        return self.server.address

    def _send(self, request: int, code: int, prefix: bytes, reply: Document) -> None:
        payload = prefix + bson.encode(reply)
        self.wfile.write(_HEADER.pack(_HEADER.size + len(payload), 1, request, code) + payload)


def _query(body: bytes) -> Document:
    """Return the command in an OP_QUERY. Its document follows the flags, the collection name and two integers."""
    return dict(bson.decode(body[body.index(b"\0", 4) + 9 :]))


def _message(body: bytes) -> tuple[int, Document, int]:
    """Return an OP_MSG's flags, its command, and the number of documents in its document sequences."""
    flags = struct.unpack_from("<I", body)[0]
    position, command, written = 4, {}, 0
    end = len(body) - (4 if flags & 1 else 0)
    while position < end:
        size = struct.unpack_from("<i", body, position + 1)[0]
        section = body[position + 1 : position + 1 + size]
        if body[position] == 0:
            command = dict(bson.decode(section))
        else:
            written += len(bson.decode_all(section[section.index(b"\0", 4) + 1 :]))
        position += 1 + size
    return flags, command, written + len(command.get("documents", ()))


def reply_to(command: Document, written: int, address: str) -> Document:
    """Return the reply that the command would get if it succeeded on an empty server."""
    name = next(iter(command), "")
    if name in ("hello", "isMaster", "ismaster"):
        answer = _hello(address)
    else:
        answer = {"n": written} if name == "insert" else _ANSWERS.get(name, {})
    signature = {"hash": b"\0" * 20, "keyId": 0}
    return {**answer, "ok": 1.0, "operationTime": _NOW, "$clusterTime": {"clusterTime": _NOW, "signature": signature}}


def _hello(address: str) -> Document:
    return {
        "helloOk": True,
        "isWritablePrimary": True,
        "ismaster": True,
        "setName": "null",
        "setVersion": 1,
        "hosts": [address],
        "primary": address,
        "me": address,
        "maxBsonObjectSize": 16777216,
        "maxMessageSizeBytes": 48000000,
        "maxWriteBatchSize": 100000,
        "logicalSessionTimeoutMinutes": 30,
        "minWireVersion": 0,
        "maxWireVersion": 27,
        "readOnly": False,
        "connectionId": 1,
    }


_NO_DOCUMENTS: Document = {"cursor": {"id": 0, "ns": "test.test", "firstBatch": []}}
_ANSWERS: dict[str, Document] = {
    **dict.fromkeys(("find", "aggregate", "listCollections", "listIndexes"), _NO_DOCUMENTS),
    "getMore": {"cursor": {"id": 0, "ns": "test.test", "nextBatch": []}},
    "buildInfo": {"version": "8.2.0", "versionArray": [8, 2, 0, 0]},
    "getParameter": {"enableTestCommands": True},
    "update": {"n": 0, "nModified": 0},
    "delete": {"n": 0},
    "count": {"n": 0},
    "distinct": {"values": []},
    "findAndModify": {"value": None},
    "listDatabases": {"databases": [], "totalSize": 0},
    "bulkWrite": {**_NO_DOCUMENTS, **dict.fromkeys(("nErrors", "nInserted", "nMatched", "nModified", "nUpserted", "nDeleted"), 0)},
}


class NullServer(socketserver.ThreadingTCPServer):
    """The TCP server, which listens on the loopback interface."""

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, port: int) -> None:
        super().__init__(("127.0.0.1", port), NullHandler)
        self.address = f"127.0.0.1:{port}"


def main() -> None:
    """Serve until the process is killed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    with NullServer(parser.parse_args().port) as server:
        server.serve_forever()


if __name__ == "__main__":
    main()
