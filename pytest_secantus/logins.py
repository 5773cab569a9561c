"""The decision about which logins of redirected clients the server checks. This module does not import pymongo.

A suite with credentials was written for a server that has users. If the suite creates these users itself, our server also has them and
checks logins as MongoDB does. If the users are created outside the suite, for example by a container's start script, our server has no
users and accepts every login.
"""

from __future__ import annotations

from typing import Any


class Logins:
    """Decides which logins in one process the server checks, and counts the unchecked ones.

    Arguments:
        strict: check every login, even while the server has no users.

    Threads: any thread may call the methods. Each change is a single operation on a set or a dictionary.
    """

    def __init__(self, strict: bool = False) -> None:
        self.strict = strict
        self._accepted: set[tuple[Any, ...]] = set()
        self._unchecked: dict[int, object] = {}

    @property
    def unchecked(self) -> int:
        """The number of clients whose credentials were not checked."""
        return len(self._unchecked)

    def leave_out(self) -> None:
        """Count a client whose credentials were removed and whose login is therefore not checked."""
        client = object()
        self._unchecked[id(client)] = client

    def is_accepted(self, credentials: Any) -> bool:
        """Return whether these credentials were accepted before. An acceptance remains valid if users are created later."""
        accepted = _identity(credentials) in self._accepted
        if accepted:
            self._count(credentials)
        return accepted

    def accept(self, credentials: Any) -> None:
        """Accept credentials without a check because the server has no users."""
        self._accepted.add(_identity(credentials))
        self._count(credentials)

    def _count(self, credentials: Any) -> None:
        # The client's cache identifies the client. This reference keeps the cache's id from being reused.
        self._unchecked[id(credentials.cache)] = credentials.cache


def _identity(credentials: Any) -> tuple[Any, ...]:
    return credentials.source, credentials.username, credentials.password
