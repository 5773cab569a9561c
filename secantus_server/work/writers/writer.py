"""The interface of writers of documents."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from secantus_server.catalog.collection import Collection
from secantus_server.dispatch.unit_of_work import StagedWrites
from secantus_server.errors import CommandError
from secantus_server.storage import RecoveryUnit


class Writer(StagedWrites, Protocol):
    """The writer of one collection's documents in a transaction, which stages the writes for the commit.

    Each kind of collection has its own writer, which has a module in this package and a branch in `choice.open_writer`.
    """

    unit: RecoveryUnit
    collection: Collection
    #: The number of documents between two interruption checks, and the maximum number per call of `insert_run`.
    run_length: int

    @property
    def is_large(self) -> bool:
        """Whether a statement that can be split should continue in a new transaction, because this one is large."""

    def insert(self, document: bytes) -> None:
        """Store a prepared document.

        Raises:
            CommandError: 11000 DuplicateKey, 121 DocumentValidationFailure, or the error of an index.
            WriteConflict: the transaction must be retried.
        """

    def insert_run(
        self, documents: list[bytes], start: int, stop: int, make_timestamp: Callable[[], int], check: Callable[[], None]
    ) -> tuple[int, CommandError | None]:
        """Prepare and store a client's documents, up to the first document that fails.

        Arguments:
            documents: the client's documents. Only those at [start, stop) are stored.
            make_timestamp: see `prepare_document`.
            check: raises an error if the operation was killed or timed out.

        Returns:
            `stop` and None on success, else the position of the failing document and its error.

        Raises:
            WriteConflict: the transaction must be retried.
        """

    def update(self, old: bytes, new: bytes, record_id: int, entry: bytes | None = None) -> None:
        """Replace a stored document.

        Arguments:
            entry: the diff to record in the oplog; None means the whole new document.

        Raises:
            CommandError: 11000 DuplicateKey, 121 DocumentValidationFailure, or the error of an index.
            WriteConflict: the transaction must be retried.
        """

    def delete(self, document: bytes, record_id: int) -> None:
        """Remove a stored document."""

    def save_multikey_flags(self) -> None:
        """Store the flags of the indexes that became multikey by the documents written so far, before these documents are committed.

        Raises:
            WriteConflict: the transaction must be retried, because the collection was replaced.
        """

    def copy_from(self, source: Collection, check: Callable[[], None]) -> None:
        """Store all documents of another collection, in the same order.

        Arguments:
            check: raises an error if the operation was killed or timed out.

        Raises:
            CommandError: the errors of `insert`.
        """
