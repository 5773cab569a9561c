"""replSetReconfig, for a replica set of one member. The command can change only the version of the configuration and the election
timeout, which has no effect in such a set.

https://www.mongodb.com/docs/manual/reference/command/replSetReconfig/
https://www.mongodb.com/docs/manual/reference/replica-configuration/
"""

from __future__ import annotations

from typing import Any

from secantus_server.bson.numbers import to_float
from secantus_server.bson.values import is_number
from secantus_server.commands.replication.replica_set import check_replica_set
from secantus_server.dispatch.arguments import truth, wrong_type
from secantus_server.dispatch.privileges import on_cluster
from secantus_server.dispatch.registry import Reply, command
from secantus_server.dispatch.request import Request
from secantus_server.dispatch.topology import ELECTION_TIMEOUT_MS
from secantus_server.errors import CommandError, not_supported

_INVALID, _INCOMPATIBLE = 93, 103
_TIMEOUT = "electionTimeoutMillis"
_INSTEAD = "keep the configuration that replSetGetConfig returns, and increase its version"


@command("replSetReconfig", lenient=True, admin_only=True, privileges=on_cluster("replSetConfigure"))
def repl_set_reconfig(request: Request, _args: dict[str, Any]) -> Reply:
    """Accept a replica set configuration that differs from the current one only in its version and its election timeout."""
    check_replica_set(request)
    topology = request.services.topology
    config = request.body[request.name]
    if type(config) is not dict:
        raise wrong_type(f"{request.name}.{request.name}", config, "object")
    is_forced = truth(request.body.get("force", False))
    if not is_forced and not topology.check_election():
        raise CommandError(10107, "replSetReconfig should only be run on a writable PRIMARY")
    current = topology.config()
    version = _checked_version(config, current, is_forced=is_forced)
    _check_settings(config, current)
    topology.take_config(version, _election_timeout(config.get("settings", {})))
    return {}


def _election_timeout(settings: dict[str, Any]) -> int:
    """Check and return the election timeout in milliseconds.

    Raises:
        CommandError: 93 InvalidReplicaSetConfig.
    """
    value = settings.get(_TIMEOUT, ELECTION_TIMEOUT_MS)
    if not is_number(value) or not to_float(value).is_integer() or not 1 <= to_float(value) < 2**31:
        raise CommandError(_INVALID, f"{_TIMEOUT} must be a positive integer, not {value!r}")
    return int(to_float(value))


def _checked_version(config: dict[str, Any], current: dict[str, Any], *, is_forced: bool) -> int:
    """Check and return the version of the new configuration. With `force`, increase it above the current version if necessary.

    Raises:
        CommandError: 93 InvalidReplicaSetConfig, 103 NewReplicaSetConfigurationIncompatible.
    """
    if config.get("_id") != current["_id"]:
        text = f"New and old configurations differ in replica set name; the old was {current['_id']}, and the new is {config.get('_id')}"
        raise CommandError(_INCOMPATIBLE, text)
    version = config.get("version")
    if not is_number(version) or not to_float(version).is_integer() or not 1 <= to_float(version) < 2**31:
        raise CommandError(_INVALID, f"The version of a replica set's configuration must be a positive integer, not {version!r}")
    new, old = int(to_float(version)), int(current["version"])
    if is_forced:
        return max(new, old + 1)
    if new <= old:
        text = f"New replica set configuration version must be greater than old, but {new} is not greater than {old} for replica set "
        raise CommandError(_INCOMPATIBLE, text + str(current["_id"]))
    return new


def _check_settings(config: dict[str, Any], current: dict[str, Any]) -> None:
    """Check that a new configuration changes only the version and the election timeout. An omitted field counts as its default value.

    Raises:
        CommandError: 93 InvalidReplicaSetConfig, 103 NewReplicaSetConfigurationIncompatible, 238 NotImplemented for a change.
    """
    members = config.get("members")
    if type(members) is not list or not members or not all(type(member) is dict for member in members):
        raise CommandError(_INVALID, "The members of a replica set's configuration must be an array of at least one document")
    settings = config.get("settings", {})
    if type(settings) is not dict:
        raise CommandError(_INVALID, "The settings of a replica set's configuration must be a document")
    if settings.get("replicaSetId", current["settings"]["replicaSetId"]) != current["settings"]["replicaSetId"]:
        raise CommandError(_INCOMPATIBLE, "New and old configurations differ in replica set ID")
    (member,) = current["members"]
    if len(members) > 1:
        raise not_supported("a replica set of several members", _INSTEAD)
    parts = [("", config, current), ("members.0.", members[0], member), ("settings.", settings, current["settings"])]
    for prefix, given, kept in parts:
        for name, value in given.items():
            if name not in ("version", "term", "members", "settings", _TIMEOUT) and value != kept.get(name):
                field = prefix + name
                raise not_supported(f"the change of {field} of a replica set", _INSTEAD)
