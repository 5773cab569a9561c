"""replSetGetStatus, replSetGetConfig and replSetInitiate, for a replica set of one member.

https://www.mongodb.com/docs/manual/reference/command/replSetGetStatus/
"""

from __future__ import annotations

from typing import Any

from bson.int64 import Int64

from secantus_server.bson.values import Date
from secantus_server.dispatch.privileges import on_cluster
from secantus_server.dispatch.registry import Reply, command
from secantus_server.dispatch.request import Request
from secantus_server.errors import CommandError


def check_replica_set(request: Request) -> None:
    """Check that the server is a member of a replica set.

    Raises:
        CommandError: 76 NoReplicationEnabled.
    """
    if not request.services.settings.replica_set:
        raise CommandError(76, "not running with --replSet")


@command("replSetGetStatus", lenient=True, admin_only=True, privileges=on_cluster("replSetGetStatus"))
def repl_set_get_status(request: Request, _args: dict[str, Any]) -> Reply:
    """Return the status of the replica set's only member."""
    check_replica_set(request)
    services = request.services
    timestamp = services.oplog.newest
    optime = {"ts": timestamp, "t": Int64(1)}
    written = Date(int(timestamp.time) * 1000)
    uptime = int(services.clock.monotonic() - services.started)
    times = {"lastCommittedOpTime": optime, "readConcernMajorityOpTime": optime, "appliedOpTime": optime, "durableOpTime": optime}
    topology = services.topology
    state, state_name = (1, "PRIMARY") if topology.check_election() else (2, "SECONDARY")
    member = {
        "_id": 0,
        "name": topology.address,
        "health": 1.0,
        "state": state,
        "stateStr": state_name,
        "uptime": uptime,
        "optime": optime,
        "optimeDate": written,
        "electionTime": timestamp,
        "electionDate": written,
        "configVersion": topology.config_version,
        "configTerm": topology.term,
        "self": True,
        "lastHeartbeatMessage": "",
    }
    return {
        "set": services.settings.replica_set,
        "date": request.now,
        "myState": state,
        "term": Int64(topology.term),
        "heartbeatIntervalMillis": Int64(2000),
        "majorityVoteCount": 1,
        "writeMajorityCount": 1,
        "votingMembersCount": 1,
        "writableVotingMembersCount": 1,
        "optimes": {**times, "lastAppliedWallTime": written, "lastDurableWallTime": written},
        "members": [member],
    }


@command("replSetGetConfig", lenient=True, admin_only=True, privileges=on_cluster("replSetGetConfig"))
def repl_set_get_config(request: Request, _args: dict[str, Any]) -> Reply:
    """Return the replica set's configuration."""
    check_replica_set(request)
    return {"config": request.services.topology.config()}


@command("replSetInitiate", lenient=True, admin_only=True, privileges=on_cluster("replSetConfigure"))
def repl_set_initiate(request: Request, _args: dict[str, Any]) -> Reply:
    """Raise an error, because the replica set is already initiated when the server starts."""
    check_replica_set(request)
    raise CommandError(23, "already initialized")
