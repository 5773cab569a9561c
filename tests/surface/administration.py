"""The rules of administrative and diagnostic commands. https://www.mongodb.com/docs/manual/reference/command/"""

from __future__ import annotations

from functools import partial
from typing import Any

import bson
from pymongo.database import Database

from tests.failing import code, failure
from tests.surface.rows import row

Db = Database[dict[str, Any]]
rules = partial(row, "Rules of commands")


@rules("hello, isMaster, ismaster")
def handshakes(db: Db) -> None:
    assert db.command("hello", helloOk=True)["isWritablePrimary"] is True
    for name in ("isMaster", "ismaster"):
        legacy = db.command(name)
        assert legacy["ismaster"] is True
        assert "isWritablePrimary" not in legacy
    assert code(db, {"ISMASTER": 1}) == 59


@rules("atlasVersion, isdbgrid, logout, whatsmyuri")
def probes_of_clients(db: Db) -> None:
    assert code(db, {"atlasVersion": 1}) == code(db, {"isdbgrid": 1}) == 59
    assert db.command("logout")["ok"] == 1
    assert db.command("whatsmyuri")["you"].startswith("127.0.0.1:")


@rules("buildInfo, connectionStatus, getCmdLineOpts")
def descriptions(db: Db) -> None:
    build = db.command("buildinfo")
    assert ".".join(map(str, build["versionArray"][:3])) == build["version"]
    assert (build["bits"], build["maxBsonObjectSize"], build["modules"]) == (64, 16 * 1024 * 1024, [])
    about = db.command("connectionStatus", showPrivileges=True)["authInfo"]
    assert set(about) == {"authenticatedUsers", "authenticatedUserRoles", "authenticatedUserPrivileges"}
    assert {"argv", "parsed"} <= set(db.client.admin.command("getCmdLineOpts"))


@rules("killCursors, getMore")
def cursors(db: Db) -> None:
    number = bson.Int64(123)
    reply = db.command("killCursors", "c", cursors=[number])
    assert [reply[name] for name in ("cursorsKilled", "cursorsNotFound", "cursorsAlive", "cursorsUnknown")] == [[], [number], [], []]
    assert code(db, {"killCursors": "c", "cursors": [5]}) == 14
    assert code(db, {"getMore": number, "collection": "c"}) == 43
    assert code(db, {"getMore": 5, "collection": "c"}) == 14


@rules("explain")
def explained(db: Db) -> None:
    db.c.insert_many([{"_id": n} for n in range(5)])
    update = {"update": "c", "updates": [{"q": {}, "u": {"$set": {"a": 1}}, "multi": True}]}
    stats = db.command("explain", update, verbosity="executionStats")["executionStats"]
    assert (stats["totalDocsExamined"], stats["executionStages"]["nWouldModify"]) == (5, 5)
    assert db.c.count_documents({"a": 1}) == 0
    assert code(db, {"explain": {"ping": 1}}) == 20
    assert code(db, {"explain": {"find": "c"}, "verbosity": "all"}) == 2


@rules("create, drop, dropDatabase, renameCollection")
def definitions(db: Db) -> None:
    assert db.command("create", "c")["ok"] == db.command("create", "c")["ok"] == 1
    assert code(db, {"create": "c", "capped": True, "size": 4096}) == 48
    assert "ns" not in db.command("drop", "missing")
    rename = {"renameCollection": f"{db.name}.c", "to": f"{db.name}.d"}
    assert code(db, rename) == 13
    admin = db.client.admin
    admin.command(rename)
    assert code(admin, rename) == 26
    dropped = db.command("drop", "d")
    assert (dropped["ns"], dropped["nIndexesWas"]) == (f"{db.name}.d", 1)
    assert db.command("dropDatabase")["ok"] == db.command("dropDatabase")["ok"] == 1


@rules("collMod, convertToCapped")
def modifications(db: Db) -> None:
    db.c.create_index("a")
    index = {"name": "a_1"}
    hidden = db.command("collMod", "c", index=index | {"hidden": True})
    assert (hidden["hidden_old"], hidden["hidden_new"]) == (False, True)
    assert db.command("collMod", "c", index=index | {"prepareUnique": True})["prepareUnique_new"] is True
    db.command("collMod", "c", index=index | {"unique": True}, dryRun=True)
    assert "unique" not in db.c.index_information()["a_1"]
    assert db.command("collMod", "c", index=index | {"expireAfterSeconds": 5})["expireAfterSeconds_new"] == 5
    assert code(db, {"collMod": "c", "index": {"name": "b_1", "hidden": True}}) == 27
    assert code(db, {"collMod": "missing", "validator": {}}) == 26
    assert code(db, {"collMod": "c", "cappedMax": 4}) == 72
    assert code(db, {"convertToCapped": "missing", "size": 4096}) == 26
    db.command("convertToCapped", "c", size=4096)
    assert list(db.c.index_information()) == ["_id_"]


