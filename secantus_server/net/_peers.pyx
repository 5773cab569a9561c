# cython: language_level=3
"""Who is at the other end of a connection.

It is compiled because Python's sockets cannot be asked for an address by their descriptor alone: an object made for one may change its mode.
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
    """Whether the other end of a connection is a socket of this very process; no, where that cannot be found out.

    Arguments:
        descriptor: this end's.
    """
    cdef char[SIZE] peer
    cdef char[SIZE] own
    cdef socklen_t peer_size = SIZE
    cdef socklen_t size
    if getpeername(descriptor, <sockaddr*>peer, &peer_size) or peer_size > SIZE:
        return False
    try:
        # Not that of `os`, which a test may have replaced.
        names = listdir(DESCRIPTORS)
    except OSError:
        return False
    for name in names:
        size = SIZE
        if getsockname(int(name), <sockaddr*>own, &size) == 0 and size == peer_size and memcmp(own, peer, size) == 0:
            return True
    return False
