# Declarations of the part of wiredtiger.h that the binding uses.

from libc.stdint cimport uint8_t, uint32_t, uint64_t

cdef extern from "wiredtiger.h" nogil:
    """
    /* Of our own patches: see vendor/patches. */
    typedef struct {
        uint64_t head;
        const uint8_t *key;
        uint32_t key_size;
        uint32_t value_size;
    } SECANTUS_ENTRY;
    extern void secantus_log_end(WT_CONNECTION *connection, uint32_t *number, uint32_t *offset);
    extern uint64_t secantus_cache_bytes(WT_CONNECTION *connection);
    extern int secantus_insert_run(WT_CURSOR *cursor, const SECANTUS_ENTRY *entries, size_t count, size_t *stored);
    """
    void secantus_log_end(WT_CONNECTION *, uint32_t *, uint32_t *)
    uint64_t secantus_cache_bytes(WT_CONNECTION *)
    # A key, with its value behind it in memory. A lower head means a lower key.
    ctypedef struct SECANTUS_ENTRY:
        uint64_t head
        const uint8_t *key
        uint32_t key_size
        uint32_t value_size

    int secantus_insert_run(WT_CURSOR *, const SECANTUS_ENTRY *, size_t, size_t *)
    uint32_t (*wiredtiger_crc32c_with_seed_func())(uint32_t, const void *, size_t) noexcept nogil
    ctypedef struct WT_ITEM:
        const void *data
        size_t size

    ctypedef struct WT_EVENT_HANDLER:
        int (*handle_error)(WT_EVENT_HANDLER *, WT_SESSION *, int, const char *) noexcept nogil
        int (*handle_message)(WT_EVENT_HANDLER *, WT_SESSION *, const char *) noexcept nogil

    ctypedef struct WT_CURSOR:
        void (*set_key)(WT_CURSOR *, ...) noexcept nogil
        void (*set_value)(WT_CURSOR *, ...) noexcept nogil
        int (*get_key)(WT_CURSOR *, ...) noexcept nogil
        int (*get_value)(WT_CURSOR *, ...) noexcept nogil
        int (*get_raw_key_value)(WT_CURSOR *, WT_ITEM *, WT_ITEM *) noexcept nogil
        int (*next)(WT_CURSOR *) noexcept nogil
        int (*prev)(WT_CURSOR *) noexcept nogil
        int (*reset)(WT_CURSOR *) noexcept nogil
        int (*search)(WT_CURSOR *) noexcept nogil
        int (*insert)(WT_CURSOR *) noexcept nogil
        int (*update)(WT_CURSOR *) noexcept nogil
        int (*remove)(WT_CURSOR *) noexcept nogil
        int (*bound)(WT_CURSOR *, const char *) noexcept nogil
        int (*close)(WT_CURSOR *) noexcept nogil

    ctypedef struct WT_SESSION:
        int (*close)(WT_SESSION *, const char *) noexcept nogil
        int (*reconfigure)(WT_SESSION *, const char *) noexcept nogil
        int (*create)(WT_SESSION *, const char *, const char *) noexcept nogil
        int (*drop)(WT_SESSION *, const char *, const char *) noexcept nogil
        int (*verify)(WT_SESSION *, const char *, const char *) noexcept nogil
        int (*salvage)(WT_SESSION *, const char *, const char *) noexcept nogil
        int (*open_cursor)(WT_SESSION *, const char *, WT_CURSOR *, const char *, WT_CURSOR **) noexcept nogil
        int (*begin_transaction)(WT_SESSION *, const char *) noexcept nogil
        int (*commit_transaction)(WT_SESSION *, const char *) noexcept nogil
        int (*rollback_transaction)(WT_SESSION *, const char *) noexcept nogil
        int (*checkpoint)(WT_SESSION *, const char *) noexcept nogil
        int (*log_flush)(WT_SESSION *, const char *) noexcept nogil
        const char *(*get_rollback_reason)(WT_SESSION *) noexcept nogil

    ctypedef struct WT_CONNECTION:
        int (*close)(WT_CONNECTION *, const char *) noexcept nogil
        int (*open_session)(WT_CONNECTION *, WT_EVENT_HANDLER *, const char *, WT_SESSION **) noexcept nogil
        int (*reconfigure)(WT_CONNECTION *, const char *) noexcept nogil
        int (*compile_configuration)(WT_CONNECTION *, const char *, const char *, const char **) noexcept nogil

    int wiredtiger_open(const char *, WT_EVENT_HANDLER *, const char *, WT_CONNECTION **)
    const char *wiredtiger_strerror(int)

    const int WT_ROLLBACK
    const int WT_DUPLICATE_KEY
    const int WT_ERROR
    const int WT_NOTFOUND
    const int WT_PANIC
    const int WT_RUN_RECOVERY
    const int WT_CACHE_FULL
    const int WT_PREPARE_CONFLICT
    const int WT_TRY_SALVAGE
