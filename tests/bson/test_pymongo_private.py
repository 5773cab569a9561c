"""The codec without pymongo's private names. A later version of pymongo may lack any of these names, or use it for something else."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap

import pytest

# Loads a module of pymongo with changed text, before the server's own modules are imported.
CHANGE = """
import importlib.util, json, sys
module, replacements = sys.argv[1], json.loads(sys.argv[2])
spec = importlib.util.find_spec(module)
source = spec.loader.get_source(module)
for old, new in replacements.items():
    assert old in source, old
    source = source.replace(old, new)
sys.modules[module] = changed = importlib.util.module_from_spec(spec)
exec(compile(source, module, "exec"), vars(changed))
for name, value in vars(changed).items():
    package = sys.modules["bson"]
    if isinstance(value, type) and value.__module__ == module:
        setattr(package, name, value)
"""

ROUND_TRIP = """
import pickle
from bson.binary import Binary
from bson.objectid import ObjectId
from bson.timestamp import Timestamp
from secantus_server.bson import decode, encode, make_timestamp, shortcuts

values = [ObjectId("0123456789abcdef01234567"), Timestamp(0xFFFFFFFE, 3), Binary(b"ab", 4), Binary(b"", 0), Binary(b"x", 255)]
back = decode(encode({"values": values}))["values"]
assert back == values and list(map(repr, back)) == list(map(repr, values)) and list(map(hash, back)) == list(map(hash, values))
assert [pickle.loads(pickle.dumps(one)) for one in back] == values
assert make_timestamp(5, 6) == Timestamp(5, 6)
print(shortcuts.object_id_setter() is not None, shortcuts.timestamp_setters() is not None, shortcuts.takes_binary_subtype())
"""


# The constructor computes a hash, which an object that was created without the constructor lacks.
HASHED = {
    '__slots__ = ("__id",)': '__slots__ = ("__id", "hashed")',
    "self.__id = oid\n        elif isinstance(oid, str)": "self.__id, self.hashed = oid, hash(oid)\n        elif isinstance(oid, str)",
    "self.__id = bytes.fromhex(oid)": "self.__id = bytes.fromhex(oid); self.hashed = hash(self.__id)",
    "return hash(self.__id)": "return self.hashed",
}


@pytest.mark.parametrize(
    ("module", "replacements", "shortcuts"),
    [
        ("bson.objectid", {}, "True True True"),
        ("bson.objectid", {"__id": "_bytes"}, "False True True"),
        ("bson.objectid", HASHED, "False True True"),
        ("bson.timestamp", {"__time": "_seconds"}, "True False True"),
        ("bson.timestamp", {"__inc": "_increment"}, "True False True"),
        ("bson.binary", {"__subtype": "_subtype_of_data"}, "True True False"),
    ],
    ids=["as it is", "renamed id", "computed hash", "renamed seconds", "renamed increment", "renamed subtype"],
)
def test_without_a_private_name(module: str, replacements: dict[str, str], shortcuts: str) -> None:
    line = [sys.executable, "-c", textwrap.dedent(CHANGE + ROUND_TRIP), module, json.dumps(replacements)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(line, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == shortcuts
