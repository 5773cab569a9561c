"""Observations of differences: the server's version, topology, commands and change streams."""

from __future__ import annotations

from functools import partial
from typing import Any

from bson.int64 import Int64
from pymongo import MongoClient, ReadPreference
from pymongo.client_session import ClientSession
from pymongo.errors import NotPrimaryError, OperationFailure

from tests.differences.showing import Db, code_of, shows


@shows("version", before=["8.2.4", [8, 2, 4, 0], 27, "8.2", "8.2.4"], after=["9.0.2", [9, 0, 2, 0], 29, "9.0", "9.0.2"])
def versions(db: Db) -> list[Any]:
    admin = db.client.admin
    build, hello = admin.command("buildInfo"), admin.command("hello")
    compatibility = admin.command("getParameter", 1, featureCompatibilityVersion=1)["featureCompatibilityVersion"]["version"]
    return [build["version"], build["versionArray"], hello["maxWireVersion"], compatibility, admin.command("serverStatus")["version"]]


@shows("version", before=[238, 0, 4926900, 4926900], after=[238, 4926900, 238, 0])
def feature_compatibility(db: Db) -> list[int]:
    admin = db.client.admin
    return [code_of(admin.command, "setFeatureCompatibilityVersion", name, confirm=True) for name in ("8.0", "8.2", "8.3", "9.0")]


@shows("status_none", before=[True, True, True], after=[False, True, True])
def sections_of_the_status(db: Db) -> list[bool]:
    status = db.client.admin.command("serverStatus", none=1, locks=1)
    return ["connections" in status, "locks" in status, "uptime" in status]


@shows("authenticated_mechanism", before=[40415, 40415, 40415], after=[0, 2, 14])
def mechanisms_of_users_info(db: Db) -> list[int]:
    return [code_of(db.command, "usersInfo", 1, authenticatedMechanism=name) for name in ("SCRAM-SHA-256", "LDAP", 1)]


PRIMARY, SECONDARY, SECONDARY_PREFERRED = ReadPreference.PRIMARY, ReadPreference.SECONDARY, ReadPreference.SECONDARY_PREFERRED
LIMIT = "maxConcurrentMultiDocumentTransactions"


@shows("transaction_limit", before=[72, 72, "none", "none", 0], after=[10_000, 0, "none", "TooManyOpenTransactions", 0])
def open_transactions(db: Db) -> list[Any]:
    admin = db.client.admin
    db.c.insert_one({"_id": 1})
    default = code_of(admin.command, "getParameter", 1, **{LIMIT: 1}) or admin.command("getParameter", 1, **{LIMIT: 1})[LIMIT]
    changed = code_of(admin.command, "setParameter", 1, **{LIMIT: 1})
    outcomes: list[Any] = [default, changed]
    with db.client.start_session() as first, db.client.start_session() as second:
        for session in (first, second):
            session.start_transaction()
            try:
                db.c.find_one({}, session=session)
                outcomes.append("none")
            except OperationFailure as error:
                outcomes.append((error.details or {})["codeName"])
        first.commit_transaction()
        second.abort_transaction()
        first.start_transaction()
        outcomes.append(code_of(db.c.find_one, {}, session=first))
        first.abort_transaction()
    if changed == 0:
        admin.command("setParameter", 1, **{LIMIT: default})
    return outcomes


@shows("status_of_streams", before=[None, None], after=[{"open": {"pinned": 0, "total": 1}, "totalOpened": 1}, 0])
def cursors_of_streams(db: Db) -> list[Any]:
    def shown() -> Any:
        return db.client.admin.command("serverStatus")["metrics"].get("changeStreams", {}).get("cursor")

    before = shown()
    with db.c.watch(max_await_time_ms=1):
        opened = shown()
    if opened is None:
        return [None, None]
    opened["totalOpened"] -= before["totalOpened"]
    return [opened, shown()["open"]["total"]]


@shows("change_stream_role", before=[0, 0, 0, 0], after=[11602, 0, 0, 11602])
def streams_after_an_election(db: Db) -> list[int]:
    db.create_collection("c")
    name = db.client.admin.command("hello")["setName"]
    # A client that is connected directly sends the mode primaryPreferred.
    other = MongoClient[dict[str, Any]](*db.client.address or (), replicaSet=name, heartbeatFrequencyMS=500)
    with other as client, client.start_session() as session:
        return Streams(client[db.name], session).after_an_election()


class Streams:
    """Change streams of a node that steps down and is elected again. The commands are sent one by one."""

    def __init__(self, db: Db, session: ClientSession) -> None:
        self._run = partial(db.command, session=session)
        self._admin = db.client.admin.command

    def after_an_election(self) -> list[int]:
        """Return the error codes of getMore on several streams: two codes while the node is a secondary, and two after the election."""
        first, either = self._open(PRIMARY), self._open(SECONDARY_PREFERRED)
        self._admin("replSetStepDown", 3600, force=True)
        self._admin("replSetFreeze", 3600, read_preference=SECONDARY_PREFERRED)
        try:
            codes = [self._next(first), self._next(either)]
            second = self._open(SECONDARY)
        finally:
            self._admin("replSetStepUp", 1, read_preference=SECONDARY_PREFERRED)
        return [*codes, self._next(either), self._next(second)]

    def _open(self, preference: Any) -> int:
        reply = self._run("aggregate", "c", pipeline=[{"$changeStream": {}}], cursor={}, read_preference=preference)
        return int(reply["cursor"]["id"])

    def _next(self, cursor: int) -> int:
        try:
            return code_of(self._run, "getMore", Int64(cursor), collection="c", maxTimeMS=1, read_preference=SECONDARY_PREFERRED)
        except NotPrimaryError as error:
            return int((error.details or {})["code"])
