"""hello and isMaster, its older name.

https://www.mongodb.com/docs/manual/reference/command/hello/
"""

from __future__ import annotations

from types import ModuleType
from typing import Any

from bson.int64 import Int64
from bson.objectid import ObjectId

from secantus_server.auth.collections import BY_CERTIFICATE, EXTERNAL
from secantus_server.bson.values import Date
from secantus_server.dispatch.arguments import exact_integer, wrong_type
from secantus_server.dispatch.client_metadata import check_client_metadata
from secantus_server.dispatch.privileges import UNAUTHENTICATED
from secantus_server.dispatch.registry import InTransaction, Reply, command
from secantus_server.dispatch.request import Request
from secantus_server.errors import CommandError
from secantus_server.modules import import_late
from secantus_server.wire.header import MAX_DOCUMENT_SIZE, MAX_MESSAGE_SIZE, MAX_WRITE_BATCH_SIZE
from secantus_server.wire.op_compressed import available_compressors

MAX_AWAIT_MS = 2**31 - 1
_SECRETS = ("speculativeAuthenticate",)


@command("hello", lenient=True, in_transaction=InTransaction.LATER, in_api_v1=True, privileges=UNAUTHENTICATED, secrets=_SECRETS)
def hello(request: Request, args: dict[str, Any]) -> Reply:
    """Reply with the server's role, limits and capabilities."""
    return _describe(request, "isWritablePrimary")


@command(
    "isMaster",
    lenient=True,
    in_transaction=InTransaction.LATER,
    aliases=("ismaster",),
    in_api_v1=True,
    privileges=UNAUTHENTICATED,
    secrets=_SECRETS,
)
def is_master(request: Request, args: dict[str, Any]) -> Reply:
    """Reply as hello does, but in the format of the older command isMaster."""
    return _describe(request, "ismaster")


def _describe(request: Request, primary_field: str) -> Reply:
    body = request.body
    _remember_client(request)
    waits = "topologyVersion" in body or "maxAwaitTimeMS" in body
    if waits:
        _await_change(request)
    reply: Reply = {}
    if body.get("helloOk"):
        reply["helloOk"] = True
    topology = request.services.topology
    reply[primary_field] = topology.check_election()
    reply["topologyVersion"] = topology.version()
    if topology.replica_set:
        reply.update(_replica_set(request, reply[primary_field]))
    reply.update(
        maxBsonObjectSize=MAX_DOCUMENT_SIZE,
        maxMessageSizeBytes=MAX_MESSAGE_SIZE,
        maxWriteBatchSize=MAX_WRITE_BATCH_SIZE,
        localTime=request.now,
        logicalSessionTimeoutMinutes=30,
        connectionId=request.client.connection_id,
        minWireVersion=0,
        maxWireVersion=request.services.release.max_wire_version,
        readOnly=False,
    )
    if "saslSupportedMechs" in body:
        reply.update(_mechanisms(request, *_user(body["saslSupportedMechs"])))
    if type(body.get("speculativeAuthenticate")) is dict:
        reply.update(_speculate(request, body["speculativeAuthenticate"]))
    if request.client.compressors:
        reply["compression"] = list(request.client.compressors)
    if waits and not topology.is_closed:
        # Stream no further replies while the server stops: hello does not block then, so it would reply in a tight loop and delay the stop.
        request.next_body = {**body, "topologyVersion": topology.version()}
    return reply


def _replica_set(request: Request, is_primary: bool) -> Reply:
    topology = request.services.topology
    timestamp = request.services.oplog.newest
    optime = {"ts": timestamp, "t": Int64(1)}
    written = Date(int(timestamp.time) * 1000)
    primary = {"primary": topology.address} if is_primary else {}
    election = {"electionId": topology.election_id} if is_primary else {}
    return {
        "hosts": [topology.address],
        "setName": topology.replica_set,
        "setVersion": topology.config_version,
        "secondary": not is_primary,
        **primary,
        "me": topology.address,
        **election,
        "lastWrite": {"opTime": optime, "lastWriteDate": written, "majorityOpTime": optime, "majorityWriteDate": written},
    }


def _user(value: Any) -> tuple[str, str]:
    """Parse a user in the form `database.name` or `{user, db}`, and return the user's database and name.

    Raises:
        CommandError: 2 BadValue, 14 TypeMismatch.
    """
    if type(value) is dict and type(value.get("user")) is str and type(value.get("db")) is str:
        return value["db"], value["user"]
    if type(value) is dict or (type(value) is str and "." not in value):
        raise CommandError(2, "saslSupportedMechs must name a user, as 'database.name'")
    if type(value) is not str:
        raise wrong_type("hello.saslSupportedMechs", value, "[string, object]")
    db, _, name = value.partition(".")
    return db, name


