"""Decides which logins of redirected clients the server checks. No pymongo in here.

A suite with credentials was written for a server on which somebody had created the users. Where the suite does that itself, our server
has them and a login is checked as MongoDB does it. Where somebody else did - the start script of a container, say - our server has no users
at all, and a login counts as done.
"""

from __future__ import annotations

from typing import Any


class Logins:
    """What was decided in one process.

    Arguments:
        strict: check every login, also while the server has no users.

    Threads: connections log in in any; each change is one operation on a set or a dictionary.
    """

    def __init__(self, strict: bool = False) -> None:
        self.strict = strict
        self._accepted: set[tuple[Any, ...]] = set()
        self._unchecked: dict[int, object] = {}

    @property
    def unchecked(self) -> int:
        """How many clients were given credentials that nobody checked."""
        return len(self._unchecked)

    def leave_out(self) -> None:
        """Count a client whose credentials were left out."""
        client = object()
        self._unchecked[id(client)] = client

    def is_accepted(self, credentials: Any) -> bool:
        """Return whether these credentials were accepted before; then they stay so, whatever users are created."""
        accepted = _identity(credentials) in self._accepted
        if accepted:
            self._count(credentials)
        return accepted

    def accept(self, credentials: Any) -> None:
        """Accept credentials unchecked: there are no users."""
        self._accepted.add(_identity(credentials))
        self._count(credentials)

    def _count(self, credentials: Any) -> None:
        # Every client has a cache of its own, by which it is counted once. Held here, its id is not given to another.
        self._unchecked[id(credentials.cache)] = credentials.cache


def _identity(credentials: Any) -> tuple[Any, ...]:
    return credentials.source, credentials.username, credentials.password
