"""Division of a statement's matching documents into batches. Each batch is written in its own transaction.

MongoDB writes each document of a multi-document statement separately. If a write fails or the operation is interrupted, the documents
already written remain. If another client changes a document before the statement writes it, the document is matched against the filter
again.
https://www.mongodb.com/docs/manual/core/write-operations-atomicity/
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from secantus_server.catalog.collection import Collection
from secantus_server.catalog.liveness import check_still_there
from secantus_server.dispatch.services import Services
from secantus_server.dispatch.unit_of_work import Transaction
from secantus_server.errors import CommandError
from secantus_server.exec._point import fetch
from secantus_server.exec._scan import RecordScan
from secantus_server.exec.read_scope import ReadScope
from secantus_server.exec.sorting import SortedDocuments
from secantus_server.query.canonical import CanonicalQuery
from secantus_server.query.find import matching_documents
from secantus_server.query.plan import Documents
from secantus_server.storage import RecoveryUnit, WriteConflict
from secantus_server.system._clock import monotonic

Target = tuple[int, bytes]  # The RecordId and the document.

# The maximum bytes of a batch. A document counts as its length plus DOCUMENT_COST, so a batch has at most 8,192 documents.
BATCH_BYTES = 8 << 20
DOCUMENT_COST = 1024
# The initial and the maximum number of documents between two interruption checks.
FIRST_INTERVAL = 4
LONGEST_INTERVAL = 64
# The target for the time between two checks.
LONG_S = 0.01
QUERY_PLAN_KILLED = 175


class Pace:
    """The interval between two interruption checks, as a number of documents. It adapts to the processing speed.

    Arguments:
        check: raises an error if the operation was killed or timed out.
    """

    def __init__(self, check: Callable[[], None]) -> None:
        self._check = check
        self._interval = FIRST_INTERVAL
        self._looked = monotonic()

    def look(self) -> int:
        """Check for interruption, and return the number of documents to process before the next check.

        Raises:
            CommandError: the error of `check`.
        """
        self._check()
        now = monotonic()
        if now - self._looked > LONG_S:
            self._interval = max(self._interval // 4, 1)
        elif self._interval < LONGEST_INTERVAL:
            self._interval *= 2
        self._looked = now
        return self._interval


class Targets:
    """The documents that match a statement, in batches. Each document is read in the transaction that writes it.

    For each batch, the caller calls `read`, writes the documents, commits, and calls `done`. After a write conflict, the caller does not
    call `done` but calls `read` again, which returns the same documents.

    Arguments:
        query: a query without sort, skip and limit.
        check: raises an error if the operation was killed or timed out.
        stay: whether written documents remain in the collection. An index scan may then find a document again at its new key.
        accepts: a function, called in each transaction, that returns whether the statement still applies to the collection. None means
            always.
    """

    def __init__(
        self,
        services: Services,
        db: str,
        name: str,
        query: CanonicalQuery,
        check: Callable[[], None],
        *,
        stay: bool,
        accepts: Callable[[Collection], bool] | None = None,
    ) -> None:
        self._services = services
        self._namespace = (db, name)
        self._query = query
        self._check = check
        self._stay = stay
        self._accepts = accepts
        self._restores = services.engine.restores
        # The collection when the statement began.
        self._first: Collection | None = None
        self._scope = ReadScope(check=check)
        self._documents: Documents | None = None
        self._seen: set[int] = set()
        # The RecordIds of documents that were found in an earlier transaction and are not written yet.
        self._pending: deque[int] = deque()
        self._batch: list[Target] = []
        self._taken: list[int] = []
        self._room = BATCH_BYTES
        self._scan_ended = False
        self._begun = False
        self.collection: Collection | None = None

    @property
    def at_end(self) -> bool:
        """Whether the latest batch is the final one."""
        return self._scan_ended and not self._pending

    @property
    def has_begun(self) -> bool:
        """Whether a batch has been committed."""
        return self._begun

    def read(self, transaction: Transaction) -> list[Target]:
        """Read the next batch or, after a conflict, the same batch again.

        Set `collection` to the transaction's version of the collection, or None if it does not exist.

        Raises:
            CommandError: 175 QueryPlanKilled if the collection or the scanned index was dropped since the first batch, or the statement
                no longer applies to the collection.
            WriteConflict: if the transaction must be retried.
        """
        self._retry()
        unit = transaction.unit
        self.collection = transaction.catalog.find(*self._namespace)
        self._check_collection(transaction)
        if self.collection is None:
            self._scan_ended, self._batch = True, []
        elif self._pending:
            self._batch = self._read_again(self.collection, unit)
        else:
            self._batch = self._scan(self.collection, unit)
        return self._batch

    def done(self, count: int) -> None:
        """Mark the first `count` documents of the batch as committed. The remaining documents become the start of the next batch."""
        self._begun = True
        self._pending.extendleft(record_id for record_id, _ in reversed(self._batch[count:]))
        self._batch, self._taken = [], []
        self._room = min(2 * self._room, BATCH_BYTES)

    def _retry(self) -> None:
        """Undo the last `read` if `done` was not called for it. Make the next batch smaller, so that a conflict is less likely."""
        if not self._begun:
            # Nothing was written: restart the scan.
            self._close()
            self._pending.clear()
            self._seen.clear()
        elif self._taken or self._batch:
            taken = self._taken or [record_id for record_id, _ in self._batch]
            self._pending.extendleft(reversed(taken))
            self._room = max(self._room // 4, 1)
        self._batch, self._taken = [], []

    def _check_collection(self, transaction: Transaction) -> None:
        if self._accepts is not None and self.collection is not None and not self._accepts(self.collection):
            raise CommandError(QUERY_PLAN_KILLED, f"query plan killed :: collection or index changed: {'.'.join(self._namespace)}")
        if not self._begun:
            self._first = self.collection
            return
        if self._services.engine.restores != self._restores:
            raise CommandError(QUERY_PLAN_KILLED, "query plan killed :: the store was restored to a snapshot")
        if self._first is not None:
            check_still_there(transaction.catalog, self._first)

    def _scan(self, collection: Collection, unit: RecoveryUnit) -> list[Target]:
        """Return the next batch of documents from the query's scan."""
        documents = self._attach(collection, unit)
        if isinstance(documents, SortedDocuments):
            # The sort has read all documents in this transaction. A later transaction may see other documents.
            self._pending.extend(documents.record_id for _ in documents)
            self._close()
            self._scan_ended = True
            return self._read_again(collection, unit)
        found: list[Target] = []
        try:
            self._fill(found, documents)
        except CommandError as error:
            if collection.lifetime.is_over:
                # The scan failed because its index was dropped. The retry will see that the whole collection was dropped.
                raise WriteConflict() from error
            if isinstance(error, WriteConflict):
                self._resume_scan(found)
            raise
        finally:
            self._scope.detach()
        if not self._scan_ended and self._stay and not isinstance(documents, RecordScan):
            self._seen.update(record_id for record_id, _ in found)
        return found

    def _attach(self, collection: Collection, unit: RecoveryUnit) -> Documents:
        """Open the scan if necessary, attach it to the unit's transaction, and return it."""
        self._scope.attach(unit)
        if self._documents is None:
            self._documents = matching_documents(collection, self._query, self._scope)
        return self._documents

    def _fill(self, found: list[Target], documents: Documents) -> None:
        """Append documents from the scan until the batch is full or the scan ends."""
        seen, room, cost = self._seen, self._room, DOCUMENT_COST
        if not seen and type(documents) is RecordScan:
            self._scan_ended = documents.targets(found, room, cost)
            return
        for document in documents:
            record_id = documents.record_id
            if seen and record_id in seen:
                continue
            found.append((record_id, document))
            room -= len(document) + cost
            if room < 0:
                return
        self._scan_ended = True

    def _resume_scan(self, found: list[Target]) -> None:
        """Prepare the scan for a retry. A record scan resumes at its position. Any other scan restarts and skips the documents in
        `_seen`.
        """
        if isinstance(self._documents, RecordScan):
            self._taken = [record_id for record_id, _ in found]
        else:
            self._close()

    def _read_again(self, collection: Collection, unit: RecoveryUnit) -> list[Target]:
        """Read the pending documents again, and return the documents that still match."""
        match, room = self._query.match, self._room
        found: list[Target] = []
        while self._pending and room >= 0:
            self._check()
            record_id = self._pending.popleft()
            self._taken.append(record_id)
            document = fetch(unit, collection.ident, record_id)
            if document is not None and (match is None or match.matches(document)):
                found.append((record_id, document))
                room -= len(document) + DOCUMENT_COST
        return found

    def _close(self) -> None:
        self._scope.close()
        self._documents = None
        self._scan_ended = False
