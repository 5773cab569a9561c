# cython: language_level=3
"""Compiled regular expressions, for the match nodes: see _pattern.pyx."""

from libc.stdint cimport uint8_t, uint32_t

from secantus_server.mql.regex.capi cimport pcre2_code, pcre2_match_context, pcre2_match_data


cdef class Pattern:
    cdef bytes source
    cdef uint32_t options
    cdef readonly int capture_count
    # The code for quick searches, which keep the GIL.
    cdef pcre2_code* code
    cdef pcre2_match_data* data
    cdef pcre2_match_context* context
    cdef size_t quick_length
    cdef int searches_before_jit
    # The code for the other searches, compiled on first use.
    cdef pcre2_code* patient_code
    cdef bint in_windows
    # The bytes for which a pattern without special characters searches; None for other patterns.
    cdef bytes literal
    cdef int kind

    cdef bint matches_bytes(self, const uint8_t* text, size_t length) except -1
    cdef int search(self, const uint8_t* text, size_t length, size_t start, pcre2_match_data* data) except -1000
    cdef int compile_patient(self) except -1
