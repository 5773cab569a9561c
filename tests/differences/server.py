"""What the server says about itself."""

from __future__ import annotations

from typing import Any

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
