"""Shorter replacements for functions of pymongo that each command or document needs.

Each one has the effects of the replaced function in the ordinary case, in which nobody waits or listens. It calls that function in every
other case.
"""

from __future__ import annotations

import functools
import logging
import os
import time
from collections.abc import Callable, Iterator
from typing import Any, Final

from pytest_secantus.direct_line import Interface

#: The versions of pymongo whose functions are known in detail.
SHORTENED: Final = ("4.20.1",)


def shortcuts() -> list[tuple[Any, str, Callable[..., Any]]]:
    """Return the replacements: as owner, name and function."""
    from pymongo import common
    from pymongo.bulk_shared import _AgnosticBulkBase
    from pymongo.synchronous.collection import Collection
    from pymongo.synchronous.database import Database
    from pymongo.synchronous.mongo_client import MongoClient
    from pymongo.synchronous.pool import Connection, Pool
    from pymongo.synchronous.topology import Topology

    return [
        (common, "validate_is_document_type", checked(common.validate_is_document_type)),
        (Collection, "insert_many", inserted(Collection.insert_many)),
        (_AgnosticBulkBase, "gen_ordered", in_one_run(_AgnosticBulkBase.gen_ordered)),
        (Pool, "_get_conn", taken(Pool._get_conn)),
        (Pool, "checkin", given_back(Pool.checkin)),
        (Topology, "select_server", selected(Topology.select_server)),
        (Database, "__getitem__", collection_of(Database.__getitem__)),
        (MongoClient, "_tmp_session", lent(MongoClient._tmp_session)),
        (Connection, "command", sent(Connection.command)),
    ]


def checked(original: Callable[..., Any]) -> Callable[..., Any]:
    """Return a replacement for the pymongo function that checks each inserted document. It only accepts a `dict`.

    The check whether a `dict` is a `MutableMapping` takes ten times as long, because the result is not cached.
    """

    @functools.wraps(original)
    def validate_is_document_type(option: str, value: Any) -> None:
        if type(value) is not dict:
            original(option, value)

    return validate_is_document_type


def inserted(original: Callable[..., Any]) -> Callable[..., Any]:
    """Return a replacement for the pymongo method that inserts documents. It only inserts a list of `dict`s.

    For each document, the method checks whether it is a `RawBSONDocument`, which is an abstract base class's slow check.
    """
    from pymongo import _csot
    from pymongo.message import _INSERT
    from pymongo.results import InsertManyResult
    from pymongo.synchronous import collection

    module: Any = collection

    @_csot.apply
    @functools.wraps(original)
    def insert_many(
        self: Any,
        documents: Any,
        ordered: bool = True,
        bypass_document_validation: bool | None = None,
        session: Any = None,
        comment: Any = None,
    ) -> Any:
        if type(documents) is not list or not documents:
            return original(self, documents, ordered, bypass_document_validation, session, comment)
        # First, because it fails for an invalid session, whose documents get no ids.
        write_concern = self._write_concern_for(session)
        ids = []
        for document in documents:
            if type(document) is not dict:
                # The documents before this one keep their new ids.
                return original(self, documents, ordered, bypass_document_validation, session, comment)
            if "_id" not in document:
                document["_id"] = module.ObjectId()
            ids.append(document["_id"])
        bulk = module._Bulk(self, ordered, bypass_document_validation, comment=comment)
        bulk.ops = [(_INSERT, document) for document in documents]
        bulk.execute(write_concern, session, module._Op.INSERT)
        return InsertManyResult(ids, write_concern.acknowledged)

    return insert_many


def in_one_run(original: Callable[..., Any]) -> Callable[..., Any]:
    """Return a replacement for the pymongo method that divides the operations of a bulk write into runs of one type.

    If all have the same type, it fills the only run without a call for each operation.
    """
    from pymongo.bulk_shared import _Run

    @functools.wraps(original)
    def gen_ordered(self: Any) -> Iterator[Any]:
        operations = self.ops
        kinds = {kind for kind, _ in operations}
        if len(kinds) != 1:
            yield from original(self)
            return
        run = _Run(*kinds)
        run.index_map = list(range(len(operations)))
        run.ops = [operation for _, operation in operations]
        yield run

    return gen_ordered


