"""The state collections of an encrypted collection.

The ESC counts how many documents have each value. For every insert of a value it has one document, whose `_id` is derived from the value's
token and the count. A compaction replaces these with an anchor, which stores the count. A cleanup replaces the anchors with one null
anchor, which also stores the number of anchors. The ECOC collects the values that the next compaction has to examine.

"Design and Analysis of a Stateless Document Database Encryption Scheme" (MongoDB, Inc.) describes the scheme.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from bson.binary import Binary

from secantus_server.bson import decode, encode
from secantus_server.catalog.collection import Collection
from secantus_server.catalog.view import CatalogView
from secantus_server.dispatch.request import Request
from secantus_server.dispatch.unit_of_work import MissingCollection, Transaction
from secantus_server.encryption.payloads import FindPayload, InsertPayload
from secantus_server.encryption.tokens import decrypt_pair, derive, derive_pair, encrypt_pair, tag_of
from secantus_server.query.canonical import parse_query
from secantus_server.query.find import plan_of
from secantus_server.query.plan import Found
from secantus_server.storage import RecoveryUnit
from secantus_server.work.writers import Writer, open_writer


@dataclass(frozen=True, slots=True)
class Position:
    """The latest documents of a value in the ESC.

    Arguments:
        first: the number of anchors that the null anchor replaces, or 0.
        anchor: the number of the latest anchor, or 0.
        anchored: the count in the latest anchor, or 0.
        count: how many documents have the value or had it.
    """

    first: int
    anchor: int
    anchored: int
    count: int


def state_names(collection: Collection) -> tuple[str, str]:
    """Return the names of the ESC and the ECOC of an encrypted collection."""
    config = collection.options["encryptedFields"]
    prefix = f"enxcol_.{collection.name}"
    return config.get("escCollection") or f"{prefix}.esc", config.get("ecocCollection") or f"{prefix}.ecoc"


class StateReader:
    """A reader of the ESC in a transaction.

    Arguments:
        unit, catalog: of the transaction.
        collection: the encrypted collection.
    """

    def __init__(self, request: Request, unit: RecoveryUnit, catalog: CatalogView, collection: Collection) -> None:
        self._unit = unit
        self._check = request.operation.check
        self.context = request.parse_context()
        self.esc = catalog.find(collection.db, state_names(collection)[0])

    def find_tags(self, payload: FindPayload) -> list[Binary]:
        """Return the tags of the documents that may have the searched value."""
        found: list[Binary] = []
        for tokens in payload.tokens or ():
            for contention in range(payload.contention + 1):
                edc = derive(tokens.edc, contention)
                count = self.position(derive(tokens.esc, contention)).count
                found += [Binary(tag_of(edc, number)) for number in range(1, count + 1)]
        return found

    def position(self, esc: bytes) -> Position:
        """Return the latest documents of a value.

        Arguments:
            esc: the value's token for the ESC, derived with the contention factor.
        """
        if self.esc is None:
            return Position(0, 0, 0, 0)
        ids, values = derive(esc, 1), derive(esc, 2)
        null = self.find(derive_pair(ids, 0, 0))
        first, anchored = (0, 0) if null is None else decrypt_pair(values, decode(null[1])["value"])
        anchor = _last(first, lambda number: self.find(derive_pair(ids, 0, number)) is not None)
        if anchor > first:
            latest = self.find(derive_pair(ids, 0, anchor))
            assert latest is not None, "it was found before"
            anchored = decrypt_pair(values, decode(latest[1])["value"])[1]
        count = _last(anchored, lambda number: self.find(derive(ids, number)) is not None)
        return Position(first, anchor, anchored, count)

    def find(self, key: bytes) -> Found | None:
        """Return the RecordId and the document of the ESC with this `_id`, or None."""
        return plan_of(self.esc, parse_query({"_id": Binary(key)}, self.context, limit=1)).first(self._unit, self._check)


class StateWriter(StateReader):
    """A reader and writer of the state collections in a write transaction.

    Raises:
        MissingCollection: if a state collection does not exist. The unit of work then creates it.
    """

    def __init__(self, request: Request, transaction: Transaction, collection: Collection) -> None:
        super().__init__(request, transaction.unit, transaction.catalog, collection)
        self._request = request
        self._transaction = transaction
        self._db = collection.db
        self._names = state_names(collection)
        self._writers: dict[str, Writer] = {}

    def store(self, path: str, payload: InsertPayload) -> Binary:
        """Count a value, and return the value to store in the document."""
        clock = self._request.services.clock
        counts = []
        for tokens in payload.tokens:
            count = self.position(tokens.esc).count + 1
            self.esc_writer().insert(encode({"_id": Binary(derive(derive(tokens.esc, 1), count))}))
            self.ecoc_writer().insert(encode({"_id": clock.object_id(), "fieldName": path, "value": Binary(tokens.compaction)}))
            counts.append(count)
        return payload.stored(counts, self._make_iv)

    def anchor(self, esc: bytes, number: int, replaced: int, count: int) -> bytes:
        """Return an anchor.

        Arguments:
            esc: see `position`.
            number: the anchor's number, or 0 for the null anchor.
            replaced: the number of anchors that a null anchor replaces, else 0.
            count: how many documents have the value or had it.
        """
        value = encrypt_pair(derive(esc, 2), replaced, count, self._make_iv())
        return encode({"_id": Binary(derive_pair(derive(esc, 1), 0, number)), "value": Binary(value)})

    def esc_writer(self) -> Writer:
        """Return the writer of the ESC."""
        return self._writer(self._names[0])

    def ecoc_writer(self) -> Writer:
        """Return the writer of the ECOC."""
        return self._writer(self._names[1])

    def _writer(self, name: str) -> Writer:
        writer = self._writers.get(name)
        if writer is None:
            collection = self._transaction.catalog.find(self._db, name)
            if collection is None:
                raise MissingCollection(self._db, name)
            writer = self._writers[name] = open_writer(self._request.services, self._transaction, collection, bypass_validation=True)
        return writer

    def _make_iv(self) -> bytes:
        return self._request.services.clock.uuid_bytes()


def _last(start: int, exists: Callable[[int], bool]) -> int:
    """Return the last number after `start` that exists, or `start`. The numbers that exist are consecutive."""
    low, step = start, 1
    while exists(low + step):
        low += step
        step *= 2
    high = low + step
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if exists(middle) else (low, middle)
    return low
