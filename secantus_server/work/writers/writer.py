"""The interface of document writers."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from secantus_server.catalog.collection import Collection
from secantus_server.dispatch.unit_of_work import StagedWrites
from secantus_server.errors import CommandError
from secantus_server.records import Protocol
from secantus_server.storage import RecoveryUnit

if TYPE_CHECKING:
    from secantus_server.mql.update import Update


class Writer(StagedWrites, Protocol):
    """A writer of one collection's documents in a transaction. It stages the writes for the commit.

    Each kind of collection has its own writer, with a module in this package and a branch in `choice.open_writer`.
    """

    unit: RecoveryUnit
    collection: Collection
    #: The number of documents between two interruption checks, and the maximum number per call of `insert_run`.
    run_length: int

    @property
    def is_large(self) -> bool:
        """Whether the transaction is so large that a divisible statement should continue in a new one."""

    def insert(self, document: bytes) -> None:
        """Store a prepared document.

        Raises:
            CommandError: 11000 DuplicateKey, 121 DocumentValidationFailure, or the error of an index.
            WriteConflict: if the transaction must be retried.
        """

    def insert_run(
        self, documents: list[bytes], start: int, stop: int, make_timestamp: Callable[[], int], check: Callable[[], None]
    ) -> tuple[int, CommandError | None]:
        """Prepare and store a client's documents, and stop at the first document that fails.

        Arguments:
            documents: the client's documents. Only the documents from index `start` to `stop` (exclusive) are stored.
            make_timestamp: see `prepare_document`.
            check: raises an error if the operation was killed or timed out.

        Returns:
            `stop` and None on success, else the position of the failing document and its error.

        Raises:
            WriteConflict: if the transaction must be retried.
        """

    def update(self, old: bytes, new: bytes, record_id: int, entry: bytes | None = None) -> None:
        """Replace a stored document.

        Arguments:
            entry: the diff to record in the oplog; None means the whole new document.

        Raises:
            CommandError: 11000 DuplicateKey, 121 DocumentValidationFailure, or the error of an index.
            WriteConflict: if the transaction must be retried.
        """

    def update_run(self, targets: list[tuple[int, bytes]], start: int, stop: int, change: Update) -> int:
        """Apply an update, which must not depend on an array index, to stored documents. Return the number of changed documents.

        Arguments:
            targets: pairs of a RecordId and a document. Only those from index `start` to `stop` (exclusive) are updated.

        Raises:
            CommandError, WriteConflict: the errors of `Update.apply` and of `update`. The earlier documents stay updated.
        """

    def delete(self, document: bytes, record_id: int) -> None:
        """Remove a stored document."""

    def delete_run(self, targets: list[tuple[int, bytes]], start: int, stop: int) -> None:
        """Remove stored documents, and add a change to `changes` for each.

        Arguments:
            targets: pairs of a RecordId and a document. Only those from index `start` to `stop` (exclusive) are removed.
        """

    def save_multikey_flags(self) -> None:
        """Store the multikey flags of indexes that became multikey in this transaction.

        This must precede the commit, so that every reader that sees the new index entries also sees the flags.

        Raises:
            WriteConflict: if the transaction must be retried, because the collection was replaced.
        """

    def copy_from(self, source: Collection, check: Callable[[], None]) -> None:
        """Store all documents of the collection `source`, in the same order.

        Arguments:
            check: raises an error if the operation was killed or timed out.

        Raises:
            CommandError: the errors of `insert`.
        """
