# cython: language_level=3
"""The undo log of the innermost open snapshot: for each key touched since, its value at the snapshot.

A value is noted before the key is first written. It stays right when that transaction rolls back, and when another
had the same key in hand: no transaction runs while a snapshot is taken, so until a key is noted nobody has written it since,
and everybody sees the value it had.
"""

from libc.stdint cimport uint8_t, uint32_t

from secantus_server.storage.wiredtiger._binding cimport CATALOG, META, OPLOG


cdef class UndoLog:
    """What every recovery unit of an engine writes to before it writes."""

    def __cinit__(self):
        self.recording = False
        self.values = ()

    def record_into(self, tuple values, uint32_t watermark, bint oplog_written):
        """Starts to record.

        Arguments:
            values: a dictionary per table of `tables.WITH_UNDO`.
            watermark: keys whose ident is not below it need no record: a restore drops such idents whole.
            oplog_written: whether the oplog has been written to since the snapshot.
        """
        self.values = values
        self.watermark = watermark
        self.oplog_written = oplog_written
        self.recording = True

    def stop(self):
        """No snapshot is open any more."""
        self.recording = False
        self.values = ()

    cdef bint wants(self, int table, const uint8_t *key, size_t size) noexcept:
        """Whether a write to this key has to be noted."""
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
        """Whether the key's first value is noted already."""
        return key in <dict>self.values[table]

    cdef int remember(self, int table, bytes key, object value) except -1:
        """Notes a key's value, None where it has none; the first one noted stays."""
        (<dict>self.values[table]).setdefault(key, value)
        return 0
