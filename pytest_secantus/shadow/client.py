"""The connection to the shadow: raw commands and replies, sessions and transactions."""

from __future__ import annotations

from typing import Any, Final

import pytest
from bson.codec_options import CodecOptions
from bson.raw_bson import RawBSONDocument
from pymongo import MongoClient
from pymongo.client_session import ClientSession
from pymongo.errors import OperationFailure, PyMongoError
from pymongo.read_preferences import ReadPreference

from pytest_secantus.driver import SHADOW_NAME
from secantus_server.bson import decode, encode
from secantus_server.clock import Clock
from secantus_server.tools.driver_errors import reason_of

_RAW: Final = CodecOptions(document_class=RawBSONDocument)
#: The client's time limits, unless the connection string sets its own. A shadow that does not answer must not delay the tests for long.
_LIMITS: Final = {"serverSelectionTimeoutMS": 5_000, "connectTimeoutMS": 5_000, "socketTimeoutMS": 30_000}


def connect(uri: str) -> MongoClient[Any]:
    """Return a pymongo client of the shadow."""
    given = uri.partition("?")[2].lower()
    limits: dict[str, Any] = {name: value for name, value in _LIMITS.items() if f"{name.lower()}=" not in given}
    return MongoClient(uri, appname=SHADOW_NAME, retryWrites=False, **limits)


def check_shadow(uri: str) -> None:
    """Check that the shadow responds.

    Raises:
        pytest.UsageError: the shadow does not respond.
    """
    try:
        with connect(uri) as client:
            client["secantus_shadow"].command("listCollections")
    except (PyMongoError, ValueError) as error:
        raise pytest.UsageError(f"--secantus-shadow: the server at {places_of(uri)} cannot be used: {reason_of(error)}") from error


def places_of(uri: str) -> str:
    """Return the hosts in a connection string, for messages that must not contain credentials."""
    from pytest_secantus.redirect import parse_uri

    return parse_uri(uri).hosts or uri


class ShadowClient:
    """A connection that sends commands to the shadow.

    Arguments:
        uri: the shadow's connection string.
    """

    def __init__(self, uri: str) -> None:
        self._client = connect(uri)
        hello = self._client.admin.command("hello")
        before_ms = self.now_ms()
        #: How far the shadow's clock is ahead of ours.
        self.ahead_ms = _ms_of(hello.get("localTime"), before_ms) - before_ms
        self.version: str = self._client.admin.command("buildInfo")["version"]
        self.has_transactions = "setName" in hello or hello.get("msg") == "isdbgrid"
        self._sessions: dict[bytes, ClientSession] = {}

    @staticmethod
    def now_ms() -> int:
        """Return the time of this machine's clock in milliseconds."""
        return Clock().system_ms()

    def run(self, db: str, command: dict[str, Any], session: bytes = b"") -> bytes:
        """Run a command and return the reply, even if it is an error.

        Arguments:
            session: the session id to use, for example that of the test's client.

        Raises:
            PyMongoError: the shadow has not replied.
        """
        reply = self._client[db].command(
            dict(command), check=False, codec_options=_RAW, session=self._session(session), read_preference=ReadPreference.PRIMARY
        )
        return bytes(reply.raw)

    def _session(self, name: bytes) -> ClientSession:
        if name not in self._sessions:
            self._sessions[name] = self._client.start_session(causal_consistency=False)
        return self._sessions[name]

    def is_in_transaction(self, session: bytes) -> bool:
        """Return whether a session has an open transaction."""
        return session in self._sessions and self._sessions[session].in_transaction

    def begin_transaction(self, session: bytes) -> None:
        """Start a transaction. If the session has an open transaction, end that first."""
        chosen = self._session(session)
        if chosen.in_transaction:
            chosen.abort_transaction()
        chosen.start_transaction()

    def end_transaction(self, session: bytes, name: str) -> bytes:
        """Commit or abort the transaction of a session, and return the reply.

        Arguments:
            name: the command that ends the transaction.
        """
        try:
            if name == "commitTransaction":
                self._session(session).commit_transaction()
            else:
                self._session(session).abort_transaction()
        except OperationFailure as error:
            return encode({"ok": 0.0, "code": error.code or 0, "errmsg": str(error)})
        return encode({"ok": 1.0})

    def end_sessions(self) -> None:
        """End all sessions, which also aborts their transactions."""
        for session in self._sessions.values():
            session.end_session()
        self._sessions = {}

    def drop(self, db: str) -> None:
        """Drop a database."""
        self._client.drop_database(db)

    def ask(self, db: str, command: dict[str, Any]) -> dict[str, Any]:
        """Run a command and return the decoded reply, even if it is an error."""
        return decode(self.run(db, command))

    def close(self) -> None:
        """Close the connections to the shadow."""
        self.end_sessions()
        self._client.close()


def _ms_of(local_time: Any, otherwise_ms: int) -> int:
    """Convert a naive UTC datetime to milliseconds since the Unix epoch. Return `otherwise_ms` if the value is not a datetime."""
    from calendar import timegm

    return otherwise_ms if local_time is None else timegm(local_time.timetuple()) * 1000 + local_time.microsecond // 1000
