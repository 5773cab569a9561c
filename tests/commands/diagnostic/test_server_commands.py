"""The commands on the server, its parameters and its sessions."""

from __future__ import annotations

from typing import Any

import pytest
from bson.binary import Binary
from bson.decimal128 import Decimal128
from bson.int64 import Int64
from pymongo.database import Database
from pymongo.errors import OperationFailure

from tests.failing import code, failure


@pytest.mark.parametrize("name", ["buildInfo", "buildinfo"])
def test_build_info(admin: Database, name: str) -> None:
    reply = admin.command({name: 1})
    assert reply["version"].startswith("8.2.")
    assert reply["versionArray"] == [*map(int, reply["version"].split(".")), 0]
    assert reply["maxBsonObjectSize"] == 16 * 1024 * 1024


def test_connection_status_and_address(admin: Database) -> None:
    reply = admin.command({"connectionStatus": 1, "showPrivileges": True})
    assert reply["authInfo"] == {"authenticatedUsers": [], "authenticatedUserRoles": [], "authenticatedUserPrivileges": []}
    assert admin.command({"whatsmyuri": 1})["you"].startswith("127.0.0.1:")


def test_the_uptime_is_whole_seconds_in_a_double(admin: Database) -> None:
    uptime = admin.command({"serverStatus": 1})["uptime"]
    assert type(uptime) is float
    assert uptime.is_integer()


def test_server_status_counts(admin: Database, db: Database) -> None:
    before = admin.command({"serverStatus": 1})["opcounters"]
    db.c.insert_many([{}, {}])
    list(db.c.find())
    db.command("update", "c", updates=[{"q": {"x": n}, "u": {"$set": {"y": 1}}} for n in range(3)])
    db.command("delete", "c", deletes=[{"q": {"x": n}, "limit": 1} for n in range(4)])
    after = admin.command({"serverStatus": 1})["opcounters"]
    assert {name: after[name] - before[name] for name in ("insert", "query", "update", "delete")} == {
        "insert": 2,
        "query": 1,
        "update": 3,
        "delete": 4,
    }
    assert type(after["insert"]) is Int64


def test_sections_of_server_status(admin: Database) -> None:
    assert "metrics" not in admin.command({"serverStatus": 1, "metrics": 0})
    assert "mirroredReads" in admin.command({"serverStatus": 1, "mirroredReads": True})
    connections = admin.command({"serverStatus": 1})["connections"]
    assert connections["totalCreated"] >= connections["current"] >= 1


@pytest.mark.parametrize("name", ["hostInfo", "getCmdLineOpts", "listCommands", "top", "lockInfo", "connPoolStats", "logRotate"])
def test_commands_without_arguments(admin: Database, name: str) -> None:
    assert admin.command({name: 1})["ok"] == 1.0


def test_list_commands_describes_each(admin: Database) -> None:
    commands = admin.command({"listCommands": 1})["commands"]
    assert commands["find"]["apiVersions"] == ["1"]
    assert all(entry["help"] for entry in commands.values())


def test_list_commands_reports_which_ones_run_before_authentication(admin: Database) -> None:
    commands = admin.command({"listCommands": 1})["commands"]
    before = {
        "authenticate",
        "connectionStatus",
        "hello",
        "isMaster",
        "listCommands",
        "logout",
        "ping",
        "saslContinue",
        "saslStart",
        "whatsmyuri",
    }
    assert {name for name, entry in commands.items() if not entry["requiresAuth"]} == before


def test_get_log(admin: Database) -> None:
    assert admin.command({"getLog": "*"})["names"] == ["global", "startupWarnings"]
    assert isinstance(admin.command({"getLog": "global"})["log"], list)
    assert code(admin, {"getLog": "other"}) == 96
    assert code(admin, {"getLog": 1}) == 14


