"""Commands, stages and expression operators are imported when they are first looked up."""

from __future__ import annotations

import subprocess
import sys

from secantus_server.commands.all import load_commands
from secantus_server.dispatch.registry import MODULES, all_commands
from secantus_server.pipeline import registry as pipeline_registry

FRESH = """
import sys
from secantus_server import SecantusDBServer
from secantus_server.dispatch.fail_points import Mode
from secantus_server.dispatch.registry import find_command, is_command
from secantus_server.mql.expressions.registry import find_operator
from secantus_server.pipeline import registry
from secantus_server.version import MONGODB_8_2

def is_imported(*names):
    return [name in sys.modules for name in names]

late = ("secantus_server.commands.crud.find", "secantus_server.pipeline.stages.lookup", "secantus_server.mql.expressions.arrays.sets")
print(is_imported(*late))
print(is_command("nothing"), is_command("liveness"), find_command("ismaster").name, find_command("find").name)
print(registry.find_stage("$set").name, registry.find_stage("$lookup").name, callable(find_operator("$setUnion", MONGODB_8_2)))
print(is_imported(*late), is_imported("secantus_server.commands.crud.update", "secantus_server.pipeline.stages.graph_lookup"))
with SecantusDBServer(port=0, storage_path=":memory:") as server:
    print(server._services.fail_points.set("hangBeforeCommitingTxn", None, {}))
"""


def test_a_server_imports_only_what_is_used() -> None:
    done = subprocess.run([sys.executable, "-c", FRESH], capture_output=True, text=True, timeout=60, check=False)
    assert done.stdout.splitlines() == [
        "[False, False, False]",
        "False False isMaster find",
        "$addFields $lookup True",
        "[True, True, True] [False, False]",
        "0",
    ], done.stderr


PLAIN = """
import sys
from secantus_server import SecantusDBServer
from pymongo import MongoClient

def imported(*names):
    return [name for name in names if f"secantus_server.{name}" in sys.modules]

late = [
    "query.plan", "query.planner", "query._plan_notes", "query.query_settings", "work.oplog_collection", "work.operation_details",
    "work.ttl", "work.writers.buckets", "work.writers.capped", "mql.update", "mql.geo", "mql.match.language",
    "mql.match.parser", "mql.expressions", "mql.regex", "mql.match.evaluation", "mql.match.json_schema",
    "mql.match.geo_near", "mql.match.failure", "mql.collation.spec", "mql.text.definition",
    "index.kinds.sphere", "index.kinds.hashed", "index.kinds.text", "index.kinds.wildcard", "javascript",
    "auth.conversation", "work.authorization", "work.access_control", "work.past_changes", "work.past_catalog", "work.set_aside",
    "catalog.timeseries", "storage.inspection", "storage.log_marks", "net.strangers", "diagnostics.log_file",
]
with SecantusDBServer(port=0, storage_path=":memory:") as server, MongoClient(port=server.port, directConnection=True) as client:
    snapshot = server.snapshot()
    client.db.c.insert_one({"_id": 1})
    print(client.db.c.count_documents({}), client.db.c.find_one({"_id": 1}), imported(*late))
    server.restore(snapshot)
    # The fixtures of a wider scope are set up in this way, before a test has written.
    server.put_back(server.set_aside(snapshot))
    print(imported(*late))
    client.db.c.create_index([("at", "2dsphere"), ("k", 1)])
    client.db.c.create_index([("k", "hashed")])
    client.db.c.insert_one({"_id": 2, "at": [1, 2], "k": 3})
    print(client.db.c.count_documents({"at": {"$geoWithin": {"$centerSphere": [[1, 2], 0.1]}}, "$expr": {"$eq": ["$k", 3]}, "k": 3}))
    print(client.db.c.update_one({"_id": 2}, {"$set": {"n": 1}}).modified_count, client.db.c.count_documents({"$jsonSchema": {}}))
"""


LOGGED = """
import sys
from secantus_server import SecantusDBServer
from pymongo import MongoClient

def imported(*names):
    return [name for name in names if f"secantus_server.{name}" in sys.modules]

late = ["query.plan", "query.planner", "query.point", "mql.expressions", "mql.match.parser", "work.operation_details"]
with SecantusDBServer(port=0, storage_path=":memory:") as server, MongoClient(port=server.port, directConnection=True) as client:
    server.log_commands()
    client.db.c.insert_one({"_id": 1})
    print(client.db.c.count_documents({}), client.db.c.find_one({"_id": 1}))
    print([record.plan_summary for record in server.logged_commands()], imported(*late))
    client.db.c.find_one({"n": 1})
    print(server.logged_commands()[-1].plan_summary, server.logged_commands()[-1].advice)
"""


def test_a_logged_suite_imports_no_planner() -> None:
    done = subprocess.run([sys.executable, "-c", LOGGED], capture_output=True, text=True, timeout=60, check=False)
    assert done.stdout.splitlines() == [
        "1 {'_id': 1}",
        "['', 'COLLSCAN', 'EXPRESS_IXSCAN { _id: 1 }'] []",
        "COLLSCAN ('db.c.createIndex({ n: 1 })',)",
    ], done.stderr