@rules("createIndexes, listIndexes, dropIndexes")
def index_commands(db: Db) -> None:
    create = {"createIndexes": "c", "indexes": [{"key": {"x": 1}, "name": "x_1"}]}
    made = db.command(create)
    assert (made["numIndexesBefore"], made["numIndexesAfter"], made["createdCollectionAutomatically"]) == (1, 2, True)
    again = db.command(create)
    assert (again["numIndexesBefore"], again["numIndexesAfter"], again["note"]) == (2, 2, "all indexes already exist")
    listed = db.command("listIndexes", "c")["cursor"]["firstBatch"]
    assert [(one["v"], one["name"]) for one in listed] == [(2, "_id_"), (2, "x_1")]
    assert code(db, {"listIndexes": "missing"}) == 26
    assert db.command("dropIndexes", "c", index=["x_1"])["nIndexesWas"] == 2
    assert db.command("dropIndexes", "c", index="*")["nIndexesWas"] == 1
    assert code(db, {"dropIndexes": "c", "index": {"y": 1}}) == 27
    assert code(db, {"dropIndexes": "c", "index": "_id_"}) == 72


@rules("serverStatus, hostInfo, top, listDatabases")
def server_statistics(db: Db) -> None:
    db.c.insert_one({})
    admin = db.client.admin
    status = admin.command("serverStatus", wiredTiger=0)
    sections = ("asserts", "connections", "globalLock", "locks", "mem", "metrics", "network", "opcounters", "opLatencies", "transactions")
    assert set(sections) <= set(status)
    assert "wiredTiger" not in status
    assert {"system", "os", "extra"} <= set(admin.command("hostInfo"))
    times = admin.command("top")["totals"][f"{db.name}.c"]
    assert {"total", "readLock", "writeLock", "queries", "getmore", "insert", "update", "remove", "commands"} == set(times)
    assert times["insert"]["count"] == 1
    assert code(db, {"top": 1}) == 13
    [entry] = admin.command("listDatabases", filter={"name": db.name})["databases"]
    assert set(entry) == {"name", "sizeOnDisk", "empty"}
    assert {"name": db.name} in admin.command("listDatabases", nameOnly=True)["databases"]


@rules("dbStats, collStats, validate, compact")
def collection_statistics(db: Db) -> None:
    db.c.insert_many([{"_id": n} for n in range(4)])
    totals = db.command("dbStats", scale=2)
    assert (totals["collections"], totals["objects"], totals["indexes"], totals["scaleFactor"]) == (1, 4, 1, 2)
    assert totals["dataSize"] * 2 == totals["avgObjSize"] * 4
    one = db.command("collStats", "c")
    assert (one["ns"], one["count"], one["nindexes"], one["numOrphanDocs"]) == (f"{db.name}.c", 4, 1, 0)
    checked = db.command("validate", "c", full=True)
    assert (checked["valid"], checked["nrecords"], checked["keysPerIndex"], checked["errors"]) == (True, 4, {"_id_": 4}, [])
    assert code(db, {"validate": "missing"}) == 26
    assert code(db, {"validate": "c", "metadata": True, "full": True}) == 72
    assert "bytesFreed" in db.command("compact", "c")
    assert "estimatedBytesFreed" in db.command("compact", "c", dryRun=True)
    assert code(db, {"compact": "missing"}) == 26


@rules("getLog, getParameter, setParameter")
def parameters(db: Db) -> None:
    admin = db.client.admin
    assert {"global", "startupWarnings"} <= set(admin.command("getLog", "*")["names"])
    assert admin.command("getLog", "startupWarnings")["totalLinesWritten"] == 0
    assert code(admin, {"getLog": "other"}) == 96
    assert code(admin, {"getParameter": 1, "other": 1}) == 72
    detailed = admin.command("getParameter", {"showDetails": True}, ttlMonitorSleepSecs=1)["ttlMonitorSleepSecs"]
    assert (detailed["settableAtRuntime"], detailed["settableAtStartup"]) == (True, True)
    was = admin.command("setParameter", 1, ttlMonitorSleepSecs=30)["was"]
    assert admin.command("setParameter", 1, ttlMonitorSleepSecs=was)["was"] == 30
    assert code(admin, {"setParameter": 1, "other": 1}) == code(admin, {"setParameter": 1}) == 72


@rules("getClusterParameter, setClusterParameter, getDefaultRWConcern, setDefaultRWConcern")
def defaults(db: Db) -> None:
    admin = db.client.admin
    for expiry in (100, "off"):
        setting = {"preAndPostImages": {"expireAfterSeconds": expiry}}
        admin.command("setClusterParameter", {"changeStreamOptions": setting})
        [found] = admin.command("getClusterParameter", "changeStreamOptions")["clusterParameters"]
        assert found["preAndPostImages"] == setting["preAndPostImages"]
    assert code(admin, {"getClusterParameter": "other"}) == 4
    assert admin.command("getDefaultRWConcern")["defaultWriteConcern"]["w"] == "majority"
    assert code(admin, {"setDefaultRWConcern": 1}) == 2


