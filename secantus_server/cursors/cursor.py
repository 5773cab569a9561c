"""The cursor class, which returns a command's result in batches.

https://www.mongodb.com/docs/manual/reference/command/getMore/
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Protocol

from secantus_server.cursors._pull import pull
from secantus_server.cursors._registry import CursorState
from secantus_server.errors import CommandError
from secantus_server.exec.read_scope import ReadScope
from secantus_server.storage import RecoveryUnit

MAX_BATCH_BYTES = 16 * 1024 * 1024
DEFAULT_FIRST_BATCH = 101
# A scan stops this far below the byte limit, because its last document may exceed the limit.
# Such a document is held back for the next batch.
_ROOM = 64 * 1024


class Watch(Protocol):
    """The interface with which a getMore waits for a write; see `oplog._write_signal.Watch`."""

    @property
    def stale(self) -> bool:
        """Whether something may have been written since the call of `arm`."""

    def arm(self) -> None:
        """Start watching for commits, so that any later commit ends `wait`."""

    def wait(self, timeout_s: float) -> bool:
        """Block until a commit has happened since the call of `arm`. Return False on timeout, else True."""

    def wake(self) -> None:
        """End the `wait` call of another thread early."""

    def keep(self) -> None:
        """Keep the following changes for the next command."""

    def settle(self) -> None:
        """Note that the next command reads all changes itself, so that none need be kept for it."""

    def close(self) -> None:
        """Stop watching for commits."""


class Cursor(CursorState):
    """An open cursor over the remaining documents of a command's result.

    A cursor is used by one command at a time, which checks it out of the registry.

    Arguments:
        namespace: the namespace `db.collection`, for replies.
        documents: the documents to return.
        scope: the read scope of the scans that produce the documents.
        limit: the maximum number of documents over all batches; 0 means no limit.
        is_sorted: whether the documents are the result of a sort, which affects when the limit closes the cursor; see `next_batch`.
        session: the logical session that owns the cursor, or None.
        tailable: whether the cursor remains open at the end of the data.
        await_data: whether getMore waits for new data at the end of the data.
        watch: the signal with which getMore waits for writes.
    """

    #: Whether the last read reached the end of the data, so that no data can be read before the watch reports a commit.
    at_end = False
    #: Whether the documents are the events of a change stream.
    is_change_stream = False
    #: Whether the node was the primary when the cursor opened a change stream.
    opened_on_primary = True
    exhausted = False
    no_timeout = False

    #: The command that opened the cursor. Unlike the operation's, it is not without secrets, so access control can check it again.
    command: dict[str, Any]
    #: The multi-document transaction or the held snapshot in which the cursor reads, or None.
    transaction: Any = None
    snapshot: Any = None

    def __init__(
        self,
        namespace: str,
        documents: Iterator[bytes],
        scope: ReadScope,
        *,
        limit: int = 0,
        is_sorted: bool = False,
        session: bytes | None = None,
        tailable: bool = False,
        await_data: bool = False,
        watch: Watch | None = None,
        comment: Any = None,
    ) -> None:
        self.namespace = namespace
        self.session = session
        self.tailable = tailable
        self.await_data = await_data
        self.watch = watch
        self.comment = comment
        # The operation of the command that opened the cursor, and the operation of the last command that read from it.
        self.operation: Any = None
        self.last_operation: Any = None
        # The collection whose drop ends the cursor, even after the scans have read the whole collection.
        self.collection: Any = None
        self._documents = documents
        # The method with which scans fill a batch in one call. Other iterators lack it, so their documents are pulled one by one.
        self._batch: Callable[[list[bytes], int, int], int] | None = getattr(documents, "batch", None)
        self._scope = scope
        self._limit = limit
        self._is_sorted = is_sorted
        self._held_back: bytes | None = None

    @property
    def is_plain(self) -> bool:
        """Return whether the express lane (the fast path) can answer the cursor's next getMore; see `ChangeStreamCursor.is_plain`."""
        return False

    def first_batch(self, size: int | None) -> list[bytes]:
        """Return the first batch, read in the scope's current transaction. See `next_batch` for the effect of the cursor's limit.

        Arguments:
            size: the maximum number of documents; None means 101, MongoDB's default.

        Raises:
            CommandError: 10334 BSONObjectTooLarge, or any error of the scans and stages that produce the documents.
        """
        return self._fill(DEFAULT_FIRST_BATCH if size is None else size)

    def next_batch(
        self,
        unit: RecoveryUnit,
        size: int | None,
        verify: Callable[[Any], None] | None = None,
        check: Callable[[], None] | None = None,
        catalog: Any = None,
    ) -> list[bytes]:
        """Return the next batch, read in the transaction of `unit`.

        If the cursor's limit makes a batch smaller than requested, the cursor is exhausted. The limit may also be reached by a batch of
        exactly the requested size or, after the first batch, by any batch of a sort. In these cases the cursor remains open until the
        next (empty) batch, as in MongoDB since 5.0. Drivers that know the limit send killCursors instead.
        https://github.com/mongodb/specifications/blob/master/source/find_getmore_killcursors_commands/find_getmore_killcursors_commands.md

        Arguments:
            unit: the recovery unit; its transaction must have begun.
            size: the maximum number of documents; with None, only the byte limit ends the batch.
            verify: raises an error if a collection that the cursor still reads was dropped.
            check: the interruption check of the current operation; None retains the check of the previous operation.
            catalog: the catalog in the transaction of `unit`.

        Raises:
            CommandError: the errors of `first_batch` and of `verify`.
        """
        if verify is not None and self.collection is not None:
            verify(self.collection)
        try:
            self._scope.attach(unit, verify, check, catalog)
            return self._fill(size or 1 << 60)
        finally:
            self.pause()

    def pause(self) -> None:
        """Detach the scans from their transaction until the next batch."""
        self._scope.detach()

    def kill(self) -> None:
        """Make the command that is using the cursor fail, and wake it if it is waiting."""
        self.killed = CommandError(237, f"cursor id {self.id} was killed")
        if self.watch is not None:
            self.watch.wake()

    def reply_fields(self) -> dict[str, Any]:
        """Return additional fields for the reply's cursor document, which otherwise contains the batch, the id and the namespace."""
        return {}

    def pass_over(self, newest: int) -> None:
        """Record that the oplog up to the cluster time `newest` (64-bit) contains nothing for this cursor. Used by change streams only."""

    def close(self) -> None:
        """Close the cursor and its scans."""
        if self.watch is not None:
            self.watch.close()
        self._scope.close()
        if self.operation is not None:
            self.operation.drop_notes()
        close = getattr(self._documents, "close", None)
        if close is not None:
            close()

    def _fill(self, size: int) -> list[bytes]:
        ends = False
        if self._limit:
            ends = size > self._limit - self.given and not (self._is_sorted and self.batches)
            size = min(size, self._limit - self.given)
            if size == 0 and self.given:
                self.exhausted = not self.tailable
        batch: list[bytes] = []
        if size > 0:
            if self._batch is not None and self._held_back is None:
                total = self._batch(batch, size, MAX_BATCH_BYTES - _ROOM)
                self.exhausted = total < 0 and not self.tailable
                if total > MAX_BATCH_BYTES and len(batch) > 1:
                    # The last document makes this batch exceed the byte limit. Move it to the next batch.
                    self._held_back = batch.pop()
            else:
                self._pull(batch, size)
        self.at_end = not batch
        self.given += len(batch)
        self.batches += 1
        if ends and self.given >= self._limit:
            self.exhausted = not self.tailable
        # Scans check for an interruption only before each document. Check once more, because the last document may have taken long.
        self._scope.check()
        return batch

    def _pull(self, batch: list[bytes], size: int) -> None:
        if self._held_back is not None:
            batch.append(self._held_back)
        self._held_back, ended = pull(self._documents, batch, size, MAX_BATCH_BYTES - sum(map(len, batch)))
        if ended:
            self.exhausted = not self.tailable