def taken(original: Callable[..., Any]) -> Callable[..., Any]:
    """Return a replacement for the pymongo method that takes a connection from a pool. It only takes an idle, open, direct connection."""
    from pymongo.pool_shared import PoolState

    ready = PoolState.READY

    @functools.wraps(original)
    def _get_conn(pool: Any, checkout_started_time: float, handler: Any = None) -> Any:
        idle = pool.conns
        if idle and pool.pid == os.getpid() and pool.opts.max_idle_time_seconds is None:
            with pool.lock:
                # `_reset` replaces the queue.
                idle = pool.conns
                if idle and pool.state == ready and pool.requests < pool.max_pool_size and is_usable(conn := idle[0], pool):
                    pool.active_contexts.add(conn.cancel_context)
                    counts = pool.operation_count, pool.requests, pool.active_sockets
                    try:
                        idle.popleft()
                        pool.operation_count, pool.requests, pool.active_sockets = counts[0] + 1, counts[1] + 1, counts[2] + 1
                        conn.active = True
                    except BaseException:  # of a signal handler
                        pool.operation_count, pool.requests, pool.active_sockets = counts
                        conn.active = False
                        if not idle or idle[0] is not conn:
                            idle.appendleft(conn)
                        raise
                    return conn
        return original(pool, checkout_started_time, handler=handler)

    return _get_conn


def given_back(original: Callable[..., Any]) -> Callable[..., Any]:
    """Return a replacement for the pymongo method that returns a connection to its pool. It only returns an open, direct connection."""
    from pymongo.logger import _CONNECTION_LOGGER
    from pymongo.pool_shared import PoolState

    closed = PoolState.CLOSED

    @functools.wraps(original)
    def checkin(pool: Any, conn: Any) -> None:
        events = pool._telemetry
        is_watched = events._should_publish or (events._log and _CONNECTION_LOGGER.isEnabledFor(logging.DEBUG))
        is_pinned = conn.pinned_txn or conn.pinned_cursor or pool._pinned_sockets
        if not is_watched and not is_pinned and pool.pid == os.getpid():
            with pool.lock:
                is_awaited = pool.size_cond._waiters or pool._max_connecting_cond._waiters
                if not is_awaited and pool.state != closed and not conn.closed and is_usable(conn, pool):
                    counts = pool.operation_count - 1, pool.requests - 1, pool.active_sockets - 1
                    is_writable = bool(pool.is_writable)
                    try:
                        pool.active_contexts.discard(conn.cancel_context)
                        conn.last_checkin_time = time.monotonic()
                    finally:  # also after an exception of a signal handler
                        conn.active, conn.is_writable = False, is_writable
                        pool.operation_count, pool.requests, pool.active_sockets = counts
                        pool.conns.appendleft(conn)
                    return
        original(pool, conn)

    return checkin


def is_usable(conn: Any, pool: Any) -> bool:
    """Return whether a connection of pymongo is direct, open, and of its pool's current generation."""
    interface = conn.conn
    return (
        type(interface) is Interface
        and not interface.conn.direct.is_closed
        and conn.service_id is None
        and conn.generation == pool.gen._generation
    )


def selected(original: Callable[..., Any]) -> Callable[..., Any]:
    """Return a replacement for the pymongo method that selects a server. It only selects the server of a client that knows one server."""
    from pymongo import _csot
    from pymongo.logger import _SERVER_SELECTION_LOGGER
    from pymongo.read_preferences import Primary
    from pymongo.server_selectors import writable_server_selector
    from pymongo.server_type import SERVER_TYPE
    from pymongo.topology_description import TOPOLOGY_TYPE

    single, unknown, limit = TOPOLOGY_TYPE.Single, SERVER_TYPE.Unknown, _csot.TIMEOUT

    @functools.wraps(original)
    def select_server(
        topology: Any,
        selector: Any,
        operation: str,
        server_selection_timeout: float | None = None,
        address: Any = None,
        deprioritized_servers: Any = None,
        operation_id: int | None = None,
    ) -> Any:
        is_usual = (selector is writable_server_selector or type(selector) is Primary) and address is None and not deprioritized_servers
        if is_usual and not limit.get() and not _SERVER_SELECTION_LOGGER.isEnabledFor(logging.DEBUG):
            with topology._lock:
                found = topology._description
                if found._topology_type == single and len(found._server_descriptions) == 1 and found._incompatible_err is None:
                    (one,) = found._server_descriptions.values()
                    server = topology._servers.get(one._address)
                    if server is not None and one._server_type != unknown:
                        return server
        return original(topology, selector, operation, server_selection_timeout, address, deprioritized_servers, operation_id)

    return select_server


