# cython: language_level=3, boundscheck=False, wraparound=False
"""Regular expressions compiled and run by PCRE2, MongoDB's engine, on UTF-8 bytes.

PCRE2 receives only valid UTF-8. In an invalid string, each byte that belongs to no character is replaced with U+FFFD for the search, which
`.` matches but `\\w` does not. PCRE2_MATCH_INVALID_UTF is not used, because in 10.47 some searches with it read outside the subject.
https://www.pcre.org/current/doc/html/pcre2api.html

Most searches are quick and keep the GIL. A search is quick if the pattern has few quantifiers and the text is short, so that `STEPS` bounds
the work. A low PCRE2 match limit is a second bound. Every other search, and a quick one that reaches that limit, is patient: it runs
without the GIL, with PCRE2's default limit, which MongoDB also uses. The match limit applies to each start position separately. Therefore a
patient search processes the text in windows, and checks the clock after each window.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from cpython.unicode cimport PyUnicode_DecodeUTF8
from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from libc.string cimport memchr, memcmp, memcpy
from posix.time cimport CLOCK_MONOTONIC, clock_gettime, timespec

from secantus_server.mql.regex.capi cimport (
    PCRE2_CASELESS,
    PCRE2_DOTALL,
    PCRE2_ERROR_JIT_STACKLIMIT,
    PCRE2_ERROR_MATCHLIMIT,
    PCRE2_ERROR_NOMATCH,
    PCRE2_EXTENDED,
    PCRE2_INFO_CAPTURECOUNT,
    PCRE2_JIT_COMPLETE,
    PCRE2_MULTILINE,
    PCRE2_NO_JIT,
    PCRE2_NO_UTF_CHECK,
    PCRE2_UNSET,
    PCRE2_USE_OFFSET_LIMIT,
    PCRE2_UTF,
    pcre2_code,
    pcre2_code_free,
    pcre2_compile,
    pcre2_compile_context,
    pcre2_compile_context_create,
    pcre2_compile_context_free,
    pcre2_get_error_message,
    pcre2_get_ovector_pointer,
    pcre2_jit_compile,
    pcre2_jit_stack,
    pcre2_jit_stack_assign,
    pcre2_jit_stack_create,
    pcre2_jit_stack_free,
    pcre2_match,
    pcre2_match_context,
    pcre2_match_context_create,
    pcre2_match_context_free,
    pcre2_match_data,
    pcre2_match_data_create_from_pattern,
    pcre2_match_data_free,
    pcre2_pattern_info,
    pcre2_set_heap_limit,
    pcre2_set_match_limit,
    pcre2_set_max_pattern_length,
    pcre2_set_offset_limit,
)

import re

from secantus_server.errors import CommandError


cdef extern from "Python.h":
    const char* PyUnicode_AsUTF8AndSize(object text, Py_ssize_t* size) except NULL
    str PyUnicode_Substring(object text, Py_ssize_t start, Py_ssize_t stop)


cdef enum:
    SEARCH = 0
    PREFIX = 1
    CONTAINS = 2

    # The maximum length of a pattern in MongoDB, in bytes.
    MAX_PATTERN = 16384
    # The number of searches before a pattern is compiled to machine code. The compilation costs as much as several dozen interpreted
    # searches.
    SEARCHES_BEFORE_JIT = 32
    # The maximum number of steps of a quick search over all start positions. They take about 20 ms.
    QUICK_MATCH_LIMIT = 1_000_000
    # The maximum number of steps for each start position, which is PCRE2's default. They take 0.1 s in machine code, and 0.4 s in the
    # interpreter.
    MATCH_LIMIT = 10_000_000
    # The memory limit for backtracking in the interpreter. It is set because PCRE2's default is 20 GB.
    HEAP_LIMIT_KIB = 262_144
    JIT_STACK_BYTES = 16_777_216
    # The time limit of a patient search.
    TIME_LIMIT_MS = 5000
    # A window that took less time than this is followed by a longer one.
    SHORT_WINDOW_NS = 1_000_000
    # Result codes in addition to those of PCRE2.
    TIME_IS_UP = -999
    NOT_UTF8 = -998
    # The range of PCRE2's error codes for strings that are not valid UTF-8.
    FIRST_UTF8_ERROR = -3
    LAST_UTF8_ERROR = -23

# The maximum number of character steps of a quick search; see `_quick_length`. A step takes about 1 ns.
STEPS = 100_000_000
ALWAYS_QUICK = 1 << 40
QUANTIFIER = re.compile(rb"(?<!\()[*+?{]|\\[1-9gk]|\(\?P=|\(\?[R0-9&+-]|\(\?P>")
MOST_QUANTIFIERS = 64
# Matches recursion and subroutine calls in a pattern, which repeat a part of the pattern.
CALL = re.compile(rb"\(\?(?:[R0-9&+]|-[0-9]|P>)|\\g[<']")
CALL_LENGTH = 32

# Lone surrogates, which result from decoding bytes that are not UTF-8.
REPLACEMENTS = dict.fromkeys(range(0xD800, 0xE000), "\ufffd")

OPTIONS = {"i": PCRE2_CASELESS, "m": PCRE2_MULTILINE, "s": PCRE2_DOTALL, "x": PCRE2_EXTENDED, "u": 0}


class PatternError(Exception):
    """The error for a pattern that PCRE2 refuses. The message is PCRE2's."""


