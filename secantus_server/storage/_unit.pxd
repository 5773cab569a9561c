# Transactions and point operations, for compiled modules: see _unit.pyx.

from libc.stdint cimport uint8_t
from secantus_server.storage._gate cimport Gate
from secantus_server.storage._undo cimport UndoLog
from secantus_server.storage.wiredtiger._binding cimport Session
from secantus_server.storage.wiredtiger.capi cimport SECANTUS_ENTRY, WT_CURSOR

cdef class RecoveryUnit(Session):
    cdef Gate gate
    cdef UndoLog undo
    cdef bint sync_on_commit
    # Approximate bytes written by this transaction.
    cdef size_t written
    # Approximate bytes removed by this transaction.
    cdef size_t removed
    # The thread that uses the transaction or used the last transaction; 0 while the transaction is idle, see leave().
    cdef readonly unsigned long thread
    # Whether another thread rolled the transaction back while it was idle. Reset by the owner's next call.
    cdef readonly bint aborted
    # The transaction's sequence number among all transactions of the store, in the order in which they began.
    cdef readonly long long serial
    cdef list drops
    cdef object on_drop

    cpdef begin(self)
    cpdef commit(self)
    cpdef rollback(self)
    cpdef leave(self)
    cpdef enter(self)
    # Read a value. Return 0 and set the value, which is valid until the unit's next operation; or return WT_NOTFOUND or a code for fail().
    cdef int find_raw(self, WT_CURSOR *handle, const uint8_t *key, size_t key_size, const uint8_t **value, size_t *value_size) noexcept nogil
    # Read a value. Return 1 and set the value, or return 0 if the key does not exist.
    cdef int get_raw(self, int table, const uint8_t *key, size_t key_size, const uint8_t **value, size_t *value_size) except -1
    # Like get_raw, for a key that probably follows the one that the last call of get_raw or of this method has found in the table. Slower than
    # get_raw if there was no such call.
    cdef int get_following(self, int table, const uint8_t *key, size_t key_size, const uint8_t **value, size_t *value_size) except -1
    # Write a value whether or not the key exists. With `known_absent`, the undo log need not read the old value.
    cdef int put_raw(self, int table, const uint8_t *key, size_t key_size, const uint8_t *value, size_t value_size,
                     bint known_absent) except -1
    # Write a new key. Return 1, or 0 if the key already exists.
    cdef int insert_raw(self, int table, const uint8_t *key, size_t key_size, const uint8_t *value, size_t value_size) except -1
    # Write the new keys of an ident that was created since the last snapshot, until a key exists already. Return the number of keys that were
    # written. See Session.insert_run.
    cdef size_t insert_entries(self, int table, const SECANTUS_ENTRY *entries, size_t count) except? -1
    # Remove a key. Return 1, or 0 if the key does not exist.
    cdef int remove_raw(self, int table, const uint8_t *key, size_t key_size) except -1
    cdef int count_change(self, size_t size) except -1
    cdef int require_transaction(self) except -1
    cdef bint is_idle(self) noexcept
    cdef int _take_up(self) except -1
    cdef int _note(self, int table, const uint8_t *key, size_t key_size, bint known_absent) except -1
    # Commit the transaction if `keep`, else roll it back. Return the idents that it dropped.
    cdef list end(self, bint keep)