def test_a_plain_first_test_of_a_suite_imports_no_planner() -> None:
    done = subprocess.run([sys.executable, "-c", PLAIN], capture_output=True, text=True, timeout=60, check=False)
    assert done.stdout.splitlines() == ["1 {'_id': 1} []", "[]", "1", "1 1"], done.stderr


REMOVED = """
import sys
from secantus_server import SecantusDBServer
from pymongo import MongoClient
with SecantusDBServer(port=0, storage_path=":memory:") as server, MongoClient(port=server.port, directConnection=True) as client:
    before = dict(sys.modules)
    client.db.c.insert_one({"a": [3]})
    print(client.db.c.count_documents({}))
    client.db.command("create", "v", viewOn="c", pipeline=[{"$unwind": "$a"}])
    sys.modules.clear()
    sys.modules.update(before)
    print(list(client.db.c.aggregate([{"$set": {"b": {"$abs": "$n"}}}, {"$project": {"_id": 0, "a": {"$sum": "$a"}}}, {"$skip": 0}])))
    print(client.db.v.find_one({}, {"_id": 0}), len(client.admin.command("listCommands")["commands"]) > 100)
"""


def test_modules_that_a_tool_removes_are_not_imported_again() -> None:
    done = subprocess.run([sys.executable, "-c", REMOVED], capture_output=True, text=True, timeout=60, check=False)
    assert done.stdout.splitlines() == ["1", "[{'a': 3}]", "{'a': 3} True"], done.stderr


def test_every_command_is_found_by_its_name() -> None:
    load_commands()
    for name, entry in all_commands().items():
        assert MODULES.get(name) == entry.run.__module__, f"list {name} in commands/all.py"


def test_every_stage_is_found_by_its_name() -> None:
    pipeline_registry.import_stages()
    for name, stage in pipeline_registry.STAGES.items():
        assert pipeline_registry.MODULES.get(name) == stage.__module__, f"list {name} in pipeline/stages/__init__.py"


FAKE_FILES = """
import os
import sys
from secantus_server import SecantusDBServer
from pymongo import MongoClient
with SecantusDBServer(port=0, storage_path=":memory:") as server, MongoClient(port=server.port, directConnection=True) as client:
    client.db.c.insert_one({"a": 1})
    assert "secantus_server.pipeline.stages" not in sys.modules
    os.scandir = os.stat = os.listdir = lambda *_: iter(())
    lookup = {"from": "c", "startWith": "$a", "connectFromField": "a", "connectToField": "a", "as": "found"}
    print(list(client.db.c.aggregate([{"$graphLookup": lookup}, {"$project": {"_id": 0, "n": {"$size": "$found"}}}])))
    print(client.db.c.find({"a": 1}).explain()["ok"])
"""


def test_first_uses_while_a_test_replaces_the_files() -> None:
    """pyfakefs replaces the functions of `os` in this way."""
    done = subprocess.run([sys.executable, "-c", FAKE_FILES], capture_output=True, text=True, timeout=60, check=False)
    assert done.stdout.splitlines() == ["[{'n': 1}]", "1.0"], done.stderr


FAKE_READS = """
import builtins
import io
import os
import sys
import zoneinfo
from secantus_server import SecantusDBServer
from pymongo import MongoClient
with SecantusDBServer(port=0, storage_path=":memory:") as server, MongoClient(port=server.port, directConnection=True) as client:
    client.db.c.insert_one({"_id": "\\u4e00", "t": "the running dogs"})

    def missing(*_args, **_options):
        raise FileNotFoundError(2, "no such file")

    builtins.open = io.open = os.open = os.stat = os.scandir = os.listdir = missing
    os.path.isfile = os.path.exists = lambda _path: False
    # Without files, zoneinfo looks for the package tzdata by importlib.resources.
    client.db.c.create_index([("t", "text")])
    print(client.db.c.count_documents({"$text": {"$search": "run"}}), client.db.c.count_documents({"$text": {"$search": "the"}}))
    zone = {"$dateToString": {"date": {"$toDate": {"$toLong": 0}}, "timezone": "Asia/Kolkata", "format": "%H:%M"}}
    print(client.db.c.aggregate([{"$project": {"_id": 0, "at": zone}}]).next()["at"])
    print(client.db.c.count_documents({"_id": {"$lt": "a"}}, collation={"locale": "zh", "strength": 1}))
    print(client.admin.command("serverStatus")["mem"]["resident"] >= 1)
"""


def test_data_files_that_are_read_while_a_test_replaces_the_files() -> None:
    """Stop words, stemmers, time zones and the orders of collations are read at first use."""
    done = subprocess.run([sys.executable, "-c", FAKE_READS], capture_output=True, text=True, timeout=60, check=False)
    assert done.stdout.splitlines() == ["1 0", "05:30", "1", "True"], done.stderr
