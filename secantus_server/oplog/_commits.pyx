# cython: language_level=3
"""The commits of writes with their oplog entries. Compiled because every write passes through here."""

from libc.stdint cimport int64_t, uint64_t

from secantus_server.bson._codec cimport Writer
from secantus_server.oplog._entries cimport append, append_transaction, transaction_entries
from secantus_server.oplog._newest cimport NewestTimes
from secantus_server.oplog._rows cimport Chain, append_changes
from secantus_server.oplog._write_signal cimport Claims, WriteSignal
from secantus_server.storage._unit cimport RecoveryUnit
from secantus_server.system._clock cimport SystemTime
from secantus_server.system._lock cimport give_lock, take_lock

from secantus_server.storage.errors import WriteConflict
from secantus_server.system._threads import Lock

cdef enum:
    # The maximum size of the operations in one `applyOps` entry.
    MAX_OPERATIONS_BYTES = 16711680
    # Larger buffers are not kept after a commit.
    MOST_KEPT = 65536


cdef class Commits(NewestTimes):
    """The writing half of an oplog; see `oplog.Oplog`.

    Arguments:
        clock: the server's clock.
        signal: is notified of each commit.
        enabled: False for a server without an oplog.
    """

    def __init__(self, SystemTime clock not None, WriteSignal signal not None, bint enabled):
        self.signal = signal
        self._lock = Lock()
        self._clock = clock
        self._enabled = enabled
        self.rows = Writer.__new__(Writer)

    def commit(self, RecoveryUnit unit not None, list entries not None, writes, Chain chain=None, *, written=(), ended=()):
        """Write oplog entries and commit the transaction of a recovery unit.

        Arguments:
            entries: changes of collections (see `oplog.Entry`); they precede the changes of documents.
            writes: the changes of documents, by collection (see `oplog.Writes`).
            chain: the additional fields of a retryable write's entries, or None for any other write.
            written: the lifetimes of the collections whose documents the transaction has changed.
            ended: the lifetimes of the collections that the transaction drops.

        Returns:
            the timestamp of the last entry.

        Raises:
            WriteConflict: another transaction wrote the same key, or dropped a collection; nothing was written.
        """
        cdef Py_ssize_t count = len(entries)
        for _, changes in writes:
            count += len(changes)
        with self._lock:
            # The lock also guards the lifetimes, see `storage.lifetime`.
            for lifetime in written:
                if lifetime.is_over:
                    raise WriteConflict()
            if self._enabled and count:
                self.commit_logged(unit, entries, writes, chain, count)
            else:
                unit.commit()
                self.signal.publish(entries, writes)
            for lifetime in ended:
                lifetime.is_over = True
            return self.newest

    cdef int commit_logged(self, RecoveryUnit unit, list entries, writes, Chain chain, Py_ssize_t count) except -1:
        """Write oplog entries and commit. The caller must hold the lock.

        Arguments:
            count: the number of entries.
        """
        cdef int64_t now_ms = self._clock.now_ms()
        cdef uint64_t stamp = self.next_stamp(self._clock.system_ms())
        cdef uint64_t last = stamp + count - 1
        cdef Py_ssize_t written = 0
        if entries:
            append(unit, [(one.op, *one[:4]) for one in entries], stamp, now_ms)
            stamp += len(entries)
        for identity, changes in writes:
            if changes:
                written += self.append(unit, identity, changes, stamp, now_ms, chain)
                stamp += len(changes)
        unit.commit()
        self.signal.publish(entries, writes)
        self._untrimmed_bytes += written
        return self.publish_stamp(last)

    cdef Py_ssize_t append(self, RecoveryUnit unit, bytes identity, list changes, uint64_t stamp, int64_t now_ms, Chain chain) except -1:
        """Write the entries for changes of one collection's documents, like `append_changes`. The caller must hold the lock."""
        cdef Py_ssize_t written = append_changes(unit, self.rows, identity, changes, stamp, now_ms, chain)
        if self.rows.capacity > MOST_KEPT:
            self.rows = Writer.__new__(Writer)
        return written

    cdef uint64_t commit_changes(self, RecoveryUnit unit, bytes identity, list changes, Chain chain, lifetime, Claims claims) except 0:
        cdef int64_t now_ms
        cdef uint64_t stamp
        cdef Py_ssize_t written
        assert self._enabled, "a server without an oplog does not use the express lane"
        take_lock(self._lock)
        try:
            if lifetime.is_over:
                raise WriteConflict()
            now_ms = self._clock.now_ms()
            stamp = self.next_stamp(self._clock.system_ms())
            written = self.append(unit, identity, changes, stamp, now_ms, chain)
            unit.commit()
            if len(self.signal.armed) > 0:
                claims.stamp, claims.wall_ms, claims.identity, claims.change = stamp, now_ms, identity, changes[0]
                self.signal.publish_changes(identity, claims if len(changes) == 1 else None)
            self._untrimmed_bytes += written
            stamp += len(changes) - 1
            self.publish_stamp(stamp)
        finally:
            give_lock(self._lock)
        return stamp

    cpdef commit_transaction(self, RecoveryUnit unit, list entries, list writes, bytes lsid, number):
        """Write a multi-document transaction as `applyOps` entries and commit it.

        If one entry would exceed the size limit of a document, write several entries, which are chained by `prevOpTime`.

        Arguments:
            entries: changes of collections; they precede the changes of documents.
            writes: the changes of documents, in the order of the statements.
            lsid: the session's id, a BSON document of `id` and `uid`.
            number: the transaction's number.

        Raises:
            WriteConflict: another transaction wrote the same key; nothing was written.
        """
        cdef list encoded = []
        cdef uint64_t stamp
        cdef int64_t now_ms
        cdef Py_ssize_t written
        if self._enabled:
            # Encode before the lock, since a transaction may be large.
            encoded = transaction_entries([(one.op, *one[:4]) for one in entries], writes, lsid, number, MAX_OPERATIONS_BYTES)
        if not encoded:
            unit.commit()
            return
        take_lock(self._lock)
        try:
            now_ms = self._clock.now_ms()
            stamp = self.next_stamp(self._clock.system_ms())
            written = append_transaction(unit, encoded, stamp, now_ms)
            unit.commit()
            self.signal.publish(entries, writes)
            self._untrimmed_bytes += written
            self.publish_stamp(stamp + len(encoded) - 1)
        finally:
            give_lock(self._lock)