def collection_of(original: Callable[..., Any]) -> Callable[..., Any]:
    """Return a replacement for the pymongo method that returns a collection of a database. It only creates one whose name is an
    identifier, which is always valid.
    """
    from pymongo.synchronous import database

    module: Any = database
    plain = module.Collection
    initialize = plain.__init__
    # The last codec options, and their variant for the replies to writes.
    last: tuple[Any, Any] = (None, None)

    @functools.wraps(original)
    def collection_named(self: Any, name: Any) -> Any:
        nonlocal last
        is_plain = type(self) is module.Database and module.Collection is plain and plain.__init__ is initialize
        if not is_plain or type(name) is not str or not name.isidentifier():
            return original(self, name)
        options, for_writes = last
        if options is not self._codec_options:
            options = self._codec_options
            for_writes = options._replace(unicode_decode_error_handler="replace", document_class=dict)
            last = options, for_writes
        found = plain.__new__(plain)
        found._codec_options, found._read_preference = options, self._read_preference
        found._write_concern, found._read_concern = self._write_concern, self._read_concern
        found._database, found._name, found._full_name = self, name, f"{self._name}.{name}"
        found._write_response_codec_options, found._timeout = for_writes, self._client.options.timeout
        return found

    return collection_named


class LentSession:
    """A context manager that returns the given session of a client, or lends it a temporary one.

    Arguments:
        session: the session that the caller of the operation has passed, or None.
    """

    __slots__ = ("_client", "_given", "_lent")

    def __init__(self, client: Any, session: Any) -> None:
        self._client = client
        self._given = session
        self._lent: Any = None

    def __enter__(self) -> Any:
        """Return the given session, the bound one, or a new one; None if the server does not support sessions."""
        session = self._given or self._client._get_bound_session()
        if session:
            return session
        self._lent = self._client._ensure_session(session)
        return self._lent

    def __exit__(self, kind: Any, error: BaseException | None, _traceback: object) -> None:
        """End the temporary session, unless a cursor still needs it."""
        lent = self._lent
        if lent is None:
            return
        if isinstance(error, Exception):
            from pymongo.errors import ConnectionFailure

            if isinstance(error, ConnectionFailure):
                lent._server_session.mark_dirty()
            lent.end_session()
        if not lent._attached_to_cursor:
            lent.end_session()


def lent(original: Callable[..., Any]) -> Callable[..., Any]:
    """Return a replacement for the pymongo method that lends a session to an operation. It avoids a generator."""
    from pymongo.synchronous.client_session import ClientSession

    @functools.wraps(original)
    def _tmp_session(self: Any, session: Any) -> Any:
        if session is None or isinstance(session, ClientSession):
            return LentSession(self, session)
        return original(self, session)

    return _tmp_session


#: The parameters of pymongo's method that sends a command, which some callers pass by position.
_BY_POSITION: Final = ("read_preference", "codec_options", "check", "allowable_errors", "read_concern", "write_concern")


def sent(original: Callable[..., Any]) -> Callable[..., Any]:
    """Return a replacement for the pymongo method that sends a command and returns the reply. It only sends an acknowledged command with a
    session, outside of a transaction, on a direct connection.

    It avoids two calls with up to 25 arguments, most of which serve events, compression, encryption and cursors.
    """
    from pymongo import helpers_shared
    from pymongo.errors import OperationFailure

    is_ordinary, run = ordinary_commands(), round_trip()

    @functools.wraps(original)
    def command(self: Any, dbname: str, spec: Any, *places: Any, **options: Any) -> Any:
        if places:
            named = dict(zip(_BY_POSITION, places, strict=False))
            if len(named) < len(places) or named.keys() & options:
                return original(self, dbname, spec, *places, **options)
            options.update(named)
        if not is_ordinary(self, options):
            return original(self, dbname, spec, **options)
        try:
            return run(self, dbname, spec, options)
        except OperationFailure as error:
            if error.code != helpers_shared._REAUTHENTICATION_REQUIRED_CODE:
                raise
        authenticate_again(self)
        # The method without its handling of this error.
        return original.__wrapped__(self, dbname, spec, **options)  # type: ignore[attr-defined]

    return command


