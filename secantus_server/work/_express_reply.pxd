# The replies of the express lane: see _express_reply.pyx.

from libc.stdint cimport int32_t, int64_t

from secantus_server.bson._codec cimport Writer

cdef class ReplyWriter:
    cdef object oplog
    cdef object topology
    cdef Writer out
    # Caches of the last converted timestamp and the last election id.
    cdef object time
    cdef int64_t stamp
    cdef object election_id
    cdef bytes election_bytes

    cdef int begin(self) except -1
    cdef int put_int32(self, const char* name, size_t length, int32_t value) except -1
    cdef int put_int64(self, const char* name, size_t length, int64_t value) except -1
    cdef int put_timestamp(self, const char* name, size_t length, time) except -1
    cdef int put_namespace(self, str db, str name) except -1
    # Append the only document of a find's first batch, or an empty batch if `size` is 0.
    cdef int put_batch(self, str db, str name, const void* document, size_t size) except -1
    # Append the common fields of replies to writes; `time` is the time of the write's commit, or None for the newest time.
    cdef int put_optime(self, time) except -1
    # Append the fields of a findAndModify that has changed a document.
    cdef int put_modified(self, bytes value) except -1
    # Append the common fields of all replies.
    cdef int end(self) except -1
    cdef bytes document(self)
    cdef bytes framed(self, bytes raw, reply_id)
