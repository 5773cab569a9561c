# cython: language_level=3
"""Functions that read the rows of the oplog's table, for other compiled modules."""

from libc.stdint cimport uint8_t, uint32_t, uint64_t


cdef bint is_packed(const uint8_t* row) noexcept
cdef uint32_t packed_count(const uint8_t* row) noexcept
cdef const uint8_t* packed_identity(const uint8_t* row) noexcept
cdef bytes plain_row(bytes row, uint64_t stamp)
