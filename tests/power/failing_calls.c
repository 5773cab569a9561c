/*
 * Makes one call of a kind fail, once, in a process that uses a store; all later calls succeed. For LD_PRELOAD.
 *
 * The kinds are the calls that concern a file below the store's directory - syncs, reads, writes, those that make a file longer or map it,
 * and those that open, rename or remove one - and the allocations of memory that a range of the program asks for, WiredTiger's.
 *
 * The state lies in memory that a process shares with those that it forks, so that a parent sees when the call has failed.
 * Threads: the counters are atomic.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { SYNC, READ, WRITE, SPACE, NAME, MEMORY, KINDS };

typedef struct {
    long calls[KINDS];
    long kind, at; /* which call fails; `at` is 0 if none does */
    long failed;
    long kept; /* allocations of the range that were not freed */
} State;

static State before_start;
static State *state = &before_start;
static char store[4096];
static size_t store_size;
static uintptr_t low, high;

void *__libc_malloc(size_t);
void *__libc_calloc(size_t, size_t);
void *__libc_realloc(void *, size_t);
void *__libc_memalign(size_t, size_t);
void __libc_free(void *);

/* failing_state -- The state, which forked processes share from the first call on. */
State *
failing_state(void)
{
    if (state == &before_start)
        state = mmap(NULL, sizeof(State), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    return state;
}

/* failing_range -- Count the allocations that the code between two addresses asks for. */
void
failing_range(uintptr_t from, uintptr_t to)
{
    low = from;
    high = to;
}

/* failing_begin -- Count anew, for the store in a directory, and let a call of a kind fail. */
void
failing_begin(const char *directory, long kind, long at)
{
    snprintf(store, sizeof(store), "%s", directory);
    store_size = strlen(store);
    memset(state, 0, sizeof(State));
    state->kind = kind;
    state->at = at;
}

static bool
fails(int kind)
{
    long number = __atomic_add_fetch(&state->calls[kind], 1, __ATOMIC_SEQ_CST);
    if (number != state->at || kind != state->kind)
        return false;
    __atomic_store_n(&state->failed, 1, __ATOMIC_SEQ_CST);
    return true;
}

static bool
is_below(const char *path)
{
    return store_size > 0 && strncmp(path, store, store_size) == 0 && (path[store_size] == 0 || path[store_size] == '/');
}

static bool
concerns(int descriptor)
{
    char link[64], path[4096];
    ssize_t size;
    if (store_size == 0 || descriptor < 0)
        return false;
    snprintf(link, sizeof(link), "/proc/self/fd/%d", descriptor);
    size = readlink(link, path, sizeof(path) - 1);
    path[size < 0 ? 0 : size] = 0;
    return is_below(path);
}

static bool
makes_longer(int descriptor, size_t size, off_t offset)
{
    struct stat status;
    return fstat(descriptor, &status) == 0 && S_ISREG(status.st_mode) && offset + (off_t)size > status.st_size;
}

static bool
write_fails(int descriptor, size_t size, off_t offset)
{
    if (!concerns(descriptor))
        return false;
    errno = ENOSPC;
    if (makes_longer(descriptor, size, offset) && fails(SPACE))
        return true;
    errno = EIO;
    return fails(WRITE);
}

/* Define a function by the one that it hides. */
#define REAL(result, name, ...) \
    static result (*real)(__VA_ARGS__); \
    if (real == NULL) \
        real = (result(*)(__VA_ARGS__))dlsym(RTLD_NEXT, #name)

#define FAIL_IF(condition, code, value) \
    if (condition) { \
        errno = code; \
        return value; \
    }

int
fsync(int descriptor)
{
    REAL(int, fsync, int);
    FAIL_IF(concerns(descriptor) && fails(SYNC), EIO, -1)
    return real(descriptor);
}

int
fdatasync(int descriptor)
{
    REAL(int, fdatasync, int);
    FAIL_IF(concerns(descriptor) && fails(SYNC), EIO, -1)
    return real(descriptor);
}

/* Only the marks of the log are synced by their mapping. */
int
msync(void *address, size_t size, int flags)
{
    REAL(int, msync, void *, size_t, int);
    FAIL_IF(store_size > 0 && fails(SYNC), EIO, -1)
    return real(address, size, flags);
}

ssize_t
read(int descriptor, void *into, size_t size)
{
    REAL(ssize_t, read, int, void *, size_t);
    FAIL_IF(concerns(descriptor) && fails(READ), EIO, -1)
    return real(descriptor, into, size);
}

ssize_t
pread(int descriptor, void *into, size_t size, off_t offset)
{
    REAL(ssize_t, pread, int, void *, size_t, off_t);
    FAIL_IF(concerns(descriptor) && fails(READ), EIO, -1)
    return real(descriptor, into, size, offset);
}

ssize_t
write(int descriptor, const void *data, size_t size)
{
    REAL(ssize_t, write, int, const void *, size_t);
    if (write_fails(descriptor, size, lseek(descriptor, 0, SEEK_CUR)))
        return -1;
    return real(descriptor, data, size);
}

ssize_t
pwrite(int descriptor, const void *data, size_t size, off_t offset)
{
    REAL(ssize_t, pwrite, int, const void *, size_t, off_t);
    if (write_fails(descriptor, size, offset))
        return -1;
    return real(descriptor, data, size, offset);
}

int
ftruncate(int descriptor, off_t size)
{
    REAL(int, ftruncate, int, off_t);
    FAIL_IF(concerns(descriptor) && fails(SPACE), ENOSPC, -1)
    return real(descriptor, size);
}

int
fallocate(int descriptor, int mode, off_t offset, off_t size)
{
    REAL(int, fallocate, int, int, off_t, off_t);
    FAIL_IF(concerns(descriptor) && fails(SPACE), ENOSPC, -1)
    return real(descriptor, mode, offset, size);
}

int
posix_fallocate(int descriptor, off_t offset, off_t size)
{
    REAL(int, posix_fallocate, int, off_t, off_t);
    return concerns(descriptor) && fails(SPACE) ? ENOSPC : real(descriptor, offset, size);
}

void *
mmap(void *address, size_t size, int protection, int flags, int descriptor, off_t offset)
{
    REAL(void *, mmap, void *, size_t, int, int, int, off_t);
    FAIL_IF(concerns(descriptor) && fails(SPACE), ENOMEM, MAP_FAILED)
    return real(address, size, protection, flags, descriptor, offset);
}

int
open(const char *path, int flags, ...)
{
    va_list rest;
    va_start(rest, flags);
    mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(rest, mode_t) : 0;
    va_end(rest);
    REAL(int, open, const char *, int, ...);
    FAIL_IF(is_below(path) && fails(NAME), EMFILE, -1)
    return real(path, flags, mode);
}

int
rename(const char *from, const char *to)
{
    REAL(int, rename, const char *, const char *);
    FAIL_IF(is_below(from) && fails(NAME), EIO, -1)
    return real(from, to);
}

int
unlink(const char *path)
{
    REAL(int, unlink, const char *);
    FAIL_IF(is_below(path) && fails(NAME), EIO, -1)
    return real(path);
}

/* The names by which Python calls the same functions. */
#define ALIAS(name) __attribute__((alias(#name)))
ssize_t pread64(int, void *, size_t, off_t) ALIAS(pread);
ssize_t pwrite64(int, const void *, size_t, off_t) ALIAS(pwrite);
int ftruncate64(int, off_t) ALIAS(ftruncate);
void *mmap64(void *, size_t, int, int, int, off_t) ALIAS(mmap);
int open64(const char *, int, ...) ALIAS(open);

#define IS_OURS() ((uintptr_t)__builtin_return_address(0) - low < high - low)

static void
count(long change)
{
    __atomic_add_fetch(&state->kept, change, __ATOMIC_SEQ_CST);
}

void *
malloc(size_t size)
{
    void *found;
    if (!IS_OURS())
        return __libc_malloc(size);
    FAIL_IF(fails(MEMORY), ENOMEM, NULL)
    if ((found = __libc_malloc(size)) != NULL)
        count(1);
    return found;
}

void *
calloc(size_t number, size_t size)
{
    void *found;
    if (!IS_OURS())
        return __libc_calloc(number, size);
    FAIL_IF(fails(MEMORY), ENOMEM, NULL)
    if ((found = __libc_calloc(number, size)) != NULL)
        count(1);
    return found;
}

void *
realloc(void *old, size_t size)
{
    void *found;
    if (!IS_OURS())
        return __libc_realloc(old, size);
    FAIL_IF(fails(MEMORY), ENOMEM, NULL)
    if ((found = __libc_realloc(old, size)) != NULL && old == NULL)
        count(1);
    return found;
}

int
posix_memalign(void **into, size_t alignment, size_t size)
{
    bool ours = IS_OURS();
    if (ours && fails(MEMORY))
        return ENOMEM;
    if ((*into = __libc_memalign(alignment, size)) == NULL)
        return ENOMEM;
    count(ours);
    return 0;
}

void
free(void *memory)
{
    if (memory != NULL && IS_OURS())
        count(-1);
    __libc_free(memory);
}
