"""Operations of cursors and change streams."""

from __future__ import annotations

from typing import Any

from pymongo.change_stream import ChangeStream
from pymongo.errors import PyMongoError

from secantus_conformance.unified.context import TestContext
from secantus_conformance.unified.cursors import FirstResultCursor
from secantus_conformance.unified.ops.registry import operation


@operation("cursor", "iterateUntilDocumentOrError")
def cursor_until_document(test: TestContext, target: FirstResultCursor, arguments: dict[str, Any]) -> Any:
    """The next document."""
    return target.iterate_until_document()


@operation("cursor", "iterateOnce")
def cursor_once(test: TestContext, target: FirstResultCursor, arguments: dict[str, Any]) -> Any:
    """The next document, with at most one getMore."""
    return target.iterate_once()


@operation("cursor", "close")
def close_cursor(test: TestContext, target: FirstResultCursor, arguments: dict[str, Any]) -> Any:
    """Closes the cursor."""
    return target.close()


@operation("change stream", "iterateUntilDocumentOrError")
def stream_until_document(test: TestContext, target: ChangeStream[Any], arguments: dict[str, Any]) -> Any:
    """The next event, however long it takes; the test's deadline ends it."""
    return target.next()


@operation("change stream", "iterateOnce")
def stream_once(test: TestContext, target: ChangeStream[Any], arguments: dict[str, Any]) -> Any:
    """The next event, with at most one getMore."""
    return target.try_next()


@operation("change stream", "close")
def close_stream(test: TestContext, target: ChangeStream[Any], arguments: dict[str, Any]) -> Any:
    """Closes the change stream; errors of killCursors are of no interest."""
    try:
        target.close()
    except PyMongoError:
        return None
    return None
