/*
 * Makes one sync of the process fail, with EIO; later ones succeed, as they do on Linux although the data is lost. For LD_PRELOAD.
 * SECANTUS_FAIL_SYNC is the number of the call; 0 lets all succeed.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

static long calls;

static int
turn(void)
{
    const char *at = getenv("SECANTUS_FAIL_SYNC");
    return at != NULL && __atomic_add_fetch(&calls, 1, __ATOMIC_SEQ_CST) == atol(at);
}

static int
sync_or_fail(const char *name, int descriptor)
{
    int (*real)(int) = (int (*)(int))dlsym(RTLD_NEXT, name);
    if (!turn())
        return real(descriptor);
    if (write(STDERR_FILENO, "sync failed\n", 12) < 0)
        return -1;
    errno = EIO;
    return -1;
}

int
fsync(int descriptor)
{
    return sync_or_fail("fsync", descriptor);
}

int
fdatasync(int descriptor)
{
    return sync_or_fail("fdatasync", descriptor);
}
