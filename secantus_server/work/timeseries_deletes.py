"""Deletion of measurements, which changes or removes their buckets.

https://www.mongodb.com/docs/manual/core/timeseries/timeseries-limitations/#updates-and-deletes
"""

from __future__ import annotations

from typing import NamedTuple

from secantus_server.catalog.collection import Collection
from secantus_server.catalog.timeseries import Bucketing
from secantus_server.dispatch.request import Request
from secantus_server.dispatch.unit_of_work import Transaction
from secantus_server.errors import CommandError
from secantus_server.exec._unpack import Unpacker
from secantus_server.exec.read_scope import ReadScope
from secantus_server.query.bucket_filters import split_filter
from secantus_server.query.canonical import CanonicalQuery, parse_query
from secantus_server.query.find import matching_documents
from secantus_server.reserved_names import BUCKETS
from secantus_server.work.batches import Target, Targets
from secantus_server.work.retried import stage_retried
from secantus_server.work.timeseries_buckets import check_outside_transaction, measurement_hint
from secantus_server.work.writers.choice import open_bucket_writer


class FoundMeasurement(NamedTuple):
    """A measurement with its bucket."""

    bucket: Target
    measurement: bytes
    position: int


class MeasurementDeletion:
    """A delete statement on a time-series collection.

    Arguments:
        name: the collection's name.
        query: the parsed query on the measurements.

    Raises:
        CommandError: 263 OperationNotSupportedInTransaction, 26 NamespaceNotFound.
    """

    def __init__(self, request: Request, name: str, query: CanonicalQuery) -> None:
        collection = request.services.catalog.find(request.db, name)
        if collection is None or not collection.is_timeseries:
            raise CommandError(26, f"ns does not exist: {request.db}.{name}")
        check_outside_transaction(request, collection, "delete from")
        self._request = request
        self._name = name
        self._match = query.match
        bucketing = Bucketing.of(collection.options["timeseries"])
        self._unpacker = Unpacker(bucketing.time_field, bucketing.meta_field)
        split = split_filter(query.filter, bucketing.time_field, bucketing.meta_field)
        hint = measurement_hint(collection, query.hint, request.services.release)
        self._buckets = parse_query(split.buckets, query.context, hint=hint)

    def delete_one(self) -> int:
        """Delete the first matching measurement; return 1, or 0 if no measurement matches."""
        return self._request.work.write(self._delete_first, self._request.operation.check)

    def _delete_first(self, transaction: Transaction) -> int:
        found = self.find_first(transaction)
        if found is not None:
            self.remove(transaction, found)
        if self._request.retry is not None:
            stage_retried(self._request, transaction, "delete", int(found is not None))
        return int(found is not None)

    def find_first(self, transaction: Transaction) -> FoundMeasurement | None:
        """Return the first matching measurement, or None."""
        buckets = transaction.catalog.find(self._request.db, BUCKETS + self._name)
        scope = ReadScope(transaction.unit, self._request.operation.check)
        try:
            scan = matching_documents(buckets, self._buckets, scope)
            for bucket in scan:
                for position, measurement in enumerate(self._unpacker.unpack(bucket)):
                    if self._match is None or self._match.matches(measurement):
                        return FoundMeasurement((scan.record_id, bucket), measurement, position)
            return None
        finally:
            scope.close()

    def remove(self, transaction: Transaction, found: FoundMeasurement) -> None:
        """Remove a measurement from its bucket."""
        record_id, bucket = found.bucket
        measurements = self._unpacker.unpack(bucket)
        del measurements[found.position]
        writer = open_bucket_writer(self._request.services, transaction, self._collection(transaction))
        writer.replace_measurements(bucket, record_id, measurements)

    def delete_all(self) -> int:
        """Delete all matching measurements in batches of buckets; return the number of deleted measurements.

        Raises:
            CommandError: if the operation was interrupted; measurements already deleted stay deleted.
        """
        request = self._request
        check = request.operation.check
        targets = Targets(request.services, request.db, BUCKETS + self._name, self._buckets, check, stay=True)
        total = 0
        while True:
            done, deleted = request.work.write(lambda transaction: self._delete_batch(transaction, targets), check)
            targets.done(done)
            total += deleted
            if targets.at_end:
                return total

    def _delete_batch(self, transaction: Transaction, targets: Targets) -> tuple[int, int]:
        """Delete the matching measurements in one batch of buckets; return the numbers of buckets and of deleted measurements."""
        found = targets.read(transaction)
        if targets.collection is None or not found:
            return len(found), 0
        writer = open_bucket_writer(self._request.services, transaction, self._collection(transaction))
        done = deleted = 0
        for record_id, bucket in found:
            if done and transaction.is_large:
                break
            self._request.operation.check()
            measurements = writer.unpack(bucket)
            kept = [] if self._match is None else [one for one in measurements if not self._match.matches(one)]
            if len(kept) < len(measurements):
                writer.replace_measurements(bucket, record_id, kept)
                deleted += len(measurements) - len(kept)
            done += 1
        return done, deleted

    def _collection(self, transaction: Transaction) -> Collection:
        """Return the time series, which a transaction sees whenever it sees the buckets."""
        collection = transaction.catalog.find(self._request.db, self._name)
        assert collection is not None, "buckets belong to a time series"
        return collection
