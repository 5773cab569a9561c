# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
"""Stores the vectors that the documents of a collection have at one path contiguously, and searches for the nearest ones.

A BSON vector (binary subtype 9) begins with its element type and the number of unused bits in its last byte:
https://github.com/mongodb/specifications/blob/master/source/bson-binary-vector/bson-binary-vector.md
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from libc.math cimport fabsf, isfinite, sqrt
from libc.stdint cimport int8_t, int64_t, uint8_t, uint32_t, uint64_t
from libc.stdlib cimport free, malloc, realloc
from libc.string cimport memcpy

from secantus_server.bson._raw cimport Element, find_field, first_element, next_element, read_double
from secantus_server.bson._types cimport BSON_ARRAY, BSON_BINARY, BSON_DOCUMENT, BSON_DOUBLE

cdef extern from *:
    """
    #include <stddef.h>
    #include <stdint.h>
    #include <string.h>
    #if defined(__x86_64__)
    #include <immintrin.h>
    #define SECANTUS_WIDE __attribute__((target("avx2,fma")))

    SECANTUS_WIDE static float wide_sum(__m256 a, __m256 b, __m256 c, __m256 d)
    {
        float out[8];
        _mm256_storeu_ps(out, _mm256_add_ps(_mm256_add_ps(a, b), _mm256_add_ps(c, d)));
        return ((out[0] + out[1]) + (out[2] + out[3])) + ((out[4] + out[5]) + (out[6] + out[7]));
    }

    SECANTUS_WIDE static void dots_wide(const float *rows, size_t count, size_t size, const float *query, float *out)
    {
        for (size_t row = 0; row < count; row++, rows += size) {
            __m256 a = _mm256_setzero_ps(), b = a, c = a, d = a;
            size_t i = 0;
            float rest = 0;
            for (; i + 32 <= size; i += 32) {
                _mm_prefetch((const char *)(rows + i + 512), _MM_HINT_T0);
                _mm_prefetch((const char *)(rows + i + 528), _MM_HINT_T0);
                a = _mm256_fmadd_ps(_mm256_loadu_ps(rows + i), _mm256_loadu_ps(query + i), a);
                b = _mm256_fmadd_ps(_mm256_loadu_ps(rows + i + 8), _mm256_loadu_ps(query + i + 8), b);
                c = _mm256_fmadd_ps(_mm256_loadu_ps(rows + i + 16), _mm256_loadu_ps(query + i + 16), c);
                d = _mm256_fmadd_ps(_mm256_loadu_ps(rows + i + 24), _mm256_loadu_ps(query + i + 24), d);
            }
            for (; i < size; i++)
                rest += rows[i] * query[i];
            out[row] = wide_sum(a, b, c, d) + rest;
        }
    }

    SECANTUS_WIDE static void squares_wide(const float *rows, size_t count, size_t size, const float *query, float *out)
    {
        for (size_t row = 0; row < count; row++, rows += size) {
            __m256 a = _mm256_setzero_ps(), b = a, c = a, d = a, x;
            size_t i = 0;
            float rest = 0;
            for (; i + 32 <= size; i += 32) {
                _mm_prefetch((const char *)(rows + i + 512), _MM_HINT_T0);
                _mm_prefetch((const char *)(rows + i + 528), _MM_HINT_T0);
                x = _mm256_sub_ps(_mm256_loadu_ps(rows + i), _mm256_loadu_ps(query + i));
                a = _mm256_fmadd_ps(x, x, a);
                x = _mm256_sub_ps(_mm256_loadu_ps(rows + i + 8), _mm256_loadu_ps(query + i + 8));
                b = _mm256_fmadd_ps(x, x, b);
                x = _mm256_sub_ps(_mm256_loadu_ps(rows + i + 16), _mm256_loadu_ps(query + i + 16));
                c = _mm256_fmadd_ps(x, x, c);
                x = _mm256_sub_ps(_mm256_loadu_ps(rows + i + 24), _mm256_loadu_ps(query + i + 24));
                d = _mm256_fmadd_ps(x, x, d);
            }
            for (; i < size; i++)
                rest += (rows[i] - query[i]) * (rows[i] - query[i]);
            out[row] = wide_sum(a, b, c, d) + rest;
        }
    }
    #endif

    /* Four sums that do not depend on each other, so that the compiler uses vector instructions of four floats. */
    typedef float four_floats __attribute__((vector_size(16), aligned(4)));

    static float four_sum(four_floats a)
    {
        return (a[0] + a[1]) + (a[2] + a[3]);
    }

    static void secantus_dots(const float *rows, size_t count, size_t size, const float *query, float *out)
    {
    #if defined(__x86_64__)
        if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) {
            dots_wide(rows, count, size, query, out);
            return;
        }
    #endif
        for (size_t row = 0; row < count; row++, rows += size) {
            four_floats a = {0}, b = {0};
            size_t i = 0;
            float rest = 0;
            for (; i + 8 <= size; i += 8) {
                a += *(const four_floats *)(rows + i) * *(const four_floats *)(query + i);
                b += *(const four_floats *)(rows + i + 4) * *(const four_floats *)(query + i + 4);
            }
            for (; i < size; i++)
                rest += rows[i] * query[i];
            out[row] = four_sum(a + b) + rest;
        }
    }

    static void secantus_squares(const float *rows, size_t count, size_t size, const float *query, float *out)
    {
    #if defined(__x86_64__)
        if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) {
            squares_wide(rows, count, size, query, out);
            return;
        }
    #endif
        for (size_t row = 0; row < count; row++, rows += size) {
            four_floats a = {0}, b = {0}, x;
            size_t i = 0;
            float rest = 0;
            for (; i + 8 <= size; i += 8) {
                x = *(const four_floats *)(rows + i) - *(const four_floats *)(query + i);
                a += x * x;
                x = *(const four_floats *)(rows + i + 4) - *(const four_floats *)(query + i + 4);
                b += x * x;
            }
            for (; i < size; i++)
                rest += (rows[i] - query[i]) * (rows[i] - query[i]);
            out[row] = four_sum(a + b) + rest;
        }
    }

    static uint32_t secantus_different_bits(const uint8_t *a, const uint8_t *b, size_t size)
    {
        uint32_t found = 0;
        uint64_t x, y;
        size_t i = 0;
        for (; i + 8 <= size; i += 8) {
            memcpy(&x, a + i, 8);
            memcpy(&y, b + i, 8);
            found += (uint32_t)__builtin_popcountll(x ^ y);
        }
        for (; i < size; i++)
            found += (uint32_t)__builtin_popcount(a[i] ^ b[i]);
        return found;
    }
    """
    void secantus_dots(const float* rows, size_t count, size_t size, const float* query, float* out) noexcept nogil
    void secantus_squares(const float* rows, size_t count, size_t size, const float* query, float* out) noexcept nogil
    uint32_t secantus_different_bits(const uint8_t* a, const uint8_t* b, size_t size) noexcept nogil

#: The representations of vectors: FLOATS stands for floats or doubles. A query finds only vectors in the same representation.
FLOATS, BYTES, BITS = range(3)
#: The similarity functions by which vectors are compared.
COSINE, DOT_PRODUCT, EUCLIDEAN = range(3)

cdef enum:
    BINARY_VECTOR = 9
    TYPE_INT8 = 0x03
    TYPE_FLOAT32 = 0x27
    TYPE_BITS = 0x10
    # The number of rows that are rated between two calls of the interrupt check.
    RUN = 20000


cdef class Rows:
    """The vectors of one representation, stored contiguously.

    Arguments:
        representation: FLOATS, BYTES or BITS.
        dimensions: the number of elements of each vector.
    """

    cdef readonly int representation
    cdef readonly int dimensions
    cdef readonly Py_ssize_t count
    #: The keys of the documents, in the order of the rows.
    cdef readonly list keys
    cdef size_t row_size
    cdef size_t capacity
    cdef uint8_t* data
    # The length of each float or byte vector.
    cdef double* lengths

    def __cinit__(self, int representation, int dimensions):
        self.representation = representation
        self.dimensions = dimensions
        self.count = 0
        self.keys = []
        self.capacity = 0
        self.row_size = 4 * dimensions if representation == 0 else dimensions if representation == 1 else (dimensions + 7) // 8
        self.data = NULL
        self.lengths = NULL

    def __dealloc__(self):
        free(self.data)
        free(self.lengths)

    cdef uint8_t* next_row(self) except NULL:
        """Return the memory for a new row. The row exists only after `add_row` is called."""
        cdef size_t wanted
        if <size_t>self.count == self.capacity:
            wanted = 64 if self.capacity == 0 else self.capacity + self.capacity // 2
            # No extra memory is needed for the vector instructions, which prefetch beyond the current row: prefetching past the end of the
            # memory is harmless.
            data = <uint8_t*>realloc(self.data, wanted * self.row_size)
            if data == NULL:
                raise MemoryError()
            self.data = data
            lengths = <double*>realloc(self.lengths, wanted * sizeof(double))
            if lengths == NULL:
                raise MemoryError()
            self.lengths = lengths
            self.capacity = wanted
        return self.data + self.count * self.row_size

    cdef int add_row(self, bytes key, bint nonzero) except -1:
        """Add the row that was written to the memory of `next_row`. If `nonzero` is true, do not add a zero vector."""
        cdef double length = self.length_of(self.data + self.count * self.row_size)
        if nonzero and length == 0:
            return 0
        self.lengths[self.count] = length
        self.keys.append(key)
        self.count += 1
        return 0

    cdef double length_of(self, const uint8_t* row) noexcept nogil:
        if self.representation == 2:
            return 0
        return sqrt(self.product(row, row))

    cdef double product(self, const uint8_t* a, const uint8_t* b) noexcept nogil:
        """Return the dot product of two vectors in double precision."""
        cdef double total = 0
        cdef int i
        if self.representation == 0:
            for i in range(self.dimensions):
                total += <double>(<const float*>a)[i] * (<const float*>b)[i]
        else:
            for i in range(self.dimensions):
                total += (<const int8_t*>a)[i] * (<const int8_t*>b)[i]
        return total

    cdef double distance(self, const uint8_t* a, const uint8_t* b) noexcept nogil:
        """Return the Euclidean distance between two vectors in double precision."""
        cdef double total = 0, difference
        cdef int i
        if self.representation == 2:
            return sqrt(secantus_different_bits(a, b, self.row_size))
        for i in range(self.dimensions):
            if self.representation == 0:
                difference = <double>(<const float*>a)[i] - (<const float*>b)[i]
            else:
                difference = (<const int8_t*>a)[i] - (<const int8_t*>b)[i]
            total += difference * difference
        return sqrt(total)

    cdef double score(self, Py_ssize_t row, const uint8_t* query, double length, int similarity) noexcept nogil:
        """Return the score of a row as MongoDB defines it, from 0 to 1."""
        cdef const uint8_t* vector = self.data + row * self.row_size
        if similarity == 2:
            return 1 / (1 + self.distance(vector, query))
        cdef double product = self.product(vector, query)
        if similarity == 0:
            return max((1 + product / (self.lengths[row] * length)) / 2, 0.0)
        if self.representation == 1:
            # The product is divided by twice the greatest product that bytes can have.
            return 0.5 + product / (32768.0 * self.dimensions)
        return max((1 + product) / 2, 0.0)

    cdef void rate(self, Py_ssize_t start, Py_ssize_t stop, const uint8_t* query, int similarity, float* out) noexcept nogil:
        """Write a rating for each row. Ratings order the rows as scores do, but are faster to compute."""
        cdef Py_ssize_t row
        if self.representation == 0 and similarity == 2:
            secantus_squares(<const float*>(self.data + start * self.row_size), stop - start, self.dimensions, <const float*>query, out + start)
            for row in range(start, stop):
                out[row] = -out[row]
        elif self.representation == 0:
            secantus_dots(<const float*>(self.data + start * self.row_size), stop - start, self.dimensions, <const float*>query, out + start)
            if similarity == 0:
                for row in range(start, stop):
                    out[row] /= <float>self.lengths[row]
        else:
            for row in range(start, stop):
                out[row] = <float>self.score(row, query, 1.0, similarity)

    def nearest(self, bytes query not None, int similarity, Py_ssize_t limit, check):
        """Return the keys and scores of the vectors that are nearest to a query, the best first.

        Vectors with equal scores are in the order of the rows.

        Arguments:
            query: a packed vector of this representation and number of dimensions.
            similarity: COSINE, DOT_PRODUCT or EUCLIDEAN.
            limit: the maximum number of vectors.
            check: called regularly; raises an error to interrupt the search.
        """
        assert <size_t>PyBytes_GET_SIZE(query) == self.row_size, "the caller checks the number of dimensions"
        cdef const uint8_t* wanted = <const uint8_t*>PyBytes_AS_STRING(query)
        cdef double length = self.length_of(wanted)
        cdef Py_ssize_t start, stop, size = min(limit, self.count)
        cdef float* ratings = <float*>malloc(max(self.count, 1) * sizeof(float))
        cdef Py_ssize_t* rows = <Py_ssize_t*>malloc(max(self.count, 1) * sizeof(Py_ssize_t))
        try:
            if ratings == NULL or rows == NULL:
                raise MemoryError()
            start = 0
            while start < self.count:
                check()
                stop = min(start + RUN, self.count)
                with nogil:
                    self.rate(start, stop, wanted, similarity, ratings)
                start = stop
            with nogil:
                size = select(ratings, self.count, rows, size, self.error_of(length, similarity), similarity == 2)
            # MongoDB Search computes in single precision, in which the cosine of a vector and itself is 1.
            found = [(<double><float>self.score(rows[start], wanted, length, similarity), rows[start]) for start in range(size)]
        finally:
            free(ratings)
            free(rows)
        found.sort(key=_descending)
        return [(self.keys[row], score) for score, row in found[:limit]]

    cdef float error_of(self, double length, int similarity) noexcept nogil:
        """Return how much the ratings of two rows with equal scores may differ because of rounding.

        For the Euclidean distance, the result is a fraction of the rating.
        """
        cdef double scale = 1, longest = 0
        cdef Py_ssize_t row
        if similarity == 0 and self.representation == 0:
            scale = length
        elif similarity == 1 and self.representation == 0:
            for row in range(self.count):
                longest = max(longest, self.lengths[row])
            scale = length * longest
        return <float>(1.2e-7 * (self.dimensions + 4) * scale)


def _descending(item):
    return -item[0], item[1]


cdef inline bint worse(const float* ratings, Py_ssize_t a, Py_ssize_t b) noexcept nogil:
    """Return whether row `a` comes after row `b` in the result."""
    return ratings[a] < ratings[b] or (ratings[a] == ratings[b] and a > b)


cdef void sink(const float* ratings, Py_ssize_t* heap, Py_ssize_t size, Py_ssize_t place) noexcept nogil:
    """Move the row at a position of the heap down until the rows below it are better than it."""
    cdef Py_ssize_t row = heap[place], child
    while True:
        child = 2 * place + 1
        if child >= size:
            break
        if child + 1 < size and worse(ratings, heap[child + 1], heap[child]):
            child += 1
        if not worse(ratings, heap[child], row):
            break
        heap[place] = heap[child]
        place = child
    heap[place] = row


cdef Py_ssize_t select(const float* ratings, Py_ssize_t count, Py_ssize_t* rows, Py_ssize_t size, float error, bint relative) noexcept nogil:
    """Write the `size` rows with the best ratings, and all rows that may be as good as the worst of them.

    Return the number of written rows.

    Arguments:
        rows: the memory for the result, which has room for `count` rows.
        error: how much the ratings of rows with equal scores may differ.
        relative: whether the error is a fraction of the rating.
    """
    cdef Py_ssize_t row, found = 0
    cdef float least
    if size == 0:
        return 0
    # The first `size` rows form a heap, whose top is the worst of the best rows so far.
    for row in range(size):
        rows[row] = row
    for row in range(size // 2 - 1, -1, -1):
        sink(ratings, rows, size, row)
    for row in range(size, count):
        if ratings[row] > ratings[rows[0]]:
            rows[0] = row
            sink(ratings, rows, size, 0)
    least = ratings[rows[0]]
    least -= error * (fabsf(least) if relative else 1)
    for row in range(count):
        if ratings[row] >= least:
            rows[found] = row
            found += 1
    return found


cdef class VectorPack:
    """The vectors of a collection's documents at one path.

    As in MongoDB, other values and vectors with another number of dimensions are ignored.

    Arguments:
        path: the path.
        dimensions: the number of elements of each vector.
        similarity: the similarity function of the searches. Zero vectors are ignored with COSINE, and bits with any function but EUCLIDEAN.
    """

    cdef tuple names
    cdef int dimensions
    cdef int similarity
    cdef tuple groups

    def __init__(self, str path not None, int dimensions, int similarity):
        self.names = tuple([name.encode("utf-8", "surrogateescape") for name in path.split(".")])
        self.dimensions = dimensions
        self.similarity = similarity
        self.groups = tuple([Rows(representation, dimensions) for representation in range(3)])

    def rows(self, int representation):
        """Return the vectors in one representation."""
        return self.groups[representation]

    def add(self, bytes key not None, bytes document not None):
        """Add a document's vector, if the document has one.

        Arguments:
            key: the value that the search returns for the document.
            document: the document.
        """
        cdef Element element
        cdef const uint8_t* doc = <const uint8_t*>PyBytes_AS_STRING(document)
        cdef Py_ssize_t index, last = len(self.names) - 1
        cdef bytes name
        for index in range(last + 1):
            name = <bytes>self.names[index]
            if not find_field(doc, PyBytes_AS_STRING(name), <uint32_t>PyBytes_GET_SIZE(name), &element):
                return
            if index < last:
                if element.type != BSON_DOCUMENT:
                    return
                doc = element.value
        if element.type == BSON_ARRAY:
            self.add_array(key, element.value)
        elif element.type == BSON_BINARY and element.value[4] == BINARY_VECTOR and element.value_len >= 7:
            self.add_binary(key, element.value + 5, element.value_len - 5)

    cdef int add_array(self, bytes key, const uint8_t* array) except -1:
        """Add an array of doubles."""
        cdef Rows rows = <Rows>self.groups[0]
        cdef float* row = <float*>rows.next_row()
        cdef const uint8_t* cursor = first_element(array)
        cdef Element element
        cdef int count = 0
        while next_element(&cursor, &element):
            if element.type != BSON_DOUBLE or count == self.dimensions:
                return 0
            row[count] = <float>read_double(element.value)
            if not isfinite(row[count]):
                return 0
            count += 1
        if count == self.dimensions:
            rows.add_row(key, self.similarity == 0)
        return 0

    cdef int add_binary(self, bytes key, const uint8_t* vector, size_t size) except -1:
        """Add a BSON vector."""
        cdef uint8_t type = vector[0]
        cdef int representation = 0 if type == TYPE_FLOAT32 else 1 if type == TYPE_INT8 else 2
        cdef Rows rows = <Rows>self.groups[representation]
        cdef int i
        if (representation == 2 and (type != TYPE_BITS or self.similarity != 2)) or size - 2 != rows.row_size:
            return 0
        if representation == 2 and 8 * <int>rows.row_size - vector[1] != self.dimensions:
            return 0
        cdef uint8_t* row = rows.next_row()
        memcpy(row, vector + 2, rows.row_size)
        if representation == 0:
            for i in range(self.dimensions):
                if not isfinite((<float*>row)[i]):
                    return 0
        return rows.add_row(key, self.similarity == 0)