@rules("currentOp, killOp, listCommands")
def operations(db: Db) -> None:
    admin = db.client.admin
    [own] = [one for one in admin.command("currentOp", {"$all": True})["inprog"] if one.get("command", {}).get("currentOp")]
    assert own["active"] is True
    assert code(db, {"currentOp": 1}) == 13
    assert admin.command("killOp", op=999_999)["info"] == "attempting to kill op"
    assert code(admin, {"killOp": 1}) == 4
    rename = admin.command("listCommands")["commands"]["renameCollection"]
    assert {"help", "requiresAuth", "secondaryOk", "adminOnly", "apiVersions", "deprecatedApiVersions"} <= set(rename)
    assert rename["adminOnly"] is True


@rules("profile")
def profiled(db: Db) -> None:
    assert db.command("profile", -1)["was"] == 0
    db.command("profile", 2, slowms=50, sampleRate=0.5)
    db.c.find_one({"a": 1})
    level = db.command("profile", 0, slowms=100, sampleRate=1.0)
    assert (level["was"], level["slowms"], level["sampleRate"]) == (2, 50, 0.5)
    assert db.command("profile", 1, filter={"op": "query"})["was"] == 0
    assert "filter" in db.command("profile", 0, filter="unset")
    assert "filter" not in db.command("profile", -1)


@rules("fsync, fsyncUnlock, logRotate, planCacheClear, setFeatureCompatibilityVersion")
def maintenance(db: Db) -> None:
    admin = db.client.admin
    assert admin.command("fsync", lock=True)["lockCount"] == 1
    assert admin.command("fsyncUnlock")["lockCount"] == 0
    assert code(admin, {"fsyncUnlock": 1}) == 20
    assert code(admin, {"logRotate": "audit"}) == 4
    assert db.command("planCacheClear", "missing")["ok"] == 1
    version = {
        "setFeatureCompatibilityVersion": admin.command("getParameter", featureCompatibilityVersion=1)["featureCompatibilityVersion"][
            "version"
        ]
    }
    assert code(admin, version) == 7369100
    assert admin.command(version | {"confirm": True})["ok"] == 1
    assert code(admin, {"setFeatureCompatibilityVersion": "4.4", "confirm": True}) == 4926900


@rules("configureFailPoint")
def fail_points(db: Db) -> None:
    admin = db.client.admin
    data = {"failCommands": ["ping"], "errorCode": 99, "errorLabels": ["Custom"]}
    admin.command("configureFailPoint", "failCommand", mode={"times": 1}, data=data)
    failed = failure(db, {"ping": 1})
    assert (failed["code"], failed["errorLabels"]) == (99, ["Custom"])
    assert db.command("ping")["ok"] == 1
    assert code(admin, {"configureFailPoint": "failCommand", "mode": {"activationProbability": 2}}) == 14
    assert code(admin, {"configureFailPoint": "other", "mode": "off"}) == 266


@rules("replSetInitiate, replSetGetStatus, replSetGetConfig, replSetReconfig, replSetStepDown")
def replica_set(db: Db) -> None:
    admin = db.client.admin
    assert code(admin, {"replSetInitiate": {}}) == 23
    status = admin.command("replSetGetStatus")
    [member] = status["members"]
    assert (status["myState"], member["stateStr"], member["self"]) == (1, "PRIMARY", True)
    config = admin.command("replSetGetConfig")["config"]
    assert (config["_id"], len(config["members"])) == (status["set"], 1)
    assert code(admin, {"replSetReconfig": config}) == 103
    assert code(admin, {"replSetStepDown": 1}) == 2


@rules("applyOps")
def applied_operations(db: Db) -> None:
    namespace, admin = f"{db.name}.c", db.client.admin
    insert = {"op": "i", "ns": namespace, "o": {"_id": 1}}
    assert code(admin, {"applyOps": [insert]}) == 26
    db.create_collection("c")
    update = {"op": "u", "ns": namespace, "o": {"$v": 2, "diff": {"i": {"b": 1}}}, "o2": {"_id": 1}}
    create = {"op": "c", "ns": f"{db.name}.$cmd", "o": {"create": "d"}}
    done = admin.command("applyOps", [insert, update, create])
    assert (done["applied"], done["results"]) == (3, [True] * 3)
    assert list(db.c.find()) == [{"_id": 1, "b": 1}]
    assert "d" in db.list_collection_names()
    admin.command("applyOps", [{"op": "d", "ns": namespace, "o": {"_id": 1}}])
    assert db.c.count_documents({}) == 0
    assert code(admin, {"applyOps": [insert | {"op": "x"}]}) == 2
