# cython: language_level=3
"""Functions on UTF-8 text that create no Python objects."""

from libc.stdint cimport uint8_t, uint64_t
from libc.string cimport memcpy


cdef inline size_t ascii_length(const uint8_t* text, size_t length) noexcept nogil:
    """Return the length of the start of a text that certainly consists of ASCII characters: that of the whole text, or less."""
    cdef size_t i = 0
    cdef uint64_t word
    while i + 8 <= length:
        memcpy(&word, text + i, 8)
        if word & 0x8080808080808080ULL:
            return i
        i += 8
    while i < length and text[i] < 0x80:
        i += 1
    return i


cdef inline size_t sequence_length(const uint8_t* text, size_t length) noexcept nogil:
    """Return the length of the code point at the start of a text of at least one byte, or 0 if it is not valid UTF-8.

    Codes of surrogates, overlong codes, and codes above U+10FFFF are not valid (RFC 3629, section 4).
    """
    cdef uint8_t first = text[0], low = 0x80, high = 0xBF
    cdef size_t size, i
    if first < 0x80:
        return 1
    if first < 0xC2 or first > 0xF4:
        return 0
    size = 2 if first < 0xE0 else 3 if first < 0xF0 else 4
    if size > length:
        return 0
    if first == 0xE0:
        low = 0xA0
    elif first == 0xED:
        high = 0x9F
    elif first == 0xF0:
        low = 0x90
    elif first == 0xF4:
        high = 0x8F
    if not low <= text[1] <= high:
        return 0
    for i in range(2, size):
        if text[i] & 0xC0 != 0x80:
            return 0
    return size


cdef inline bint is_utf8(const uint8_t* text, size_t length) noexcept nogil:
    """Return whether a text is valid UTF-8."""
    cdef size_t i = ascii_length(text, length)
    cdef size_t size
    while i < length:
        size = sequence_length(text + i, length - i)
        if size == 0:
            return False
        i += size
    return True


cdef inline size_t skip_code_points(const uint8_t* text, size_t length, size_t count) noexcept nogil:
    """Return the length in bytes of the first `count` code points of a valid text, or that of the text if it has fewer."""
    cdef size_t i = 0
    while count and i < length:
        i += 1
        while i < length and text[i] & 0xC0 == 0x80:
            i += 1
        count -= 1
    return i