cdef class Pattern:
    """A compiled regular expression.

    Arguments:
        source: the pattern in PCRE2's syntax, as UTF-8.
        options: any of the letters i, m, s, x and u, in any order.
        literal: the bytes for which the pattern searches, if it has no special character except a leading `^`; otherwise None.
        anchored: whether `literal` must be at the beginning of the text.

    Raises:
        PatternError: if the pattern is invalid.
    """

    def __init__(self, bytes source not None, str options not None, bytes literal=None, bint anchored=False):
        cdef object letter
        self.source = source
        for letter in options:
            self.options |= <uint32_t>OPTIONS[letter]
        self.options |= PCRE2_UTF
        self.code = compile_code(source, self.options)
        pcre2_pattern_info(self.code, PCRE2_INFO_CAPTURECOUNT, &self.capture_count)
        self.data = new_match_data(self.code)
        self.context = new_context()
        self.quick_length = _quick_length(source)
        self.searches_before_jit = SEARCHES_BEFORE_JIT
        # Windows cannot be used with \G, which depends on where the search began, or with verbs such as (*COMMIT), which end the whole
        # search.
        self.in_windows = b"\\G" not in source and b"(*" not in source
        self.literal = literal
        self.kind = SEARCH if literal is None else PREFIX if anchored else CONTAINS

    def __dealloc__(self):
        pcre2_match_context_free(self.context)
        pcre2_match_data_free(self.data)
        pcre2_code_free(self.code)
        pcre2_code_free(self.patient_code)

    def matches(self, str text not None):
        """Return whether the pattern matches somewhere in a text.

        Raises:
            CommandError: 51156 if the search takes too many steps.
        """
        cdef Py_ssize_t size
        cdef const char* utf8
        try:
            utf8 = PyUnicode_AsUTF8AndSize(text, &size)
        except UnicodeEncodeError:
            subject = text.encode("utf-8", "surrogateescape")
            return self.matches_bytes(<const uint8_t*>PyBytes_AS_STRING(subject), PyBytes_GET_SIZE(subject))
        return self.matches_bytes(<const uint8_t*>utf8, size)

    def find(self, str text not None):
        """Return the first match in the form of `$regexFind`, or None.

        Raises:
            CommandError: 51156 if the search takes too many steps.
        """
        found = Matches(self, text).take(1)
        return found[0] if found else None

    def find_all(self, str text not None):
        """Return the matches from left to right, in the form of `$regexFindAll`.

        Raises:
            CommandError: 51156 if a search takes too many steps.
        """
        return Matches(self, text).take(-1)

    cdef bint matches_bytes(self, const uint8_t* text, size_t length) except -1:
        cdef size_t wanted
        cdef bytes kept
        cdef int found
        if self.kind != SEARCH:
            wanted = PyBytes_GET_SIZE(self.literal)
            if self.kind == PREFIX:
                return length >= wanted and memcmp(text, PyBytes_AS_STRING(self.literal), wanted) == 0
            return contains(text, length, <const uint8_t*>PyBytes_AS_STRING(self.literal), wanted)
        found = self.search(text, length, 0, NULL)
        if found > 0 or found == PCRE2_ERROR_NOMATCH:
            return found > 0
        # The copy is valid UTF-8 and stays alive while the GIL is released.
        kept = valid_copy(text, length)
        if found == NOT_UTF8:
            return self.matches_bytes(<const uint8_t*>PyBytes_AS_STRING(kept), PyBytes_GET_SIZE(kept))
        found = PatientSearch(self).search(self, <const uint8_t*>PyBytes_AS_STRING(kept), PyBytes_GET_SIZE(kept), 0, NULL)
        return found > 0

    cdef int search(self, const uint8_t* text, size_t length, size_t start, pcre2_match_data* data) except -1000:
        """Run a quick search. Return 1, PCRE2_ERROR_NOMATCH, or PCRE2_ERROR_MATCHLIMIT if a patient search is needed.

        If `data` is given, it receives the match, and the text must be valid UTF-8. Without `data`, the result for an invalid text is
        NOT_UTF8.
        """
        cdef int found
        cdef uint32_t options
        if length - start > self.quick_length:
            return PCRE2_ERROR_MATCHLIMIT
        if self.searches_before_jit > 0:
            self.searches_before_jit -= 1
            if self.searches_before_jit == 0:
                # An error is ignored: if memory cannot be made executable, PCRE2 continues to interpret the pattern.
                pcre2_jit_compile(self.code, PCRE2_JIT_COMPLETE)
        if data == NULL and self.data == NULL:
            self.data = new_match_data(self.code)
        pcre2_set_match_limit(self.context, QUICK_MATCH_LIMIT // <uint32_t>(length - start + 1) + 10)
        options = PCRE2_NO_UTF_CHECK if data != NULL or is_ascii(text, length) else 0
        found = pcre2_match(self.code, text, length, start, options, self.data if data == NULL else data, self.context)
        if found > 0:
            return 1
        if found == PCRE2_ERROR_NOMATCH:
            return found
        if LAST_UTF8_ERROR <= found <= FIRST_UTF8_ERROR:
            return NOT_UTF8
        if data == NULL:
            # Free the match data, because it keeps the memory that backtracking used.
            pcre2_match_data_free(self.data)
            self.data = NULL
        # A patient search, with its higher limit and larger stack, may succeed.
        return PCRE2_ERROR_MATCHLIMIT

    cdef int compile_patient(self) except -1:
        if self.patient_code == NULL:
            self.patient_code = compile_code(self.source, self.options | PCRE2_USE_OFFSET_LIMIT)
            pcre2_jit_compile(self.patient_code, PCRE2_JIT_COMPLETE)
        return 0


cdef class PatientSearch:
    """A search that runs without the GIL."""

    cdef pcre2_match_context* context
    cdef pcre2_match_data* data
    cdef pcre2_jit_stack* stack

    def __init__(self, Pattern pattern not None):
        self.context = new_context()
        self.data = new_match_data(pattern.code)
        pcre2_set_match_limit(self.context, MATCH_LIMIT)

    def __dealloc__(self):
        pcre2_match_context_free(self.context)
        pcre2_match_data_free(self.data)
        pcre2_jit_stack_free(self.stack)

    cdef int search(self, Pattern pattern, const uint8_t* text, size_t length, size_t start, pcre2_match_data* data) except -1000:
        """Search valid UTF-8 from a position on. Return 1 or PCRE2_ERROR_NOMATCH. `data` receives the match, unless it is NULL.

        Raises:
            CommandError: 51156 if the search exceeds its limit of steps, memory or time.
        """
        cdef int found
        pattern.compile_patient()
        if data == NULL:
            data = self.data
        with nogil:
            if pattern.in_windows:
                found = self.search_in_windows(pattern.patient_code, text, length, start, data)
            else:
                pcre2_set_offset_limit(self.context, PCRE2_UNSET)
                found = self.match(pattern.patient_code, text, length, start, data)
        if found > 0:
            return 1
        if found == PCRE2_ERROR_NOMATCH:
            return found
        reason = f"the search took longer than {TIME_LIMIT_MS} ms" if found == TIME_IS_UP else error_text(found)
        raise CommandError(
            51156,
            f"Error occurred while executing the regular expression. Result code: {reason} "
            f"(the pattern has too many ways to match a string of {length} bytes)",
        )

    cdef int match(self, const pcre2_code* code, const uint8_t* text, size_t length, size_t start, pcre2_match_data* data) noexcept nogil:
        """Run the JIT code on the thread's stack.

        If that stack is too small, use a larger one. If the larger one is too small, use the interpreter, which allocates on the heap.
        """
        cdef int found = pcre2_match(code, text, length, start, PCRE2_NO_UTF_CHECK, data, self.context)
        if found == PCRE2_ERROR_JIT_STACKLIMIT and self.stack == NULL:
            self.stack = pcre2_jit_stack_create(JIT_STACK_BYTES // 16, JIT_STACK_BYTES, NULL)
            pcre2_jit_stack_assign(self.context, NULL, self.stack)
            found = pcre2_match(code, text, length, start, PCRE2_NO_UTF_CHECK, data, self.context)
        if found == PCRE2_ERROR_JIT_STACKLIMIT:
            found = pcre2_match(code, text, length, start, PCRE2_NO_JIT | PCRE2_NO_UTF_CHECK, data, self.context)
        return found

    cdef int search_in_windows(
        self, const pcre2_code* code, const uint8_t* text, size_t length, size_t start, pcre2_match_data* data
    ) noexcept nogil:
        """Search in windows of start positions, and check the clock between windows."""
        cdef size_t window = 1
        cdef size_t last
        cdef int64_t now = monotonic_ns()
        cdef int64_t deadline = now + <int64_t>TIME_LIMIT_MS * 1_000_000
        cdef int64_t before
        cdef int found
        while True:
            last = start + window - 1 if window < length - start else length
            pcre2_set_offset_limit(self.context, last)
            found = self.match(code, text, length, start, data)
            if found != PCRE2_ERROR_NOMATCH or last >= length:
                return found
            before = now
            now = monotonic_ns()
            if now > deadline:
                return TIME_IS_UP
            if now - before < SHORT_WINDOW_NS:
                window *= 8
            elif window > 1:
                window //= 2
            start = next_character(text, length, last)


cdef size_t next_character(const uint8_t* text, size_t length, size_t place) noexcept nogil:
    """Return the start of the next character after a position."""
    place += 1
    while place < length and (text[place] & 0xC0) == 0x80:
        place += 1
    return place


cdef int64_t monotonic_ns() noexcept nogil:
    cdef timespec now
    clock_gettime(CLOCK_MONOTONIC, &now)
    return <int64_t>now.tv_sec * 1_000_000_000 + now.tv_nsec


cdef bint contains(const uint8_t* text, size_t length, const uint8_t* wanted, size_t wanted_length) noexcept nogil:
    """Return whether a text contains the given bytes."""
    cdef const uint8_t* last
    cdef const uint8_t* found
    if wanted_length == 0:
        return True
    if wanted_length > length:
        return False
    last = text + length - wanted_length
    while text <= last:
        found = <const uint8_t*>memchr(text, wanted[0], last - text + 1)
        if found == NULL:
            return False
        if memcmp(found, wanted, wanted_length) == 0:
            return True
        text = found + 1
    return False


cdef class Matches:
    """The matches of a pattern in a text, in the form `{match, idx, captures}`, with positions in code points.

    Arguments:
        pattern: the pattern to find.
        text: the text to search.
    """

    cdef Pattern pattern
    cdef str text
    cdef bytes subject
    cdef const uint8_t* start
    cdef Py_ssize_t length
    cdef bint is_ascii
    cdef bint is_valid
    # The match data, borrowed from the pattern. While it is borrowed, other searches with the pattern allocate their own match data.
    cdef pcre2_match_data* data
    cdef PatientSearch patient
    # A position in the subject, and the number of code points before it.
    cdef size_t counted
    cdef Py_ssize_t count

    def __init__(self, Pattern pattern not None, str text not None):
        self.pattern = pattern
        self.text = text
        self.is_ascii = text.isascii()
        self.is_valid = True
        try:
            self.start = <const uint8_t*>PyUnicode_AsUTF8AndSize(text, &self.length)
        except UnicodeEncodeError:
            self.is_valid = False
            self.subject = without_surrogates(text)
            self.start = <const uint8_t*>PyBytes_AS_STRING(self.subject)
            self.length = PyBytes_GET_SIZE(self.subject)
        self.data = pattern.data if pattern.data != NULL else new_match_data(pattern.code)
        pattern.data = NULL

    def __dealloc__(self):
        if self.pattern is not None and self.pattern.data == NULL and self.patient is None:
            self.pattern.data = self.data
        else:
            pcre2_match_data_free(self.data)

    cdef list take(self, Py_ssize_t most):
        """Return at most `most` matches, or all matches if `most` is -1.

        After an empty match, the search continues one code point later. No search starts at the end of the text, unless the text is empty.
        """
        cdef size_t position = 0
        cdef size_t length = self.length
        cdef size_t* span = pcre2_get_ovector_pointer(self.data)
        cdef list found = []
        while most != 0 and (position < length or position == 0):
            if not self.search(position):
                break
            found.append(self.describe(self.start, length, span))
            position = span[1] if span[1] > span[0] else next_character(self.start, length, span[1])
            most -= 1
        return found

    cdef bint search(self, size_t position) except -1:
        cdef int found = self.pattern.search(self.start, self.length, position, self.data)
        if found == PCRE2_ERROR_MATCHLIMIT:
            if self.patient is None:
                self.patient = PatientSearch(self.pattern)
            found = self.patient.search(self.pattern, self.start, self.length, position, self.data)
        return found > 0

    cdef dict describe(self, const uint8_t* text, size_t length, size_t* span):
        cdef int group
        cdef list captures = []
        for group in range(1, self.pattern.capture_count + 1):
            captures.append(self.part(text, length, span[2 * group], span[2 * group + 1]))
        match = self.part(text, length, span[0], span[1])
        return {"match": match, "idx": self.index_of(text, span[0]), "captures": captures}

    cdef Py_ssize_t index_of(self, const uint8_t* text, size_t place) except -1:
        """Return the number of code points before a position."""
        if self.is_ascii:
            return place
        if place < self.counted:
            # Start again from the beginning, because a \K may move the start of a match backwards.
            self.counted = self.count = 0
        self.count += count_characters(text, self.counted, place)
        self.counted = place
        return self.count

    cdef object part(self, const uint8_t* text, size_t length, size_t start, size_t stop):
        """Return a part of the text, or None for a group that has not matched."""
        if start == PCRE2_UNSET:
            return None
        if start >= stop:
            return ""
        if self.is_ascii:
            return PyUnicode_Substring(self.text, start, stop)
        if is_inside_character(text, length, start) or is_inside_character(text, length, stop):
            raise CommandError(
                51156,
                "Error occurred while executing the regular expression. Result code: a match begins or ends inside of a UTF-8 character "
                "(the pattern has a \\C, which stands for one byte)",
            )
        if not self.is_valid:
            before = count_characters(text, 0, start)
            return PyUnicode_Substring(self.text, before, before + count_characters(text, start, stop))
        return PyUnicode_DecodeUTF8(<const char*>text + start, stop - start, NULL)


cdef bint is_ascii(const uint8_t* text, size_t length) noexcept nogil:
    cdef uint64_t word
    cdef uint64_t seen = 0
    while length >= 8:
        memcpy(&word, text, 8)
        seen |= word
        text += 8
        length -= 8
    while length > 0:
        seen |= text[0]
        text += 1
        length -= 1
    return (seen & <uint64_t>0x8080808080808080) == 0


cdef bytes valid_copy(const uint8_t* text, size_t length):
    """Return a copy of a text as valid UTF-8, with U+FFFD in place of each byte that belongs to no character."""
    return without_surrogates(PyUnicode_DecodeUTF8(<const char*>text, length, "surrogateescape"))


cdef bytes without_surrogates(str text):
    try:
        return text.encode()
    except UnicodeEncodeError:
        return text.translate(REPLACEMENTS).encode()


cdef Py_ssize_t count_characters(const uint8_t* text, size_t start, size_t stop) noexcept:
    """Return the number of code points in a part of a text."""
    cdef Py_ssize_t count = 0
    while start < stop:
        count += (text[start] & 0xC0) != 0x80
        start += 1
    return count


cdef bint is_inside_character(const uint8_t* text, size_t length, size_t place) noexcept:
    return place < length and (text[place] & 0xC0) == 0x80


cdef pcre2_code* compile_code(bytes source, uint32_t options) except NULL:
    """Compile a pattern.

    Raises:
        PatternError: if the pattern is invalid.
    """
    cdef int error
    cdef size_t offset
    cdef pcre2_code* code
    cdef pcre2_compile_context* context = pcre2_compile_context_create(NULL)
    if context == NULL:
        raise MemoryError
    pcre2_set_max_pattern_length(context, MAX_PATTERN)
    code = pcre2_compile(<const uint8_t*>PyBytes_AS_STRING(source), PyBytes_GET_SIZE(source), options, &error, &offset, context)
    pcre2_compile_context_free(context)
    if code == NULL:
        raise PatternError(error_text(error))
    return code


cdef pcre2_match_data* new_match_data(const pcre2_code* code) except NULL:
    cdef pcre2_match_data* data = pcre2_match_data_create_from_pattern(code, NULL)
    if data == NULL:
        raise MemoryError
    return data


cdef pcre2_match_context* new_context() except NULL:
    cdef pcre2_match_context* context = pcre2_match_context_create(NULL)
    if context == NULL:
        raise MemoryError
    pcre2_set_heap_limit(context, HEAP_LIMIT_KIB)
    return context


cdef str error_text(int code):
    cdef uint8_t text[256]
    pcre2_get_error_message(code, text, sizeof(text))
    return (<const char*>text).decode("utf-8", "replace")


def _quick_length(bytes source not None):
    """Return the maximum length of a text for which a search with this pattern is quick.

    If a pattern has n quantifiers of characters or references to groups, a search in a text of length l takes at most about l ** (n + 1) /
    (n + 1)! steps. Machine code does not count these steps towards the match limit, which counts only the steps of repeated groups.
    """
    quantifiers = len(QUANTIFIER.findall(source))
    if quantifiers == 0:
        return ALWAYS_QUICK
    if quantifiers > MOST_QUANTIFIERS or CALL.search(source):
        return CALL_LENGTH
    steps = STEPS
    for factor in range(2, quantifiers + 2):
        steps *= factor
    return int(steps ** (1 / (quantifiers + 1)))
