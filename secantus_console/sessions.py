"""The sessions of the console's users. A one-time token opens a session, and a cookie identifies the session afterwards."""

from __future__ import annotations

import hmac
import secrets
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

from pymongo import MongoClient

#: A session ends once this many newer sessions have been opened.
MAX_SESSIONS: Final = 32
#: The minimum time between two new tokens.
TOKEN_INTERVAL_S: Final = 2.0


@dataclass
class Session:
    """The session of one browser.

    Arguments:
        key: the value of the session's cookie.
        csrf: the token that the session's POST requests must contain.
        client: the client of the logged-in user, or None for the console's own client.
        user: the name of the logged-in user.
        notices: messages to show on the session's next page.
    """

    key: str
    csrf: str
    client: MongoClient[dict[str, Any]] | None = None
    user: str | None = None
    notices: list[str] = field(default_factory=list)


class Sessions:
    """The open sessions, and the one-time token that opens the next session.

    Arguments:
        announce: called with each new token, to print its address in the terminal.
        monotonic: a monotonic clock, in seconds.
        token: the first token.
    """

    def __init__(self, announce: Callable[[str], None], monotonic: Callable[[], float], token: str) -> None:
        self._announce = announce
        self._monotonic = monotonic
        self._lock = threading.Lock()  # guards the three attributes below
        self._token: str | None = token
        self._open: dict[str, Session] = {}
        self._renewed = float("-inf")

    def enter(self, token: str) -> Session | None:
        """Open and return a session if `token` is the current one-time token, and invalidate the token. Otherwise return None."""
        with self._lock:
            if self._token is None or not hmac.compare_digest(token.encode(), self._token.encode()):
                return None
            self._token = None
            session = Session(secrets.token_urlsafe(32), secrets.token_urlsafe(32))
            self._open[session.key] = session
            dropped = list(self._open)[:-MAX_SESSIONS]
            gone = [self._open.pop(key) for key in dropped]
        for session_gone in gone:
            self._close(session_gone)
        return session

    def find(self, key: str | None) -> Session | None:
        """Return the session that a cookie identifies, or None."""
        with self._lock:
            return self._open.get(key) if key else None

    def leave(self, session: Session) -> None:
        """End a session."""
        with self._lock:
            self._open.pop(session.key, None)
        self._close(session)

    def renew(self) -> bool:
        """Announce a new one-time token, which replaces the previous one. Return False if the previous token is too recent."""
        with self._lock:
            now = self._monotonic()
            if now - self._renewed < TOKEN_INTERVAL_S:
                return False
            self._renewed = now
            self._token = secrets.token_urlsafe(24)
            token = self._token
        self._announce(token)
        return True

    def close(self) -> None:
        """End all sessions and close their clients, because the monitor threads of an open client would delay the exit of the process."""
        with self._lock:
            open_now = list(self._open.values())
            self._open.clear()
        for session in open_now:
            self._close(session)

    def _close(self, session: Session) -> None:
        if session.client is not None:
            session.client.close()
