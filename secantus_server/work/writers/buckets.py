"""The writer of a time-series collection, which stores measurements in buckets.

A measurement is added to the latest bucket of its series that starts before the measurement, covers its time and has free space. If no
such bucket exists, a new bucket is created. Each bucket with free space has a row in the table of index entries. The key of the row
consists of the ident of the buckets collection, the series, the start and the RecordId. A row is only a hint, because it is outdated if
another writer changed or removed the bucket. Therefore a bucket is read again before it is extended.

https://www.mongodb.com/docs/manual/core/timeseries/timeseries-bucketing/
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from hashlib import blake2b
from operator import itemgetter
from typing import Any, Final, NamedTuple

from bson.objectid import ObjectId

from secantus_server.bson import decode
from secantus_server.catalog.collection import Collection
from secantus_server.catalog.timeseries import Bucketing
from secantus_server.dispatch.services import Services
from secantus_server.dispatch.unit_of_work import Transaction
from secantus_server.errors import CommandError
from secantus_server.exec._bucket import Bucket, MeasurementReader, bucket_meta, bucket_start
from secantus_server.exec._point import fetch
from secantus_server.exec._unpack import Unpacker
from secantus_server.index._index import Index
from secantus_server.mql.update._diff import smallest_entry
from secantus_server.storage import INDEX_ENTRIES, pack_ident
from secantus_server.work.writers.located_fields import located_fields
from secantus_server.work.writers.plain import PlainWriter

# The end of a row's key: the start of a bucket, with the sign bit flipped so that the bytes sort like numbers, and the bucket's RecordId.
_PLACE: Final = struct.Struct(">Qq")
_SIGN: Final = 1 << 63
_SERIES_BYTES: Final = 16
_BOUND: Final = "control.min."
_BY_TIME: Final = itemgetter(0)

# The times and documents of measurements.
Measurements = list[tuple[int, bytes]]


class _Stored(NamedTuple):
    """The RecordId and the document of a stored bucket."""

    record_id: int
    document: bytes


class BucketWriter(PlainWriter):
    """A `Writer` that inserts measurements, but updates and deletes whole buckets.

    Arguments:
        collection: the buckets collection.
    """

    __slots__ = ("_bucketing", "_located", "_measured", "_reader", "_time_field", "_unpacker")

    # A large run, because its measurements are sorted by time before they are put into buckets.
    run_length = 1000

    def __init__(
        self,
        services: Services,
        transaction: Transaction,
        collection: Collection,
        *,
        bypass_validation: bool = False,
        replicated: bool = True,
    ) -> None:
        super().__init__(services, transaction, collection, bypass_validation=True, replicated=replicated)
        self._bucketing = Bucketing.of(collection.options["timeseries"])
        self._reader = MeasurementReader(self._bucketing.time_field, self._bucketing.meta_field)
        self._time_field = self._bucketing.time_field.encode("utf-8", "surrogateescape")
        self._unpacker = Unpacker(self._bucketing.time_field, self._bucketing.meta_field)
        self._located = located_fields(collection.indexes, self._bucketing.meta_field)
        self._measured = [path for path in measured_paths(collection.indexes) if path != [self._bucketing.time_field]]

    def insert(self, document: bytes) -> None:
        """Store a prepared measurement; see `Writer.insert`.

        Raises:
            CommandError: 2 if the time is missing or not a date, 5930501 for an array in an indexed field.
        """
        _, error = self.insert_run([document], 0, 1, lambda: 0, lambda: None)
        if error is not None:
            raise error

    def insert_run(
        self, documents: list[bytes], start: int, stop: int, make_timestamp: Callable[[], int], check: Callable[[], None]
    ) -> tuple[int, CommandError | None]:
        """Store prepared measurements, and stop at the first one that fails; see `Writer.insert_run`."""
        series: dict[bytes, Measurements] = {}
        refused = self._first_refused(documents, start, stop) if self._measured or self._located else None
        stop = stop if refused is None else refused[0]
        reached, error = self._reader.collect(documents, start, stop, self._services.clock.object_id, make_timestamp, series)
        for meta, measurements in series.items():
            measurements.sort(key=_BY_TIME)
            self._store(meta, measurements)
        if refused is not None and error is None:
            error = refused[1]
        return reached, error

    def _first_refused(self, documents: list[bytes], start: int, stop: int) -> tuple[int, CommandError] | None:
        """Return the position and the error of the first measurement that cannot be indexed, or None if all can be indexed.

        An indexed field must not be an array, because bounds cannot describe its items. A field of a 2dsphere index must be a geometry.
        """
        for position in range(start, stop):
            measurement = decode(documents[position])
            if any(has_array(measurement, path) for path in self._measured):
                return position, _array_error()
            for located in self._located:
                error = located.error_of(measurement)
                if error is not None:
                    return position, error
        return None

    def delete(self, document: bytes, record_id: int) -> None:
        """Remove a whole bucket; see `Writer.delete`."""
        super().delete(document, record_id)
        self._forget(document, record_id)

    def delete_run(self, targets: list[tuple[int, bytes]], start: int, stop: int) -> None:
        """Remove whole buckets one at a time; see `Writer.delete_run`."""
        self._delete_each(targets, start, stop)

    def replace_measurements(self, old: bytes, record_id: int, kept: list[bytes]) -> None:
        """Replace a bucket's measurements with the measurements `kept`. Remove the bucket if `kept` is empty."""
        if not kept:
            self.delete(old, record_id)
            return
        bucket = Bucket.load(self._reader, old).emptied()
        for measurement in kept:
            bucket.add(measurement)
        self._save(bucket, _Stored(record_id, old))

    def unpack(self, bucket: bytes) -> list[bytes]:
        """Return the measurements of a bucket."""
        return self._unpacker.unpack(bucket)

    def _store(self, meta: bytes, measurements: Measurements) -> None:
        """Store measurements of one series in buckets. The measurements must be in ascending time order."""
        position, span = 0, self._bucketing.span_ms
        while position < len(measurements):
            time_ms = measurements[position][0]
            bucket, stored = self._open_bucket(meta, time_ms)
            reached = bucket.take(measurements, position, span)
            if reached == position:
                # The bucket is too full for a measurement of this size.
                bucket, stored = self._new_bucket(meta, time_ms), None
                reached = bucket.take(measurements, position, span)
                assert reached > position, "an empty bucket has room for any measurement"
            self._save(bucket, stored)
            position = reached

    def _open_bucket(self, meta: bytes, time_ms: int) -> tuple[Bucket, _Stored | None]:
        """Return the bucket to which a measurement of a series is added, and its stored version, or None for a new bucket."""
        first, last = time_ms - self._bucketing.span_ms + 1, time_ms + 1
        prefix = self._series(meta)
        rows = self.unit.scan(INDEX_ENTRIES, prefix + _place(first, 0), prefix + _place(last, 0), True)
        try:
            places = [key for key, _ in rows]
        finally:
            rows.close()
        for key in places:
            record_id = _PLACE.unpack(key[len(prefix) :])[1]
            document = fetch(self.unit, self.collection.ident, record_id)
            if document is not None and bucket_meta(document) == meta:
                return Bucket.load(self._reader, document), _Stored(record_id, document)
            self.unit.remove(INDEX_ENTRIES, key)
        return self._new_bucket(meta, time_ms), None

    def _new_bucket(self, meta: bytes, time_ms: int) -> Bucket:
        start = self._bucketing.start(time_ms)
        seconds = (start // 1000) & 0xFFFFFFFF
        identity: ObjectId = self._services.clock.object_id()
        return Bucket(self._reader, seconds.to_bytes(4, "big") + identity.binary[4:], meta, start)

    def _save(self, bucket: Bucket, stored: _Stored | None) -> None:
        """Write a new or changed bucket. Also write the row that lists it as having free space, or remove the row if the bucket is full."""
        document = bucket.document()
        if stored is None:
            record_id = next(self.collection.record_ids.numbers(self._newest_record_id))
            self._writer.insert(document, record_id)
            self.changes.append(("i", document))
            self._difference += 1
        else:
            record_id = stored.record_id
            self.update(stored.document, document, record_id, smallest_entry(stored.document, document))
        row = self._row(document, record_id)
        if bucket.is_full:
            self.unit.remove(INDEX_ENTRIES, row)
        elif stored is None:
            self.unit.put(INDEX_ENTRIES, row, b"")

    def _forget(self, document: bytes, record_id: int) -> None:
        if bucket_start(document, self._time_field) is not None:
            self.unit.remove(INDEX_ENTRIES, self._row(document, record_id))

    def _row(self, document: bytes, record_id: int) -> bytes:
        """Return the key of the row that lists a bucket with free space."""
        start = bucket_start(document, self._time_field)
        assert start is not None, "a bucket has a start"
        return self._series(bucket_meta(document)) + _place(start, record_id)

    def _series(self, meta: bytes) -> bytes:
        return pack_ident(self.collection.ident) + blake2b(meta, digest_size=_SERIES_BYTES).digest()


def measured_paths(indexes: list[Index]) -> list[list[str]]:
    """Return the paths of the measured fields in the indexes on buckets. The time field is included if it is indexed."""
    return [path.split(".")[2:] for index in indexes for path, _ in index.parts if path.startswith(_BOUND)]


def check_bounds(bucket: bytes, paths: list[list[str]]) -> None:
    """Raise if a bucket's bounds for any of the paths are arrays.

    Raises:
        CommandError: 5930501.
    """
    control = decode(bucket)["control"]
    if any(has_array(control[bound], path) for bound in ("min", "max") for path in paths):
        raise _array_error()


def _array_error() -> CommandError:
    return CommandError(5930501, "Indexed measurement field contains an array value")


def has_array(measurement: dict[str, Any], path: list[str]) -> bool:
    """Return whether a document has an array at a path or at a prefix of the path."""
    value: Any = measurement
    for name in path:
        if type(value) is not dict or name not in value:
            break
        value = value[name]
    return type(value) is list


def _place(start_ms: int, record_id: int) -> bytes:
    # The ends of a search may lie outside the dates that exist.
    return _PLACE.pack(min(max(start_ms + _SIGN, 0), 2 * _SIGN - 1), record_id)
