# cython: language_level=3
"""Detection of clients in the server's own process.

Compiled because Python reads a socket's address only through a socket object, and creating a socket object for a descriptor may
change whether the descriptor blocks.
"""

from posix import listdir

from libc.string cimport memcmp

cdef extern from "<sys/socket.h>" nogil:
    ctypedef unsigned int socklen_t
    struct sockaddr:
        pass
    int getsockname(int fd, sockaddr* address, socklen_t* size)
    int getpeername(int fd, sockaddr* address, socklen_t* size)

cdef enum:
    SIZE = 128

DESCRIPTORS = "/dev/fd"


def is_own_process(int descriptor):
    """Return whether the other end of a connection is a socket of this process; False if that cannot be determined.

    Arguments:
        descriptor: the descriptor of this end.
    """
    cdef char[SIZE] peer
    cdef char[SIZE] own
    cdef socklen_t peer_size = SIZE
    cdef socklen_t size
    if getpeername(descriptor, <sockaddr*>peer, &peer_size) or peer_size > SIZE:
        return False
    try:
        # Not `os.listdir`, which a test may have patched.
        names = listdir(DESCRIPTORS)
    except OSError:
        return False
    for name in names:
        size = SIZE
        if getsockname(int(name), <sockaddr*>own, &size) == 0 and size == peer_size and memcmp(own, peer, size) == 0:
            return True
    return False
