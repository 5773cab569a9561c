# Transactions and point operations, for compiled modules: see _unit.pyx.

from libc.stdint cimport uint8_t
from secantus_server.storage._gate cimport Gate
from secantus_server.storage._undo cimport UndoLog
from secantus_server.storage.wiredtiger._binding cimport Session
from secantus_server.storage.wiredtiger.capi cimport WT_CURSOR

cdef class RecoveryUnit(Session):
    cdef Gate gate
    cdef UndoLog undo
    cdef bint sync_on_commit
    # About how many bytes this transaction has written.
    cdef size_t written
    # About how many bytes it has removed.
    cdef size_t removed
    cdef readonly unsigned long thread
    # Whether another thread has rolled the transaction back while it was idle.
    cdef readonly bint aborted
    cdef list drops
    cdef object on_drop

    cpdef begin(self)
    cpdef commit(self)
    cpdef rollback(self)
    cpdef leave(self)
    cpdef enter(self)
    # Reads a value: 0 with its bytes, which hold until the unit's next operation; WT_NOTFOUND; or a code for fail().
    cdef int find_raw(self, WT_CURSOR *handle, const uint8_t *key, size_t key_size, const uint8_t **value, size_t *value_size) noexcept nogil
    # 1 with the value's bytes, or 0 where the key has none.
    cdef int get_raw(self, int table, const uint8_t *key, size_t key_size, const uint8_t **value, size_t *value_size) except -1
    # Writes whether or not the key exists. `known_absent` spares the snapshot a look for the old value.
    cdef int put_raw(self, int table, const uint8_t *key, size_t key_size, const uint8_t *value, size_t value_size,
                     bint known_absent) except -1
    # 1 if written, 0 where the key exists.
    cdef int insert_raw(self, int table, const uint8_t *key, size_t key_size, const uint8_t *value, size_t value_size) except -1
    # 1 if removed, 0 where there was nothing.
    cdef int remove_raw(self, int table, const uint8_t *key, size_t key_size) except -1
    cdef int count_change(self, size_t size) except -1
    cdef int require_transaction(self) except -1
    cdef int _note(self, int table, const uint8_t *key, size_t key_size, bint known_absent) except -1