def test_parameters(admin: Database) -> None:
    assert admin.command({"getParameter": 1, "logLevel": 1})["logLevel"] == 0
    try:
        assert admin.command({"setParameter": 1, "logLevel": 2})["was"] == 0
        assert admin.command({"getParameter": {"showDetails": True}, "logLevel": 1})["logLevel"] == {
            "value": 2,
            "settableAtRuntime": True,
            "settableAtStartup": True,
        }
    finally:
        admin.command({"setParameter": 1, "logLevel": 0})
    assert admin.command({"getParameter": "*"})["featureCompatibilityVersion"] == {"version": "8.2"}


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ({"getParameter": 1}, 72),
        ({"getParameter": 1, "noSuch": 1}, 72),
        ({"getParameter": {"allParameters": True, "setAt": "never"}}, 2),
        ({"setParameter": 1, "noSuch": 1}, 72),
        ({"setParameter": 1, "featureCompatibilityVersion": {"version": "8.0"}}, 20),
        ({"setParameter": 1, "requireApiVersion": True}, 238),
        ({"setParameter": 1, "logLevel": 9}, 2),
        ({"setParameter": 1, "ttlMonitorSleepSecs": 0}, 2),
        ({"setParameter": 1, "ttlMonitorSleepSecs": "1"}, 2),
        ({"setParameter": 1, "cursorTimeoutMillis": -1}, 2),
        ({"setParameter": 1, "clientCursorMonitorFrequencySecs": 0}, 2),
        ({"setParameter": 1, "syncdelay": -1}, 2),
        ({"setParameter": 1, "syncdelay": float("nan")}, 2),
        ({"setParameter": 1, "syncdelay": 0}, 238),
    ],
)
def test_parameters_that_cannot_be(admin: Database, command: dict[str, Any], expected: int) -> None:
    assert code(admin, command) == expected


def test_a_parameter_that_only_has_its_default(admin: Database) -> None:
    assert admin.command({"setParameter": 1, "requireApiVersion": False})["was"] is False


@pytest.mark.parametrize("name", ["getParameter", "setParameter", "getLog", "currentOp", "shutdown", "replSetGetStatus", "listDatabases"])
def test_commands_of_the_admin_database(db: Database, name: str) -> None:
    assert failure(db, {name: 1})["errmsg"] == f"{name} may only be run against the admin database."


def test_strictness_needs_a_version(admin: Database) -> None:
    assert code(admin, {"ping": 1, "apiStrict": True}) == 4886600


def test_sessions(admin: Database) -> None:
    reply = admin.command({"startSession": 1, "unknown": 1})
    session = reply["id"]
    assert (reply["timeoutMinutes"], session["id"].subtype) == (30, 4)
    for name in ("refreshSessions", "endSessions", "killSessions"):
        assert admin.command({name: [session]})["ok"] == 1.0
        assert code(admin, {name: [{"id": 1}]}) == 14
        assert code(admin, {name: session}) == 14


@pytest.mark.parametrize("name", ["killSessions", "killAllSessions"])
def test_nulls_and_unknown_fields_do_not_matter_to_kill_commands(admin: Database, name: str) -> None:
    listed = [None] if name == "killSessions" else [None, {"user": "a", "db": "b"}]
    assert admin.command({name: listed, "other": 1})["ok"] == 1.0


def test_the_end_of_a_session_closes_its_cursors(db: Database) -> None:
    db.c.insert_many({"_id": number} for number in range(5))
    with db.client.start_session() as session:
        cursor = db.command({"find": "c", "batchSize": 1}, session=session)["cursor"]["id"]
        assert cursor
        db.command({"endSessions": [session.session_id]}, session=session)
        with pytest.raises(OperationFailure) as caught:
            db.command({"getMore": cursor, "collection": "c"}, session=session)
    assert caught.value.code == 43


