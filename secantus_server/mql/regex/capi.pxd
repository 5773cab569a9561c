# cython: language_level=3
# The part of PCRE2's C interface that Secantus uses. https://www.pcre.org/current/doc/html/pcre2api.html

from libc.stdint cimport uint8_t, uint32_t


cdef extern from * nogil:
    """
    #define PCRE2_CODE_UNIT_WIDTH 8
    #define PCRE2_STATIC
    #include <pcre2.h>
    """
    ctypedef struct pcre2_code
    ctypedef struct pcre2_match_data
    ctypedef struct pcre2_match_context
    ctypedef struct pcre2_compile_context
    ctypedef struct pcre2_jit_stack

    const uint32_t PCRE2_UTF
    const uint32_t PCRE2_USE_OFFSET_LIMIT
    const uint32_t PCRE2_CASELESS
    const uint32_t PCRE2_MULTILINE
    const uint32_t PCRE2_DOTALL
    const uint32_t PCRE2_EXTENDED
    const uint32_t PCRE2_NO_JIT
    const uint32_t PCRE2_NO_UTF_CHECK
    const uint32_t PCRE2_JIT_COMPLETE
    const uint32_t PCRE2_INFO_CAPTURECOUNT
    const int PCRE2_ERROR_NOMATCH
    const int PCRE2_ERROR_MATCHLIMIT
    const int PCRE2_ERROR_JIT_STACKLIMIT
    const size_t PCRE2_UNSET

    pcre2_code* pcre2_compile(const uint8_t* pattern, size_t length, uint32_t options, int* error, size_t* offset,
                              pcre2_compile_context* context)
    void pcre2_code_free(pcre2_code* code)
    int pcre2_jit_compile(pcre2_code* code, uint32_t options)
    int pcre2_pattern_info(const pcre2_code* code, uint32_t what, void* where)
    int pcre2_match(const pcre2_code* code, const uint8_t* subject, size_t length, size_t start, uint32_t options,
                    pcre2_match_data* data, pcre2_match_context* context)
    pcre2_match_data* pcre2_match_data_create_from_pattern(const pcre2_code* code, void* context)
    void pcre2_match_data_free(pcre2_match_data* data)
    size_t* pcre2_get_ovector_pointer(pcre2_match_data* data)
    pcre2_match_context* pcre2_match_context_create(void* context)
    void pcre2_match_context_free(pcre2_match_context* context)
    int pcre2_set_match_limit(pcre2_match_context* context, uint32_t limit)
    int pcre2_set_heap_limit(pcre2_match_context* context, uint32_t limit_kib)
    int pcre2_set_offset_limit(pcre2_match_context* context, size_t limit)
    pcre2_compile_context* pcre2_compile_context_create(void* context)
    void pcre2_compile_context_free(pcre2_compile_context* context)
    int pcre2_set_max_pattern_length(pcre2_compile_context* context, size_t length)
    pcre2_jit_stack* pcre2_jit_stack_create(size_t start, size_t maximum, void* context)
    void pcre2_jit_stack_free(pcre2_jit_stack* stack)
    void pcre2_jit_stack_assign(pcre2_match_context* context, void* callback, void* data)
    int pcre2_get_error_message(int code, uint8_t* text, size_t size)
