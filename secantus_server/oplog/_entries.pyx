# cython: language_level=3, boundscheck=False, wraparound=False
"""Writing oplog entries: one for each document written, so it is compiled."""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t

from secantus_server.bson._codec cimport Writer
from secantus_server.storage._unit cimport RecoveryUnit

from secantus_server.storage.tables import OPLOG

cdef int OPLOG_TABLE = OPLOG


def append(RecoveryUnit unit not None, list entries not None, uint32_t seconds, uint32_t increment, int64_t wall_ms):
    """Write entries with consecutive timestamps.

    Arguments:
        unit: the recovery unit whose transaction they belong to.
        entries: tuples (op, namespace, uuid, o, o2); `o` and `o2` are BSON bytes, `o2` may be None.
        seconds, increment: the first entry's timestamp.
        wall_ms: the time of day.
    """
    cdef Writer out = Writer()
    cdef uint8_t[8] key
    cdef uint64_t stamp
    cdef size_t mark
    cdef int i
    cdef bytes o
    cdef bytes o2
    for op, namespace, uuid, o, o2 in entries:
        stamp = <uint64_t>seconds << 32 | increment
        for i in range(8):
            key[i] = <uint8_t>(stamp >> (56 - 8 * i))
        out.clear()
        mark = out.open()
        out.put_name(3, "o", 1)
        out.put_bytes(PyBytes_AS_STRING(o), PyBytes_GET_SIZE(o))
        if o2 is not None:
            out.put_name(3, "o2", 2)
            out.put_bytes(PyBytes_AS_STRING(o2), PyBytes_GET_SIZE(o2))
        out.put_value("op", 2, op, 1)
        out.put_value("ns", 2, namespace, 1)
        if uuid is not None:
            out.put_value("ui", 2, uuid, 1)
        out.put_name(17, "ts", 2)
        out.put_int64(<int64_t>stamp)
        out.put_name(18, "t", 1)
        out.put_int64(1)
        out.put_name(18, "v", 1)
        out.put_int64(2)
        out.put_name(9, "wall", 4)
        out.put_int64(wall_ms)
        out.close(mark)
        unit.put_raw(OPLOG_TABLE, key, 8, out.buffer, out.size, True)
        increment += 1
