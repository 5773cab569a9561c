# cython: language_level=3, boundscheck=False, wraparound=False
"""The parser of an OP_MSG's sections, which validates and decodes them in place, the writer of replies, and the checksum of both.

https://github.com/mongodb/specifications/blob/master/source/message/OP_MSG.md#sections
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize
from libc.stdint cimport int32_t, uint8_t, uint32_t
from libc.string cimport memchr, memcpy

from secantus_server.bson._codec cimport Writer, decode_command
from secantus_server.bson._raw cimport read_int32
from secantus_server.bson._validate cimport check_whole

from secantus_server.errors import CommandError
from secantus_server.wire.header import INTERNAL_HEADROOM, MAX_DOCUMENT_SIZE, MAX_MESSAGE_SIZE, OP_MSG, ProtocolError

cdef Py_ssize_t SIZE_LIMIT = MAX_DOCUMENT_SIZE + INTERNAL_HEADROOM
cdef Py_ssize_t MESSAGE_LIMIT = MAX_MESSAGE_SIZE
cdef int32_t OP_CODE = OP_MSG

cdef enum:
    BODY_START = 21  # header 16, flags 4, kind 1


cdef int32_t section_size(const uint8_t* p, const uint8_t* end) except -1:
    """Return the length field of a section or of a document in a sequence, after checking it."""
    cdef int32_t size
    if end - p < 5:
        raise ProtocolError("a section of an OP_MSG is truncated")
    size = read_int32(p)
    if size < 5 or size > end - p:
        raise ProtocolError("a section of an OP_MSG has an invalid length")
    return size


cdef int check_size(Py_ssize_t size) except -1:
    """Raise if a document of a message exceeds MongoDB's limit."""
    if size > SIZE_LIMIT:
        raise CommandError(
            10334, f"BSONObj size: {size} (0x{size:X}) is invalid. Size must be between 0 and {SIZE_LIMIT}({SIZE_LIMIT // 1048576}MB)"
        )
    return 0


cdef list read_sequence(const uint8_t* p, const uint8_t* end):
    """Return the documents between `p` and the end of the section, as bytes."""
    cdef int32_t size
    cdef list documents = []
    while p < end:
        size = section_size(p, end)
        check_size(size)
        check_whole(p, size)
        documents.append(PyBytes_FromStringAndSize(<const char*>p, size))
        p += size
    return documents


cdef int add_sequence(dict sequences, const uint8_t* p, int32_t size) except -1:
    """Read a document sequence, a section of kind 1."""
    cdef const uint8_t* stop = <const uint8_t*>memchr(p + 4, 0, size - 4)
    if stop == NULL:
        raise ProtocolError("a document sequence has no name")
    name = (p + 4)[: stop - p - 4].decode("utf-8", "replace")
    if name in sequences:
        raise ProtocolError(f"an OP_MSG has two document sequences {name!r}")
    sequences[name] = read_sequence(stop + 1, p + size)
    return 0


cdef const uint8_t* find_sections(bytes raw, Py_ssize_t end_position, dict sequences) except NULL:
    """Return the body of a message, and add its document sequences by name. See `read_sections` for arguments and errors."""
    cdef const uint8_t* p = <const uint8_t*>PyBytes_AS_STRING(raw) + BODY_START - 1
    cdef const uint8_t* end = <const uint8_t*>PyBytes_AS_STRING(raw) + end_position
    cdef const uint8_t* body = NULL
    cdef uint8_t kind
    cdef int32_t size
    while p < end:
        kind = p[0]
        p += 1
        size = section_size(p, end)
        if kind == 0:
            if body != NULL:
                raise ProtocolError("an OP_MSG has two body sections")
            body = p
        elif kind == 1:
            add_sequence(sequences, p, size)
        else:
            raise ProtocolError(f"an OP_MSG has a section of unknown kind {kind}")
        p += size
    if body == NULL:
        raise ProtocolError("an OP_MSG has no body section")
    size = read_int32(body)
    check_size(size)
    check_whole(body, size)
    return body


def read_sections(bytes raw not None, Py_ssize_t end_position):
    """Return the body of a message and its document sequences by name.

    Arguments:
        raw: the whole message.
        end_position: the end of its sections.

    Raises:
        ProtocolError: the sections are malformed.
        CommandError: 22, 15 or 10334 for an invalid document; 40413 or 238 if the body has a duplicate field name.
    """
    cdef dict sequences = {}
    cdef const uint8_t* body = find_sections(raw, end_position, sequences)
    return decode_command(body), sequences


def raw_sections(bytes raw not None, Py_ssize_t end_position):
    """Return the encoded body of a message and its document sequences by name. See `read_sections` for arguments and errors."""
    cdef dict sequences = {}
    cdef const uint8_t* body = find_sections(raw, end_position, sequences)
    return PyBytes_FromStringAndSize(<const char*>body, read_int32(body)), sequences


def write_message(dict reply not None, int32_t request_id, int32_t response_to, uint32_t flags):
    """Return a complete OP_MSG with one body section.

    Raises:
        CommandError: 10334 if the reply exceeds the message limit.
    """
    cdef Writer out = Writer.__new__(Writer)
    cdef int32_t[4] header
    cdef uint8_t kind = 0
    cdef Py_ssize_t size
    out.put_bytes(header, 16)
    out.put_bytes(&flags, 4)
    out.put_byte(kind)
    out.put_document(reply, 1)
    size = out.size
    if size > MESSAGE_LIMIT:
        size -= BODY_START
        raise CommandError(10334, f"BSONObj size: {size} (0x{size:X}) is too large for a reply: ask for less at a time")
    header[0] = <int32_t>size
    header[1] = request_id
    header[2] = response_to
    header[3] = OP_CODE
    memcpy(out.buffer, header, 16)
    return out.finish()


# CRC-32C (Castagnoli), the optional checksum of an OP_MSG, with the polynomial's bits in reversed order.
cdef uint32_t POLYNOMIAL = 0x82F63B78
cdef uint32_t[256] crc_table


cdef void fill_crc_table() noexcept:
    cdef uint32_t n, crc
    for n in range(256):
        crc = n
        for _ in range(8):
            crc = (crc >> 1) ^ POLYNOMIAL if crc & 1 else crc >> 1
        crc_table[n] = crc


fill_crc_table()


def crc32c(const uint8_t[::1] data not None):
    """Return the CRC-32C of the bytes. The GIL is released, because a message may be long."""
    cdef uint32_t crc = 0xFFFFFFFF
    cdef Py_ssize_t i
    with nogil:
        for i in range(data.shape[0]):
            crc = (crc >> 8) ^ crc_table[(crc ^ data[i]) & 255]
    return crc ^ 0xFFFFFFFF
