"""Cursor entities. As the format requires, creating one runs the command and fetches the first batch."""

from __future__ import annotations

from typing import Any

from pymongo.command_cursor import CommandCursor
from pymongo.cursor import Cursor
from pymongo.errors import PyMongoError

_NOTHING = object()


class FirstResultCursor:
    """A find or command cursor that exists on the server; `first` holds the document fetched at its creation."""

    def __init__(self, cursor: Cursor[Any] | CommandCursor[Any]) -> None:
        self._cursor = cursor
        self._first: Any = _NOTHING

    @classmethod
    def of_find(cls, cursor: Cursor[Any]) -> FirstResultCursor:
        """Run a lazy find. Raise the find's error if it fails."""
        created = cls(cursor)
        created._first = next(cursor, _NOTHING)
        return created

    def iterate_once(self) -> Any:
        """Return the next document with at most one getMore, or None if there is none yet."""
        if self._first is not _NOTHING:
            first, self._first = self._first, _NOTHING
            return first
        if isinstance(self._cursor, CommandCursor):
            return self._cursor.try_next()
        return next(self._cursor, None)

    def iterate_until_document(self) -> Any:
        """Return the next document with as many getMores as necessary, or None once the cursor is exhausted."""
        while True:
            document = self.iterate_once()
            if document is not None or not self._cursor.alive:
                return document

    def close(self) -> None:
        """Close the cursor; ignore errors of killCursors."""
        try:
            self._cursor.close()
        except PyMongoError:
            return