def test_the_replica_set(admin: Database) -> None:
    status = admin.command({"replSetGetStatus": 1})
    assert (status["set"], status["myState"], [member["stateStr"] for member in status["members"]]) == ("secantus", 1, ["PRIMARY"])
    config = admin.command({"replSetGetConfig": 1})["config"]
    assert config["members"][0]["host"] == status["members"][0]["name"]
    assert config["writeConcernMajorityJournalDefault"] is False, "only j: true and sync_on_commit wait for the disk"
    assert failure(admin, {"replSetInitiate": {}})["codeName"] == "AlreadyInitialized"


def test_current_op_shows_itself(admin: Database) -> None:
    operations = admin.command({"currentOp": 1, "$all": True})["inprog"]
    assert any("currentOp" in operation["command"] for operation in operations)
    assert admin.command({"currentOp": 1, "opid": -1})["inprog"] == []
    assert admin.command({"killOp": 1, "op": 123456})["info"] == "attempting to kill op"


def test_default_concerns(admin: Database) -> None:
    reply = admin.command({"getDefaultRWConcern": 1, "inMemory": True})
    assert (reply["defaultReadConcern"], reply["inMemory"]) == ({"level": "local"}, True)
    assert code(admin, {"getDefaultRWConcern": 1, "inMemory": 1}) == 14


@pytest.mark.parametrize(
    ("command", "expected", "text"),
    [
        ({"noSuchCommand": 1}, 59, "no such command: 'noSuchCommand'"),
        ({"BuildInfo": 1}, 59, "no such command: 'BuildInfo'"),
        ({"isdbgrid": 1}, 59, "no such command: 'isdbgrid'"),
        *(
            ({name: 1}, 59, f"no such command: '{name}'")
            for name in (
                "atlasVersion",
                "getFreeMonitoringStatus",
                "setFreeMonitoring",
                "getlasterror",
                "getnonce",
                "eval",
                "group",
                "copydb",
                "geoNear",
                "addShard",
                "listShards",
                "reshardCollection",
                "getAuditConfig",
                "listStreamProcessors",
                "startShardDraining",
            )
        ),
        ({"ping": 1, "maxTimeMS": -1}, 2, "-1 value for maxTimeMS is out of range [0, 2147483647]"),
        ({"ping": 1, "maxTimeMS": 1.5}, 9, None),
        ({"ping": 1, "maxTimeMS": Decimal128("NaN")}, 9, None),
        ({"ping": 1, "maxTimeMS": "1"}, 14, None),
        ({"ping": 1, "writeConcern": {"w": 1}}, 72, None),
        ({"ping": 1, "readConcern": {"level": "majority"}}, 72, None),
        ({"ping": 1, "readConcern": {"level": "strong"}}, 2, None),
        ({"ping": 1, "readConcern": {"other": 1}}, 40415, None),
        ({"dropDatabase": None}, 40414, None),
        ({"profile": None}, 40414, None),
        ({"killOp": 1}, 4, None),
        ({"killOp": 1, "op": None}, 14, None),
        ({"killOp": 1, "op": 1.5}, 2, None),
        ({"killOp": 1, "op": 2**31}, 26823, None),
        ({"killOp": 1, "op": Decimal128("NaN")}, 2, None),
        ({"logRotate": "audit"}, 4, None),
        ({"logRotate": 1, "other": 1}, 40415, None),
        ({"fsync": 1, "fsyncLockAcquisitionTimeoutMillis": 1.0}, 14, None),
        ({"killSessions": None}, 40414, None),
        ({"killAllSessions": None}, 40414, None),
        ({"killSessions": [{"other": 1}]}, 40415, None),
        ({"killSessions": [{"id": Binary(bytes(8), 4)}]}, 207, None),
        ({"killSessions": [], "apiVersion": "1", "apiStrict": True}, 323, None),
        ({"dataSize": "a.b", "min": {"_id": 1}, "max": {"_id": 2}}, 96, None),
        ({"lockInfo": 1, "other": 1}, 40415, None),
        ({"convertToCapped": "$cmd", "size": 4096}, 26, None),
        ({"collMod": "oplog.rs", "cappedSize": 4096}, 26, None),
        ({"validateDBMetadata": 1, "db": "", "apiParameters": {"version": "1"}}, 28539, None),
        ({"validateDBMetadata": 1, "db": "a b", "apiParameters": {"version": "1"}}, 13280, None),
        ({"validateDBMetadata": 1, "db": "a.b", "apiParameters": {"version": "1"}}, 73, None),
        ({"ping": 1, "other": 1}, 40415, "BSON field 'ping.other' is an unknown field."),
    ],
)
def test_arguments_of_every_command(admin: Database, command: dict[str, Any], expected: int, text: str | None) -> None:
    found = failure(admin, command)
    assert found["code"] == expected
    assert text is None or found["errmsg"] == text


