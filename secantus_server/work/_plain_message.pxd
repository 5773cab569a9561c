# A command in its simplest form, for other compiled modules: see _plain_message.pyx.

from libc.stdint cimport int32_t, int64_t, uint8_t, uint32_t, uint64_t

from secantus_server.bson._raw cimport Element, read_int32

cdef enum:
    OP_MSG = 2013

cdef enum Kind:
    FIND
    INSERT
    UPDATE
    DELETE
    MODIFY
    COUNT
    COMMIT
    CREATE
    DROP
    PING
    CREATE_INDEXES
    GET_MORE
    # The number of kinds.
    KINDS


# The parts of a command. An element whose start is NULL is absent.
cdef struct Parts:
    int kind
    Element name
    Element db
    Element lsid
    Element number
    # The filter, the documents of an insert, the indexes of a createIndexes, or the collection of a getMore.
    Element query
    # The query's only field, unless the query is empty. For a createIndexes, the key pattern's only field.
    Element field
    # The ends of the range of a find by a range. One of them may be absent.
    Element low
    Element high
    bint low_included
    bint high_included
    Element sort
    # The direction of the sort (1 or -1), or 0 for none.
    int direction
    # The field by which a find sorts, and whether that is not the query's field.
    Element order
    bint is_sorted
    # The update, or the argument of a `$group`.
    Element update
    int64_t number_value
    # Whether the command belongs to a multi-document transaction, and whether it starts the transaction.
    bint in_transaction
    bint starts
    bint returns_new
    # Whether the query is empty, so that it matches every document.
    bint is_whole
    # Whether the query is a range of one field.
    bint is_range
    # Whether an update changes all documents that its query matches.
    bint is_multi
    # The limit of a find, or the batch size of a getMore; 0 for none.
    int32_t limit
    # How long a getMore waits for documents.
    int64_t wait_ms
    # One bit for each field that was read and has no Element in this struct.
    uint32_t seen
    # The document sequence.
    const char* sequence
    uint32_t sequence_len
    const uint8_t* documents
    const uint8_t* documents_end


cdef inline str text_of(const Element* element):
    """Return the value of a string that consists of ASCII characters."""
    return (<const char*>element.value + 4)[: read_int32(element.value) - 1].decode("ascii")


cdef class PlainMessage:
    cdef Parts parts

    # Read a message; return 0 unless it is a plain command whose cluster time is not later than `newest`.
    cdef bint read(self, bytes raw, uint64_t newest) except -1
    # Return the documents of an insert, in the form in which the general path passes them to the writer.
    cdef list documents(self)
    cdef bint read_sequence(self, const uint8_t* p, const uint8_t* end) except -1
    cdef bint read_body(self, const uint8_t* body, uint64_t newest) noexcept
    cdef bint read_general(self, const Element* element, uint64_t newest) noexcept
    cdef bint read_own(self, const Element* element) noexcept
    cdef bint read_find(self, const Element* element) noexcept
    cdef bint read_modify(self, const Element* element) noexcept
    cdef bint read_get_more(self, const Element* element) noexcept
    cdef bint read_count(self, const Element* element) noexcept
    cdef bint read_pipeline(self, const Element* pipeline) noexcept
    cdef bint is_complete(self) noexcept
    cdef bint is_whole_query(self) noexcept
    cdef bint read_range(self) noexcept
    cdef bint read_end(self, const Element* end) noexcept
    cdef bint read_sort(self) noexcept
    cdef bint is_numbered(self) noexcept
    cdef bint has_documents(self) noexcept
    cdef bint read_statement(self) noexcept
    cdef bint read_index(self) noexcept
