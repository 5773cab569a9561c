#!/bin/bash
# pymongo 4.20.1: a new MongoClient formats the whole stack of its caller, as a traceback does, and keeps the text until it is collected. For
# each frame, it reads the line of source code. A client that a test creates 300 calls deep, below a test runner and a web framework, keeps
# tens of kilobytes. The text is only used for a warning about a client that was never closed.
#
# The script does not need MongoDB, because the clients do not connect.
set -euo pipefail
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
python3 -m venv "$scratch/venv"
"$scratch/venv/bin/pip" install -q "pymongo==4.20.1" "dnspython==2.8.0"
cat > "$scratch/observe.py" <<'PY'
import gc
import linecache
import tracemalloc

import pymongo

CLIENTS = 20


def below(depth, function):
    """Call a function below `depth` other calls."""
    return between(depth - 1, function) if depth else function()


def between(depth, function):
    """Do the same. A traceback abbreviates calls of only one function."""
    return below(depth - 1, function) if depth else function()


def create():
    return pymongo.MongoClient("127.0.0.1:1", connect=False)


def kilobytes_each(depth):
    """Return the memory of a client that is created at this depth."""
    gc.collect()
    before = tracemalloc.get_traced_memory()[0]
    clients = [below(depth, create) for _ in range(CLIENTS)]
    used = tracemalloc.get_traced_memory()[0] - before
    for client in clients:
        client.close()
    return used / CLIENTS / 1000


def lines_read(depth):
    """Return how many lines of source code are read for a client."""
    read, plain = [], linecache.getline
    linecache.getline = lambda *arguments: read.append(arguments) or plain(*arguments)
    try:
        below(depth, create).close()
    finally:
        linecache.getline = plain
    return len(read)


below(300, create).close()
tracemalloc.start()
shallow, deep = kilobytes_each(0), kilobytes_each(300)
tracemalloc.stop()
print("pymongo", pymongo.version)
print("a client that is created 300 calls deep keeps over 15 kB more:", deep - shallow > 15)
print("lines of source code that are read for it, of 300 callers and more:", lines_read(300) > 300)
print("lines for a client that is created at the top:", lines_read(0) < 10)
PY
"$scratch/venv/bin/python" "$scratch/observe.py" > "$scratch/printed"
cat "$scratch/printed"
diff "$scratch/printed" - <<'EXPECTED'
pymongo 4.20.1
a client that is created 300 calls deep keeps over 15 kB more: True
lines of source code that are read for it, of 300 callers and more: True
lines for a client that is created at the top: True
EXPECTED