def _mechanisms(request: Request, db: str, name: str) -> Reply:
    """Return the authentication mechanisms for which a user has credentials.

    With access control enabled, an unknown user gets the mechanisms of a new user. Thus the reply does not reveal which users exist,
    unlike in MongoDB.
    """
    stored, _ = import_late("secantus_server.work.authorization").find_login(request.services, db, name)
    if stored is not None:
        return {"saslSupportedMechs": [name for name in stored.get("credentials") or {} if name != "external"]}
    if request.services.access is None:
        return {}
    if db == EXTERNAL:
        return {"saslSupportedMechs": []}
    return {"saslSupportedMechs": list(import_late("secantus_server.auth.scram").MECHANISMS)}


def _speculate(request: Request, start: dict[str, Any]) -> Reply:
    """Run the saslStart that the driver included in its hello, and return its reply as a field of hello's reply.

    If saslStart fails, return no field. The driver then authenticates with a separate saslStart.

    https://github.com/mongodb/specifications/blob/master/source/auth/auth.md#speculative-authentication
    """
    db, mechanism, options = start.get("db"), start.get("mechanism"), start.get("options") or {}
    if "authenticate" in start and mechanism == BY_CERTIFICATE:
        return _speculate_by_certificate(request, start)
    if "saslStart" not in start or type(db) is not str or type(mechanism) is not str or type(options) is not dict:
        return {}
    try:
        started = _authentication().start_login(request, db, mechanism, start.get("payload"), options, is_speculative=True)
    except CommandError:
        return {}
    return {"speculativeAuthenticate": started}


def _authentication() -> ModuleType:
    """Return the module of logins, which is imported for the first client that logs in."""
    return import_late("secantus_server.work.authentication")


def _speculate_by_certificate(request: Request, start: dict[str, Any]) -> Reply:
    """Run the command authenticate that the driver included in its hello, and return its reply as a field of hello's reply.

    If the command fails, return no field.
    """
    db, user = start.get("db", EXTERNAL), start.get("user")
    if type(db) is not str or not (user is None or type(user) is str):
        return {}
    try:
        return {"speculativeAuthenticate": _authentication().log_in_by_certificate(request, db, user)}
    except CommandError:
        return {}


def _remember_client(request: Request) -> None:
    """Store the client's metadata and compressors. Only the first hello of a connection may contain metadata."""
    metadata, offered = request.body.get("client"), request.body.get("compression")
    if metadata is not None:
        if request.client.metadata is not None:
            raise CommandError(186, "The client metadata document may only be sent in the first hello")
        check_client_metadata(metadata)
    if offered is not None and type(offered) is not list:
        raise wrong_type(f"{request.name}.compression", offered, "array")
    if metadata is not None:
        request.client.metadata = metadata
        request.client.is_internal = "internalClient" in request.body
    if offered is not None:
        # An unauthenticated client may send thousands of names. To bound the work, determine the available compressors only once, and keep
        # each name only once.
        available = available_compressors()
        request.client.compressors = tuple(dict.fromkeys(name for name in offered if type(name) is str and name in available))


def _await_change(request: Request) -> None:
    """Block until the topology version differs from the client's topology version, or until `maxAwaitTimeMS` has elapsed.

    Raises:
        CommandError: 31368, 31372 or 31373 for invalid arguments; 50 MaxTimeMSExpired, or the error with which the command was killed.
    """
    body = request.body
    version, wait_ms = body.get("topologyVersion"), body.get("maxAwaitTimeMS")
    if version is None or wait_ms is None:
        raise CommandError(31368, "'topologyVersion' and 'maxAwaitTimeMS' must be given together")
    if type(version) is not dict or type(version.get("processId")) is not ObjectId or type(version.get("counter")) is not Int64:
        raise CommandError(31372, "topologyVersion must have a processId and a non-negative counter")
    wait_ms = exact_integer(f"{request.name}.maxAwaitTimeMS", wait_ms)
    if wait_ms < 0:
        raise CommandError(31373, "maxAwaitTimeMS must be a non-negative integer")
    topology = request.services.topology
    if version["processId"] == topology.process_id:
        topology.wait_for_change(int(version["counter"]), min(wait_ms, MAX_AWAIT_MS) / 1000, request.operation)