def authenticate_again(conn: Any) -> None:
    """Log a connection in again, as pymongo does when a reply asks for it."""
    from pymongo import _op_id

    with _op_id._OpIdContext(None):
        conn.authenticate(reauthenticate=True)


#: The options with which the shortened method can send a command. The collation must be None.
_OF_SHORT: Final = frozenset(
    [*_BY_POSITION, "parse_write_concern_error", "collation", "session", "client", "retryable_write", "publish_events", "user_fields"]
)


def ordinary_commands() -> Callable[[Any, dict[str, Any]], bool]:
    """Return a function that tells whether the shortened method can send a command with these options on a connection."""
    from pymongo import _csot
    from pymongo.logger import _COMMAND_LOGGER

    limit = _csot.TIMEOUT

    def is_ordinary(conn: Any, options: dict[str, Any]) -> bool:
        client, session, concern = options.get("client"), options.get("session"), options.get("write_concern")
        if type(conn.conn) is not Interface or not session or client is None or session._client is not client:
            return False
        if session.in_transaction or limit.get() or client._encrypter:
            return False
        if not _OF_SHORT.issuperset(options) or options.get("collation") is not None:
            return False
        if concern is not None and not concern.acknowledged:
            return False
        if not conn.ready or conn.more_to_come or conn.opts.server_api or conn.compression_context:
            return False
        listeners = conn.listeners
        return (listeners is None or not listeners.enabled_for_commands) and not _COMMAND_LOGGER.isEnabledFor(logging.DEBUG)

    return is_ordinary


def round_trip() -> Callable[[Any, str, Any, dict[str, Any]], Any]:
    """Return a function that encodes a command with its session, sends it, and returns the reply."""
    from pymongo import _csot, common, helpers_shared, message
    from pymongo.errors import NotPrimaryError, OperationFailure
    from pymongo.read_preferences import ReadPreference
    from pymongo.synchronous import pool

    ordered_types: Any = common.ORDERED_TYPES
    message_of, codec, primary = message._op_msg, pool.DEFAULT_CODEC_OPTIONS, ReadPreference.PRIMARY  # type: ignore[attr-defined]

    def run(conn: Any, dbname: str, spec: Any, options: dict[str, Any]) -> Any:
        value = options.get
        session, client = options["session"], options["client"]
        codec_options, preference = value("codec_options", codec), value("read_preference", primary)
        body = spec if isinstance(spec, ordered_types) else dict(spec)
        session._apply_to(body, value("retryable_write", False), preference, conn)
        client._send_cluster_time(body, session)
        try:
            if (read_concern := value("read_concern")) is not None:
                add_concerns(body, session, conn, read_concern)
            conn.set_conn_timeout(conn.opts.socket_timeout)
            _csot.apply_write_concern(body, value("write_concern"))
            request_id, data, size, longest = message_of(0, body, dbname, preference, codec_options)
            if size > conn.max_bson_size:
                check_size(body, size, conn.max_bson_size)
            conn.send_message(data, longest)
            reply = conn.receive_message(request_id)
            conn.more_to_come = reply.more_to_come
            found = reply.unpack_response(codec_options=codec_options, user_fields=value("user_fields"))[0]
            client._process_response(found, session)
            if value("check", True):
                parses = value("parse_write_concern_error", False)
                helpers_shared._check_command_response(found, conn.max_wire_version, value("allowable_errors"), parses)
        except (OperationFailure, NotPrimaryError):
            raise
        except BaseException as error:  # noqa: BLE001 - pymongo also closes the connection after an interruption.
            conn._raise_connection_failure(error)
        return found

    return run


def add_concerns(body: Any, session: Any, conn: Any, read_concern: Any) -> None:
    """Add the read concern of an operation and its session to a command."""
    if read_concern.level:
        body["readConcern"] = read_concern.document
    session._update_read_concern(body, conn)


def check_size(body: Any, size: int, most: int) -> None:
    """Raise if an encoded command is too long.

    Raises:
        pymongo.errors.DocumentTooLarge: the command is longer than the server allows.
    """
    from pymongo import message

    if size > most + message._COMMAND_OVERHEAD:
        message._raise_document_too_large(next(iter(body)), size, most + message._COMMAND_OVERHEAD)
