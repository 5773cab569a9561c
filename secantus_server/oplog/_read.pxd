# The position of a reader of the oplog, for other compiled modules: see _read.pyx.

from libc.stdint cimport uint64_t

cdef class Position:
    cdef public uint64_t position
