"""Cursor entities: a cursor whose first batch has been asked for when it was made, as the format demands."""

from __future__ import annotations

from typing import Any

from pymongo.command_cursor import CommandCursor
from pymongo.cursor import Cursor
from pymongo.errors import PyMongoError

_NOTHING = object()


class FirstResultCursor:
    """A find or command cursor that exists on the server; what its making returned is the first result."""

    def __init__(self, cursor: Cursor[Any] | CommandCursor[Any]) -> None:
        self._cursor = cursor
        self._first: Any = _NOTHING

    @classmethod
    def of_find(cls, cursor: Cursor[Any]) -> FirstResultCursor:
        """Runs a lazy find. Raises what the find raises."""
        created = cls(cursor)
        created._first = next(cursor, _NOTHING)
        return created

    def iterate_once(self) -> Any:
        """The next document, with one getMore at most; None if that brought nothing."""
        if self._first is not _NOTHING:
            first, self._first = self._first, _NOTHING
            return first
        if isinstance(self._cursor, CommandCursor):
            return self._cursor.try_next()
        return next(self._cursor, None)

    def iterate_until_document(self) -> Any:
        """The next document, with as many getMores as it takes; None once the cursor is exhausted."""
        while True:
            document = self.iterate_once()
            if document is not None or not self._cursor.alive:
                return document

    def close(self) -> None:
        """Closes the cursor; errors of killCursors are of no interest."""
        try:
            self._cursor.close()
        except PyMongoError:
            return
