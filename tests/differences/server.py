"""What the server says about itself."""

from __future__ import annotations

from typing import Any

from pymongo.errors import OperationFailure

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
