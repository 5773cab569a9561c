# The replies of the express lane: see _express_reply.pyx.

from libc.stdint cimport int32_t, int64_t, uint8_t, uint64_t

from secantus_server.bson._codec cimport Writer
from secantus_server.oplog._newest cimport NewestTimes

cdef class ReplyWriter:
    cdef NewestTimes oplog
    cdef object topology
    cdef Writer out
    # A cache of the last election id.
    cdef object election_id
    cdef bytes election_bytes
    # The positions of the cursor document and of its batch.
    cdef size_t cursor
    cdef size_t batch
    # The size of the batch after `end_batch`.
    cdef size_t batch_bytes

    cdef int begin(self) except -1
    cdef int put_int32(self, const char* name, size_t length, int32_t value) except -1
    cdef int put_int64(self, const char* name, size_t length, int64_t value) except -1
    cdef int put_bool(self, const char* name, size_t length, bint value) except -1
    cdef int put_timestamp(self, const char* name, size_t length, uint64_t stamp) except -1
    cdef int put_namespace(self, str db, str name) except -1
    # Begin the first batch of a cursor; `put_document` and `put_count` append its documents, and `end_batch` ends the cursor.
    cdef int begin_batch(self) except -1
    # Append the name of a document in a batch, whose position is less than 100. The caller appends the document.
    cdef int put_position(self, int position) except -1
    # Append a document, given its position in the batch.
    cdef int put_document(self, int position, const uint8_t* document, size_t size) except -1
    # Append the result of counting documents, unless the count is zero.
    cdef int put_count(self, int count) except -1
    cdef int end_batch(self, str db, str name) except -1
    # Append the common fields of replies to writes; `time` is the time of the write's commit, or None for the newest time.
    cdef int put_optime(self, time) except -1
    # Append the fields of a findAndModify that has changed a document.
    cdef int put_modified(self, bytes value) except -1
    # Append the fields of a createIndexes that has created a collection with one index.
    cdef int put_created(self) except -1
    # Append the common fields of all replies.
    cdef int end(self) except -1
    cdef bytes document(self)
    cdef bytes framed(self, bytes raw, reply_id)
