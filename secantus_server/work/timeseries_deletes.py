"""Deletion of measurements, which modifies or deletes their buckets.

https://www.mongodb.com/docs/manual/core/timeseries/timeseries-limitations/#updates-and-deletes
"""

from __future__ import annotations

from typing import Any, NamedTuple

from secantus_server.catalog.collection import Collection
from secantus_server.catalog.timeseries import Bucketing
from secantus_server.dispatch.request import Request
from secantus_server.dispatch.unit_of_work import Transaction
from secantus_server.errors import not_supported
from secantus_server.exec._unpack import Unpacker
from secantus_server.exec.read_scope import ReadScope
from secantus_server.query.bucket_filters import renamed, split_filter
from secantus_server.query.canonical import CanonicalQuery, parse_query
from secantus_server.query.find import matching_documents
from secantus_server.work.batches import Target, Targets
from secantus_server.work.retried import stage_retried
from secantus_server.work.timeseries_buckets import check_outside_transaction, measurement_hint
from secantus_server.work.writers.buckets import BucketWriter
from secantus_server.work.writers.choice import open_bucket_writer


def delete_of_buckets(request: Request, collection: Collection, spec: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """Return the name of the buckets collection, and the statement that deletes whole buckets in place of measurements, for explain.

    Arguments:
        spec: the validated statement.

    Raises:
        CommandError: 238 NotImplemented if the statement has a limit or its filter reads more than metadata, because MongoDB does not
            document the plans of such deletes.
    """
    meta = collection.options["timeseries"].get("metaField")
    query = None if spec["limit"] or meta is None else renamed(spec["q"], meta)
    if query is None:
        raise not_supported("explain of a delete from a time-series collection", "explain a find with the same query")
    hint = measurement_hint(collection, spec["hint"], request.services.release)
    return collection.options["viewOn"], {**spec, "q": query, "hint": hint}


class FoundMeasurement(NamedTuple):
    """A measurement that was found, with its bucket."""

    bucket: Target
    measurement: bytes
    position: int


class MeasurementDeletion:
    """A delete statement on a time-series collection.

    Arguments:
        series: the time-series collection in the transaction of the first batch.
        query: the parsed query on the measurements. Its limit is 1, or 0 for all measurements.

    Raises:
        CommandError: 263 OperationNotSupportedInTransaction.
    """

    def __init__(self, request: Request, series: Collection, query: CanonicalQuery) -> None:
        check_outside_transaction(request, series, "delete from")
        self._request = request
        self._series = series
        self._limit = query.limit
        self._match = query.match
        bucketing = Bucketing.of(series.options["timeseries"])
        self._unpacker = Unpacker(bucketing.time_field, bucketing.meta_field)
        split = split_filter(query.filter, bucketing.time_field, bucketing.meta_field)
        hint = measurement_hint(series, query.hint, request.services.release)
        self._buckets = parse_query(split.buckets, query.context, hint=hint)
        self._targets: Targets | None = None
        # The number of buckets of the latest batch.
        self._done = 0

    @property
    def has_begun(self) -> bool:
        """Whether a batch has been committed."""
        return self._targets is not None and self._targets.has_begun

    def delete(self, transaction: Transaction) -> int:
        """Delete the first matching measurement or, without a limit, the matching measurements of the next batch of buckets.

        Return the number of deleted measurements.

        Raises:
            CommandError: if the operation was interrupted. Measurements deleted in earlier batches remain deleted.
        """
        return self._delete_first(transaction) if self._limit else self._delete_batch(transaction)

    def committed(self) -> bool:
        """Mark the latest batch as committed. Return whether it was the last batch."""
        if self._targets is None:
            return True
        self._targets.done(self._done)
        return self._targets.at_end

    def _delete_first(self, transaction: Transaction) -> int:
        found = self.find_first(transaction)
        if found is not None:
            self.remove(transaction, found)
        if self._request.retry is not None:
            stage_retried(self._request, transaction, "delete", int(found is not None))
        return int(found is not None)

    def find_first(self, transaction: Transaction) -> FoundMeasurement | None:
        """Return the first matching measurement, or None."""
        buckets = transaction.catalog.find(self._series.db, self._series.options["viewOn"])
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
        self._writer(transaction).replace_measurements(bucket, record_id, measurements)

    def _delete_batch(self, transaction: Transaction) -> int:
        """Delete the matching measurements in one batch of buckets, and return the number of deleted measurements."""
        check = self._request.operation.check
        if self._targets is None:
            place = (self._series.db, self._series.options["viewOn"])
            self._targets = Targets(self._request.services, *place, self._buckets, check, stay=True)
        found = self._targets.read(transaction)
        self._done = len(found)
        if not found:
            return 0
        writer = self._writer(transaction)
        deleted = 0
        for number, (record_id, bucket) in enumerate(found):
            if number and transaction.is_large:
                self._done = number
                break
            check()
            measurements = writer.unpack(bucket)
            kept = [] if self._match is None else [one for one in measurements if not self._match.matches(one)]
            if len(kept) < len(measurements):
                writer.replace_measurements(bucket, record_id, kept)
                deleted += len(measurements) - len(kept)
        return deleted

    def _writer(self, transaction: Transaction) -> BucketWriter:
        """Return a writer of the time-series collection for this transaction."""
        series = transaction.catalog.find(self._series.db, self._series.name)
        assert series is not None, "buckets belong to a time series"
        return open_bucket_writer(self._request.services, transaction, series)
