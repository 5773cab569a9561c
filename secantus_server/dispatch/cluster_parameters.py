"""The cluster parameters. They include the parameter that determines when pre- and post-images expire.

https://www.mongodb.com/docs/manual/reference/cluster-parameters/
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bson.int64 import Int64

if TYPE_CHECKING:
    from secantus_server.dispatch.services import Services

CHANGE_STREAM_OPTIONS = "changeStreamOptions"
CHANGE_STREAMS = "changeStreams"
PAUSE_MIGRATIONS = "pauseMigrationsDuringMultiUpdates"

#: The default values of the cluster parameters, by name.
CLUSTER_PARAMETERS: dict[str, dict[str, Any]] = {
    CHANGE_STREAM_OPTIONS: {"preAndPostImages": {"expireAfterSeconds": "off"}},
    # The next two parameters affect only serverless deployments and sharded clusters.
    CHANGE_STREAMS: {"expireAfterSeconds": Int64(3600)},
    PAUSE_MIGRATIONS: {"enabled": False},
    "defaultMaxTimeMS": {"readOperations": Int64(0)},
    "fleDisableSubstringPreviewParameterLimits": {"shouldDisableSubstringPreviewParameterLimits": False},
}


def setting_name(name: str) -> str:
    """Return the key under which `Services.parameters` contains a cluster parameter."""
    return f"cluster:{name}"


def cluster_parameter(services: Services, name: str) -> dict[str, Any]:
    """Return the current value of a cluster parameter. The value is part of snapshots, so restoring a snapshot restores it."""
    value: dict[str, Any] = services.parameters.get(setting_name(name), CLUSTER_PARAMETERS[name])
    return value


def images_expire_before_ms(services: Services) -> int:
    """Return the wall clock time in milliseconds before which pre- and post-images have expired, or 0 if images do not expire."""
    seconds = cluster_parameter(services, CHANGE_STREAM_OPTIONS)["preAndPostImages"]["expireAfterSeconds"]
    return 0 if seconds == "off" else services.clock.now_ms() - int(seconds) * 1000
