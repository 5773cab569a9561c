"""buildInfo. https://www.mongodb.com/docs/manual/reference/command/buildInfo/"""

from __future__ import annotations

from typing import Any

from secantus_server.dispatch.privileges import AUTHENTICATED
from secantus_server.dispatch.registry import InTransaction, Reply, command
from secantus_server.dispatch.request import Request
from secantus_server.javascript import is_installed
from secantus_server.wire.header import MAX_DOCUMENT_SIZE


@command("buildInfo", {}, aliases=("buildinfo",), in_transaction=InTransaction.LATER, privileges=AUTHENTICATED)
def build_info(request: Request, _args: dict[str, Any]) -> Reply:
    """Return the version and build of the server."""
    release = request.services.release
    return {
        "version": release.version,
        "gitVersion": "secantus",
        "modules": [],
        "allocator": "system",
        "javascriptEngine": "quickjs" if request.services.settings.javascript_enabled and is_installed() else "none",
        "sysInfo": "deprecated",
        "versionArray": release.version_array,
        "openssl": {"running": "disabled", "compiled": "disabled"},
        "buildEnvironment": {},
        "bits": 64,
        "debug": False,
        "maxBsonObjectSize": MAX_DOCUMENT_SIZE,
        "storageEngines": ["wiredTiger"],
    }