@pytest.mark.parametrize("limit", [None, 0, 1000, Int64(1000), 1000.0, Decimal128("1000")])
def test_time_limits_of_every_number(admin: Database, limit: Any) -> None:
    assert admin.command({"ping": 1, "maxTimeMS": limit})["ok"] == 1.0


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("replSetMaintenance", "point the test at a MongoDB server"),
    ],
)
def test_a_command_that_is_missing_says_what_to_do_instead(admin: Database, name: str, expected: str) -> None:
    error = failure(admin, {name: 1})
    assert error["code"] == 238
    assert error["errmsg"].startswith(f"the command {name} is not supported by Secantus yet: {expected}")


def test_what_a_node_outside_a_cluster_answers(admin: Database) -> None:
    assert admin.command("shardingState")["enabled"] is False
    assert code(admin, {"fsyncUnlock": 1}) == 20


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ({"setFeatureCompatibilityVersion": "8.2"}, 7369100),
        ({"setFeatureCompatibilityVersion": "8.0", "confirm": True}, 238),
        ({"setFeatureCompatibilityVersion": "7.0", "confirm": True}, 4926900),
        ({"setFeatureCompatibilityVersion": 8, "confirm": True}, 14),
    ],
)
def test_feature_compatibility_versions(admin: Database, command: dict[str, Any], expected: int) -> None:
    assert admin.command({"setFeatureCompatibilityVersion": "8.2", "confirm": True})["ok"] == 1.0
    assert code(admin, command) == expected


def test_server_status_counts_the_operations_of_a_bulk_write(admin: Database, db: Database) -> None:
    before = admin.command("serverStatus")["opcounters"]
    operations = [
        {"insert": 0, "document": {}},
        {"insert": 0, "document": {}},
        {"update": 0, "filter": {}, "updateMods": {"$set": {"x": 1}}},
    ]
    admin.command("bulkWrite", 1, ops=[*operations, {"delete": 0, "filter": {}}], nsInfo=[{"ns": f"{db.name}.c"}])
    after = admin.command("serverStatus")["opcounters"]
    assert [after[name] - before[name] for name in ("insert", "update", "delete")] == [2, 1, 1]


def test_server_status_keeps_the_counts_of_dropped_collections(admin: Database, db: Database) -> None:
    db.c.insert_one({})
    before = admin.command("serverStatus")
    db.c.drop()
    with pytest.raises(OperationFailure):
        db.command("find", "c", filter=1)
    after = admin.command("serverStatus")
    assert after["opLatencies"]["writes"]["ops"] >= before["opLatencies"]["writes"]["ops"] > 0
    assert after["opLatencies"]["writes"]["latency"] >= before["opLatencies"]["writes"]["latency"]
    assert after["locks"]["Global"]["acquireCount"]["w"] == after["opLatencies"]["writes"]["ops"]
    assert after["asserts"]["user"] == before["asserts"]["user"] + 1
    assert after["globalLock"]["activeClients"] == {"total": 0, "readers": 0, "writers": 0}
