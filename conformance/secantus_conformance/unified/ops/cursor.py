"""The operations on cursors and change streams."""

from __future__ import annotations

from typing import Any

from pymongo.change_stream import ChangeStream
from pymongo.errors import PyMongoError

from secantus_conformance.unified.context import TestContext
from secantus_conformance.unified.cursors import FirstResultCursor
from secantus_conformance.unified.ops.registry import operation


@operation("cursor", "iterateUntilDocumentOrError")
def cursor_until_document(test: TestContext, target: FirstResultCursor, arguments: dict[str, Any]) -> Any:
    """Wait for the next document of the cursor and return it."""
    return target.iterate_until_document()


@operation("cursor", "iterateOnce")
def cursor_once(test: TestContext, target: FirstResultCursor, arguments: dict[str, Any]) -> Any:
    """Return the next document of the cursor, or None. Send at most one getMore."""
    return target.iterate_once()


@operation("cursor", "close")
def close_cursor(test: TestContext, target: FirstResultCursor, arguments: dict[str, Any]) -> Any:
    """Close the cursor."""
    return target.close()


@operation("change stream", "iterateUntilDocumentOrError")
def stream_until_document(test: TestContext, target: ChangeStream[Any], arguments: dict[str, Any]) -> Any:
    """Wait for the next event of the change stream and return it. Only the test's deadline ends the wait."""
    return target.next()


@operation("change stream", "iterateOnce")
def stream_once(test: TestContext, target: ChangeStream[Any], arguments: dict[str, Any]) -> Any:
    """Return the next event of the change stream, or None. Send at most one getMore."""
    return target.try_next()


@operation("change stream", "close")
def close_stream(test: TestContext, target: ChangeStream[Any], arguments: dict[str, Any]) -> Any:
    """Close the change stream. Ignore errors of the killCursors command."""
    try:
        target.close()
    except PyMongoError:
        return None
    return None
