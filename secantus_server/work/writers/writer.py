"""The interface of a writer of documents."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from secantus_server.catalog.collection import Collection
from secantus_server.dispatch.unit_of_work import StagedWrites
from secantus_server.errors import CommandError
from secantus_server.storage import RecoveryUnit


class Writer(StagedWrites, Protocol):
    """Writes the documents of one collection in a transaction, and stages them for its commit.

    A collection of another kind gets a writer of its own: a file here, and a place in `choice.open_writer`.
    """

    unit: RecoveryUnit
    collection: Collection
    #: The number of documents between two checks for an interruption; `insert_run` gets no more at once.
    run_length: int

    @property
    def is_large(self) -> bool:
        """Whether a statement that can be split should continue in a new transaction."""

    def insert(self, document: bytes) -> None:
        """Store a prepared document.

        Raises:
            CommandError: 11000 DuplicateKey, 121 DocumentValidationFailure, or the error of an index.
            WriteConflict: if the transaction must be retried.
        """

    def insert_run(
        self, documents: list[bytes], start: int, stop: int, make_timestamp: Callable[[], int], check: Callable[[], None]
    ) -> tuple[int, CommandError | None]:
        """Prepare and store a client's documents, up to the first that fails.

        Arguments:
            documents: of which those in [start, stop) are stored.
            make_timestamp: see `prepare_document`.
            check: raises if the operation was killed or timed out.

        Returns:
            `stop` and None, or the index of the document that failed and its error.

        Raises:
            WriteConflict: if the transaction must be retried.
        """

    def update(self, old: bytes, new: bytes, record_id: int, entry: bytes | None = None) -> None:
        """Replace a stored document.

        Arguments:
            entry: what the oplog records, a diff; None for the whole new document.

        Raises:
            CommandError: 11000 DuplicateKey, 121 DocumentValidationFailure, or the error of an index.
            WriteConflict: if the transaction must be retried.
        """

    def delete(self, document: bytes, record_id: int) -> None:
        """Remove a stored document."""

    def save_multikey_flags(self) -> None:
        """Mark the indexes that the documents written so far made multikey, durably and before these documents are committed.

        Raises:
            WriteConflict: if the transaction must be retried, because the collection was replaced.
        """

    def copy_from(self, source: Collection, check: Callable[[], None]) -> None:
        """Store every document of another collection, in its order.

        Arguments:
            check: raises if the operation was killed or timed out.

        Raises:
            CommandError: as `insert`.
        """
