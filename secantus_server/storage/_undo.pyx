# cython: language_level=3
"""The undo log of the innermost open snapshot. It maps each key written since the snapshot to its value at the snapshot.

A transaction records the value of a key before it first writes the key. The record is correct even if the transaction rolls back, and even
if another transaction is writing the same key. No transaction runs while a snapshot is taken. Therefore a key without a record has not been
committed since the snapshot, and every transaction still reads its old value.
"""

from libc.stdint cimport uint8_t, uint32_t

from secantus_server.storage.wiredtiger._binding cimport CATALOG, META, OPLOG


cdef class UndoLog:
    """The log in which every recovery unit records old values before it writes."""

    def __cinit__(self):
        self.recording = False
        self.values = ()

    def record_into(self, tuple values, uint32_t watermark, bint oplog_written):
        """Start recording.

        Arguments:
            values: a dict of old values by key for each table of `tables.WITH_UNDO`.
            watermark: the first ident created after the snapshot. Keys of this and later idents are not recorded, because a restore drops
                these idents entirely.
            oplog_written: whether the oplog has been written to since the snapshot.
        """
        self.values = values
        self.watermark = watermark
        self.oplog_written = oplog_written
        self.recording = True

    def stop(self):
        """Stop recording, because no snapshot is open."""
        self.recording = False
        self.values = ()

    cdef bint wants(self, int table, const uint8_t *key, size_t size) noexcept:
        """Return whether a write to this key must be recorded."""
        cdef uint32_t ident
        if table == OPLOG:
            self.oplog_written = True
            return False
        if table == META:
            return False
        if table == CATALOG or size < sizeof(ident):
            return True
        ident = (<uint32_t>key[0] << 24) | (<uint32_t>key[1] << 16) | (<uint32_t>key[2] << 8) | key[3]
        return ident < self.watermark

    cdef bint knows(self, int table, bytes key):
        """Return whether a value of the key has already been recorded."""
        return key in <dict>self.values[table]

    cdef int remember(self, int table, bytes key, object value) except -1:
        """Record a key's value (None if the key does not exist), unless the key has already been recorded."""
        (<dict>self.values[table]).setdefault(key, value)
        return 0
