"""Sessions of the console's users: a one-time token opens one, a cookie continues it."""

from __future__ import annotations

import hmac
import secrets
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

from pymongo import MongoClient

#: A session ends when this many newer ones have been opened.
MAX_SESSIONS: Final = 32
#: The least time between two new tokens.
TOKEN_INTERVAL_S: Final = 2.0


@dataclass
class Session:
    """One browser's session.

    Arguments:
        key: the value of its cookie.
        csrf: the token that its posts carry.
        client: the client of the user who has logged in, or None for the console's own client.
        user: the name of that user.
        notices: messages for its next page.
    """

    key: str
    csrf: str
    client: MongoClient[dict[str, Any]] | None = None
    user: str | None = None
    notices: list[str] = field(default_factory=list)


class Sessions:
    """The open sessions and the token that opens the next one.

    Arguments:
        announce: called with each further token, to show its address in the terminal.
        monotonic: the clock, in seconds.
        token: the first token.
    """

    def __init__(self, announce: Callable[[str], None], monotonic: Callable[[], float], token: str) -> None:
        self._announce = announce
        self._monotonic = monotonic
        self._lock = threading.Lock()  # guards the three below
        self._token: str | None = token
        self._open: dict[str, Session] = {}
        self._renewed = float("-inf")

    def enter(self, token: str) -> Session | None:
        """Open a session for the one-time token, which cannot be used again. Return None for any other token."""
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
        """Return the session of a cookie."""
        with self._lock:
            return self._open.get(key) if key else None

    def leave(self, session: Session) -> None:
        """End a session."""
        with self._lock:
            self._open.pop(session.key, None)
        self._close(session)

    def renew(self) -> bool:
        """Announce a new token, which replaces an unused one. Return False if the last one is too recent."""
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
        """End all sessions. A client that stays open delays the end of the process by the time that its monitors take."""
        with self._lock:
            open_now = list(self._open.values())
            self._open.clear()
        for session in open_now:
            self._close(session)

    def _close(self, session: Session) -> None:
        if session.client is not None:
            session.client.close()
