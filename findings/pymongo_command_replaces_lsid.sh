#!/bin/bash
# pymongo 4.20.1: Database.command() replaces the `lsid` of the command document with that of an implicit session,
# and keeps the `txnNumber`. A test of retryable writes that sets both by hand therefore sends each command in a different session,
# and the server does not recognize a retry. pymongo neither logs this nor raises an error.
#
# The script does not need MongoDB. A server of thirty lines answers the handshake and records the commands.
set -euo pipefail
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
python3 -m venv "$scratch/venv"
"$scratch/venv/bin/pip" install -q "pymongo==4.20.1" "dnspython==2.8.0"
cat > "$scratch/observe.py" <<'PY'
import socket
import struct
import threading
import uuid

import bson
import pymongo
from bson.binary import Binary
from bson.int64 import Int64

HELLO = {
    "helloOk": True, "isWritablePrimary": True, "ismaster": True, "setName": "rs", "hosts": ["127.0.0.1:1"], "me": "127.0.0.1:1",
    "maxBsonObjectSize": 16777216, "maxMessageSizeBytes": 48000000, "maxWriteBatchSize": 100000, "logicalSessionTimeoutMinutes": 30,
    "minWireVersion": 0, "maxWireVersion": 27, "ok": 1,
}
seen = []


def serve(connection):
    stream = connection.makefile("rb")
    while head := stream.read(16):
        length, request_id, _, code = struct.unpack("<iiii", head)
        data = stream.read(length - 16)
        legacy = code == 2004
        start = data.index(b"\0", 4) + 9 if legacy else 5
        (size,) = struct.unpack_from("<i", data, start)
        body = bson.decode(data[start : start + size])
        if "insert" in body:
            seen.append(body)
        reply = bson.encode(HELLO if legacy or "hello" in body or "ismaster" in body else {"ok": 1, "n": 1})
        payload = struct.pack("<iqii", 8, 0, 0, 1) + reply if legacy else struct.pack("<iB", 0, 0) + reply
        connection.sendall(struct.pack("<iiii", 16 + len(payload), 1, request_id, 1 if legacy else 2013) + payload)


listener = socket.create_server(("127.0.0.1", 0))


def accept():
    while True:
        threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()


threading.Thread(target=accept, daemon=True).start()
mine = {"id": Binary(uuid.UUID(int=7).bytes, 4)}
client = pymongo.MongoClient("127.0.0.1", listener.getsockname()[1], directConnection=True)
client.shop.command("insert", "c", documents=[{"_id": 1}], lsid=mine, txnNumber=Int64(5))
arrived = seen[-1]
print("pymongo", pymongo.version)
print("the lsid that was written arrived:", arrived["lsid"] == mine)
print("the txnNumber that was written arrived:", arrived.get("txnNumber"))
PY
"$scratch/venv/bin/python" "$scratch/observe.py" > "$scratch/printed"
cat "$scratch/printed"
diff "$scratch/printed" - <<'EXPECTED'
pymongo 4.20.1
the lsid that was written arrived: False
the txnNumber that was written arrived: 5
EXPECTED
