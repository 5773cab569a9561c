"""A server whose Python lacks the extra [javascript]."""

from __future__ import annotations

import subprocess
import sys

PROGRAM = """
import sys
sys.modules["quickjs"] = None
from pymongo import MongoClient
from pymongo.errors import OperationFailure
from secantus_server import SecantusDBServer

function = {"$function": {"body": "function() {}", "args": [], "lang": "js"}}
accumulator = {"init": "function() {}", "accumulate": "x", "accumulateArgs": [], "merge": "x", "lang": "js"}
with SecantusDBServer(port=0, storage_path=":memory:") as server, MongoClient(server.uri) as client:
    for command in (
        {"find": "c", "filter": {"$where": "true"}},
        {"update": "c", "updates": [{"q": {"$where": "true"}, "u": {"$set": {"a": 1}}}]},
        {"aggregate": "c", "pipeline": [{"$set": {"a": function}}], "cursor": {}},
        {"aggregate": "c", "pipeline": [{"$group": {"_id": 1, "a": {"$accumulator": accumulator}}}], "cursor": {}},
        {"create": "v", "viewOn": "c", "pipeline": [{"$set": {"a": function}}]},
        {"mapReduce": "c", "map": "x", "reduce": "x", "out": {"inline": 1}},
    ):
        try:
            reply = client.test.command(command)
            error = reply["writeErrors"][0]
        except OperationFailure as caught:
            error = caught.details
        print(error["code"], "pip install 'pytest-secantus[javascript]'" in error["errmsg"])
    print(client.server_info()["javascriptEngine"])
"""


def test_commands_that_need_the_engine_say_how_to_install_it() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, timeout=60, check=False)
    assert (done.stdout, done.stderr) == ("238 True\n" * 6 + "none\n", "")
