"""Reports the commands that the express lane (the fast path for simple commands) executed to the interceptors."""

from __future__ import annotations

from typing import TYPE_CHECKING

from secantus_server.bson import RawArray, decode, encode
from secantus_server.dispatch.client import ClientInfo
from secantus_server.dispatch.operations import Operation
from secantus_server.dispatch.request import Request
from secantus_server.dispatch.services import Services
from secantus_server.index._index import Index
from secantus_server.modules import import_late
from secantus_server.wire.header import parse_header
from secantus_server.wire.op_msg import parse_op_msg

if TYPE_CHECKING:
    from secantus_server.query.point import PointLookup


def record_slow(services: Services, client: ClientInfo, operation: Operation, raw: bytes, reply: bytes, seconds: float) -> None:
    """Call the interceptors for a command whose duration exceeded the threshold for slow commands.

    Arguments:
        operation: the command's operation.
        raw: the command's message.
        reply: the reply document.
        seconds: the command's working time.
    """
    message = parse_op_msg(parse_header(raw), raw)
    request = Request(next(iter(message.body)), operation.db, message, services, client, operation)
    request.session, request.seconds = operation.session, seconds
    outcome = decode(reply)
    # The dispatcher adds these fields only after the interceptors have run.
    for name in ("ok", "$clusterTime", "operationTime"):
        del outcome[name]
    if "cursor" in outcome:
        outcome["cursor"]["firstBatch"] = RawArray([encode(document) for document in outcome["cursor"]["firstBatch"]])
    for after in services.interceptors.lane.late:
        after(request, outcome)


def looked_up(index: Index) -> PointLookup:
    """Return the plan of a command that has found its document in an index and failed afterwards, for the command's plan notes.

    A lookup that finds nothing does not fail.
    """
    plan: PointLookup = import_late("secantus_server.query.point").executed_lookup(index, 1)
    return plan
