"""Cursor entities. As the format requires, creating a cursor entity runs the command and fetches the first batch."""

from __future__ import annotations

from typing import Any

from pymongo.command_cursor import CommandCursor
from pymongo.cursor import Cursor
from pymongo.errors import PyMongoError

_NOTHING = object()


class FirstResultCursor:
    """A find or command cursor that exists on the server. `first` is the document that was fetched when the cursor was created."""

    def __init__(self, cursor: Cursor[Any] | CommandCursor[Any]) -> None:
        self._cursor = cursor
        self._first: Any = _NOTHING

    @classmethod
    def of_find(cls, cursor: Cursor[Any]) -> FirstResultCursor:
        """Run a lazy find, and return its cursor. If the find fails, raise its error."""
        created = cls(cursor)
        created._first = next(cursor, _NOTHING)
        return created

    def iterate_once(self) -> Any:
        """Return the next document, or None if it is not available yet. Send at most one getMore."""
        if self._first is not _NOTHING:
            first, self._first = self._first, _NOTHING
            return first
        if isinstance(self._cursor, CommandCursor):
            return self._cursor.try_next()
        return next(self._cursor, None)

    def iterate_until_document(self) -> Any:
        """Send getMore until the next document arrives, then return it. Return None if the cursor is exhausted."""
        while True:
            document = self.iterate_once()
            if document is not None or not self._cursor.alive:
                return document

    def close(self) -> None:
        """Close the cursor. Ignore errors of the killCursors command."""
        try:
            self._cursor.close()
        except PyMongoError:
            return
