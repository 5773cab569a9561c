"""Checks of the programs that operate MongoDB, run unmodified against the daemon.

Each function runs one program and asserts what it printed. `Unavailable` states why a program cannot run here.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import threading
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from pymongo import MongoClient
from pymongo.database import Database

from tests.integration.daemon import Daemon
from tests.tools.compass import recorded, run
from tests.waiting import wait_until

#: Where to look for the programs before PATH, separated by colons.
DIRECTORIES: Final = "SECANTUS_TOOLS"
_TIMEOUT_S: Final = 120
_DOCUMENTS: Final = 300


class Unavailable(Exception):
    """A program is not installed."""


def find(name: str) -> str:
    """Return the path of a program.

    Raises:
        Unavailable: it is neither in SECANTUS_TOOLS nor on PATH.
    """
    path = os.pathsep.join([os.environ.get(DIRECTORIES, ""), os.environ.get("PATH", "")])
    found = shutil.which(name, path=path)
    if found is None:
        raise Unavailable(f"{name} is neither in ${DIRECTORIES} nor on PATH")
    return found


class Workplace:
    """A daemon with some data, and an empty directory.

    `uri` is the daemon's connection string, `client` a client of the daemon, and `directory` the path of the directory.
    """

    def __init__(self, daemon: Daemon, client: MongoClient[dict[str, Any]], directory: Path) -> None:
        self.uri = daemon.uri.split("/?")[0].rstrip("/")
        self.client = client
        self.directory = directory
        client.drop_database("shop")
        client.drop_database("other")
        client.shop.fruit.insert_many([{"_id": n, "n": n, "text": f"t{n}"} for n in range(_DOCUMENTS)])
        client.shop.fruit.create_index("n", unique=True)
        client.shop.create_collection("view", viewOn="fruit", pipeline=[{"$match": {"n": {"$lt": 3}}}])

    def run(self, name: str, *arguments: str, given: str | None = None, code: int = 0) -> str:
        """Run a program in the directory; return its output and error output."""
        line = [find(name), *arguments]
        done = subprocess.run(line, cwd=self.directory, input=given, capture_output=True, text=True, timeout=_TIMEOUT_S)
        printed = done.stdout + done.stderr
        assert done.returncode == code, f"{name} {' '.join(arguments)} ended with {done.returncode}: {printed[-2000:]}"
        return printed

    def contents(self) -> dict[str, Any]:
        """Return the hash and the indexes of the data."""
        hashes = self.client.shop.command("dbHash")["collections"]
        return {"fruit": hashes["fruit"], "indexes": sorted(self.client.shop.fruit.index_information())}

    def shell(self, script: str) -> str:
        """Return what mongosh prints for a script."""
        return self.run("mongosh", f"{self.uri}/shop", "--quiet", "--norc", "--eval", script)


def mongostat(at: Workplace) -> str:
    stopping = threading.Event()

    def write() -> None:
        while not stopping.wait(0.001):
            at.client.other.c.insert_one({})

    thread = threading.Thread(target=write)
    thread.start()
    try:
        lines = at.run("mongostat", "--uri", at.uri, "--rowcount", "3", "--json", "1").strip().splitlines()
    finally:
        stopping.set()
        thread.join()
    fields = next(iter(json.loads(lines[-1]).values()))
    assert int(str(fields["insert"]).lstrip("*")) > 0, fields
    assert (fields["repl"], fields["set"]) == ("PRI", "secantus")
    assert not fields["dirty"].startswith("-")
    return f"rates, cache, connections, `{fields['set']}` `{fields['repl']}`"


def mongotop(at: Workplace) -> str:
    at.client.shop.fruit.find_one()
    printed = at.run("mongotop", "--uri", at.uri, "--rowcount", "1", "--json", "1")
    totals = json.loads(printed[printed.index("{") :].splitlines()[0])["totals"]
    assert set(totals["shop.fruit"]) == {"total", "read", "write"}
    return "the times of each collection"


def _dump_and_restore(at: Workplace, dump: tuple[str, ...], restore: tuple[str, ...]) -> None:
    before = at.contents()
    at.run("mongodump", "--uri", at.uri, *dump)
    at.client.shop.fruit.drop()
    printed = at.run("mongorestore", "--uri", at.uri, "--drop", *restore)
    assert "0 document(s) failed" in printed
    assert at.contents() == before
    assert at.client.shop.view.count_documents({}) == 3


def mongodump(at: Workplace) -> str:
    _dump_and_restore(at, ("--out", "dump"), ("dump",))
    return "directory: same dbHash and indexes"


def mongodump_archive(at: Workplace) -> str:
    _dump_and_restore(at, ("--gzip", "--archive=dump.gz"), ("--gzip", "--archive=dump.gz"))
    return "`--archive --gzip`: same dbHash and indexes"


def mongodump_oplog(at: Workplace) -> str:
    stopping = threading.Event()
    written = []

    def write() -> None:
        while not stopping.wait(0.002):
            at.client.other.log.insert_one({"_id": len(written)})
            written.append(len(written))

    thread = threading.Thread(target=write)
    thread.start()
    try:
        wait_until(lambda: len(written) > 10, "nothing is written")
        at.run("mongodump", "--uri", at.uri, "--oplog", "--gzip", "--archive=dump.gz")
    finally:
        stopping.set()
        thread.join()
    before = at.contents()
    printed = at.run("mongorestore", "--uri", at.uri, "--drop", "--oplogReplay", "--gzip", "--archive=dump.gz")
    assert "replaying oplog" in printed
    assert at.contents() == before
    # The dump has the state of one moment: all of the writer's documents up to then.
    found = sorted(one["_id"] for one in at.client.other.log.find())
    assert found == list(range(len(found)))
    assert len(found) >= 10
    return "`--oplog` while writes go on, `--oplogReplay`: one moment, without a gap"


def _users_and_roles(db: Database[dict[str, Any]]) -> tuple[Any, Any]:
    """Return the users with their credentials, and the roles with their privileges, of a database."""
    users = db.command("usersInfo", 1, showCredentials=True)["users"]
    return users, db.command("rolesInfo", 1, showPrivileges=True)["roles"]


def mongodump_users(at: Workplace) -> str:
    shop = at.client.shop
    shop.command("createRole", "reader", privileges=[{"resource": {"db": "shop", "collection": "fruit"}, "actions": ["find"]}], roles=[])
    shop.command("createUser", "app", pwd="secret", roles=["reader"])
    before = _users_and_roles(shop)
    database = ("--uri", at.uri, "--db", "shop")
    at.run("mongodump", *database, "--out", "documents")
    assert not list(at.directory.glob("documents/**/*system*"))
    at.run("mongodump", *database, "--dumpDbUsersAndRoles", "--out", "dump")
    shop.command("dropUser", "app")
    shop.command("dropRole", "reader")
    at.run("mongorestore", *database, "--drop", "dump/shop")
    assert _users_and_roles(shop) == ([], [])
    at.run("mongorestore", *database, "--drop", "--restoreDbUsersAndRoles", "dump/shop")
    assert _users_and_roles(shop) == before
    return "`--dumpDbUsersAndRoles`, `--restoreDbUsersAndRoles`: users and roles, and only with these"


def mongorestore_renamed(at: Workplace) -> str:
    at.run("mongodump", "--uri", at.uri, "--db", "shop", "--out", "dump")
    at.run("mongorestore", "--uri", at.uri, "--nsInclude", "shop.fruit", "--nsFrom", "shop.*", "--nsTo", "other.*", "dump")
    assert at.client.other.fruit.count_documents({}) == _DOCUMENTS
    return "`--nsFrom --nsTo`"


def mongoexport(at: Workplace) -> str:
    at.run("mongoexport", "--uri", f"{at.uri}/shop", "--collection", "fruit", "--out", "fruit.json")
    at.run("mongoimport", "--uri", f"{at.uri}/other", "--collection", "json", "fruit.json")
    at.run(
        "mongoexport", "--uri", f"{at.uri}/shop", "--collection", "fruit", "--type", "csv", "--fields", "_id,n,text", "--out", "fruit.csv"
    )
    at.run(
        "mongoimport", "--uri", f"{at.uri}/other", "--collection", "csv", "--type", "csv", "--headerline", "--mode", "upsert", "fruit.csv"
    )
    hashes = at.client.other.command("dbHash")["collections"]
    assert hashes["json"] == hashes["csv"] == at.contents()["fruit"]
    return "JSON lines and CSV, inserted and upserted: same dbHash"


def mongofiles(at: Workplace) -> str:
    content = "line\n" * 100_000
    (at.directory / "big.txt").write_text(content)
    uri = f"{at.uri}/other"
    at.run("mongofiles", "--uri", uri, "put", "big.txt")
    assert f"big.txt\t{len(content)}" in at.run("mongofiles", "--uri", uri, "list")
    at.run("mongofiles", "--uri", uri, "get", "big.txt", "--local", "copy.txt")
    assert (at.directory / "copy.txt").read_text() == content
    at.run("mongofiles", "--uri", uri, "delete", "big.txt")
    assert at.client.other["fs.chunks"].count_documents({}) == 0
    return "put, list, get, delete"


def mongosh_status(at: Workplace) -> str:
    script = (
        "const s = db.serverStatus(), o = db.currentOp(); print(JSON.stringify([s.ok, s.version, s.repl.me, o.ok, o.inprog.length > 0]))"
    )
    ok, version, me, current, listed = json.loads(at.shell(script).strip().splitlines()[-1])
    assert (ok, current, listed) == (1, 1, True)
    assert version.startswith("8.2")
    assert me in at.uri
    return "`db.serverStatus()`, `db.currentOp()`"


def mongosh_profile(at: Workplace) -> str:
    at.client.shop.command("profile", 2)
    at.client.shop.fruit.insert_many([{"n": -1 - n, "text": "x" * 100} for n in range(20_000)])
    at.client.shop.command("profile", 0)
    # `show profile` only shows commands that took at least a millisecond.
    assert at.client.shop["system.profile"].count_documents({"millis": {"$gt": 0}}) > 0
    printed = at.shell("show profile")
    assert "shop.fruit" in printed, printed
    assert "shop.fruit" in at.shell("db.system.profile.find({}, {ns: 1}).forEach(e => print(e.ns))")
    return "`db.setProfilingLevel(2)`, `show profile`"


def mongosh_shows(at: Workplace) -> str:
    assert "fruit" in at.shell("show collections")
    assert "shop" in at.shell("show dbs")
    assert "global" in at.shell("show logs")
    assert "Waiting for connections" in at.shell("show log global")
    assert "readWrite" in at.shell("show roles")
    return "`show collections`, `dbs`, `logs`, `log global`, `roles`"


def mongosh_helpers(at: Workplace) -> str:
    script = (
        "print(JSON.stringify([db.stats().ok, db.fruit.stats().count, db.fruit.validate().valid, rs.status().myState, rs.conf()._id, "
        "db.fruit.explain('executionStats').find({n: 5}).finish().executionStats.totalKeysExamined, db.hostInfo().ok, "
        "db.fruit.aggregate([{$indexStats: {}}]).toArray().length, db.getReplicationInfo().tLast !== undefined]))"
    )
    answers = json.loads(at.shell(script).strip().splitlines()[-1])
    assert answers == [1, _DOCUMENTS, True, 1, "secantus", 1, 1, 2, True], answers
    return "`stats`, `validate`, `rs.status()`, `explain`, `$indexStats`, `db.getReplicationInfo()`"


def mcp_server(at: Workplace) -> str:
    fruit = {"database": "shop", "collection": "fruit"}
    tools: list[tuple[str, dict[str, Any]]] = [
        ("list-databases", {}),
        ("count", fruit),
        ("find", {**fruit, "filter": {"n": 7}}),
        ("collection-indexes", fruit),
        ("collection-schema", fruit),
        ("db-stats", {"database": "shop"}),
        ("mongodb-logs", {"type": "global"}),
    ]
    requests: list[tuple[str, dict[str, Any]]] = [
        ("initialize", {"protocolVersion": "2025-03-26", "capabilities": {}, "clientInfo": {"name": "test", "version": "1"}}),
        *[("tools/call", {"name": name, "arguments": {"connectionId": "preconfigured", **arguments}}) for name, arguments in tools],
    ]
    answers = _conversation(at, requests)
    texts = [json.dumps(answer) for answer in answers]
    for text, expected in zip(texts[1:], ("shop", "300", "t7", "n_1", "text", "collections", "Waiting for connections"), strict=True):
        assert "isError" not in text, text
        assert expected in text, text
    return "list-databases, count, find, collection-indexes, collection-schema, db-stats, mongodb-logs"


def _conversation(at: Workplace, requests: list[tuple[str, dict[str, Any]]]) -> list[dict[str, Any]]:
    """Return the results of requests to the server of the Model Context Protocol, one after the other."""
    line = [find("mongodb-mcp-server"), at.uri, "--telemetry", "disabled", "--readOnly"]
    process = subprocess.Popen(line, cwd=at.directory, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    assert process.stdin is not None
    assert process.stdout is not None
    timer = threading.Timer(_TIMEOUT_S, process.kill)
    timer.start()
    results = []
    try:
        for number, (method, params) in enumerate(requests):
            message = {"jsonrpc": "2.0", "id": number, "method": method, "params": params}
            print(json.dumps(message), file=process.stdin, flush=True)
            while (answer := json.loads(process.stdout.readline())).get("id") != number:
                pass
            results.append(answer["result"])
            if method == "initialize":
                print(json.dumps({"jsonrpc": "2.0", "method": "notifications/initialized"}), file=process.stdin, flush=True)
        process.stdin.close()
        process.wait(_TIMEOUT_S)
    finally:
        timer.cancel()
        process.kill()
        process.wait()
        process.stdout.close()
    return results


def exporter(at: Workplace) -> str:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    line = [find("mongodb_exporter"), f"--mongodb.uri={at.uri}/?directConnection=true", f"--web.listen-address={address}", "--collect-all",
            "--discovering-mode"]  # fmt: skip
    process = subprocess.Popen(line, cwd=at.directory, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    found: list[str] = []

    def scrape() -> bool:
        try:
            with urllib.request.urlopen(f"http://{address}/metrics", timeout=20) as reply:
                found[:] = reply.read().decode().splitlines()
        except OSError:
            return False
        # The exporter's first answer comes before it has queried the server.
        return any(text.startswith("mongodb_ss_connections") for text in found)

    try:
        wait_until(scrape, "the exporter does not answer")
    finally:
        process.terminate()
        _, log = process.communicate(timeout=20)
    names = {text.split("{")[0].split(" ")[0] for text in found if text.startswith("mongodb_")}
    for name in ("mongodb_up", "mongodb_ss_connections", "mongodb_ss_opcounters", "mongodb_ss_wt_cache_bytes_currently_in_the_cache",
                 "mongodb_rs_myState", "mongodb_top_total_count", "mongodb_dbstats_dataSize"):  # fmt: skip
        assert name in names, f"{name} is not among {len(names)} metrics; {log[-1500:]}"
    assert any(text.startswith("mongodb_up") and text.endswith(" 1") for text in found)
    return f"{len(names)} metrics of serverStatus, top, dbStats, collStats, indexStats and the replica set"


def compass_commands(at: Workplace) -> str:
    return f"the {len(recorded())} recorded commands of its data layer: {', '.join(run(at.client))}"


#: Each program with the function that checks it, in the order of the table.
CHECKS: Final[list[tuple[str, Callable[[Workplace], str]]]] = [
    ("mongostat", mongostat),
    ("mongotop", mongotop),
    ("mongodump, mongorestore", mongodump),
    ("mongodump, mongorestore", mongodump_archive),
    ("mongodump, mongorestore", mongodump_oplog),
    ("mongodump, mongorestore", mongodump_users),
    ("mongorestore", mongorestore_renamed),
    ("mongoexport, mongoimport", mongoexport),
    ("mongofiles", mongofiles),
    ("mongosh", mongosh_status),
    ("mongosh", mongosh_profile),
    ("mongosh", mongosh_shows),
    ("mongosh", mongosh_helpers),
    ("mongodb-mcp-server", mcp_server),
    ("Compass", compass_commands),
    ("mongodb_exporter (Percona)", exporter),
]
