"""The number of connections that the process's file descriptors allow."""

from __future__ import annotations

import resource

# MongoDB's own limit on incoming connections.
MOST_CONNECTIONS = 65536
# Descriptors that are not for connections: the store's files, logs, what else a test process has open.
RESERVED = 64


def raise_descriptor_limit() -> int:
    """Raise the soft limit of open descriptors to the hard one; return how many connections the limit allows."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MOST_CONNECTIONS + RESERVED if hard == resource.RLIM_INFINITY else min(hard, MOST_CONNECTIONS + RESERVED)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
            soft = wanted
        except (OSError, ValueError):
            # macOS has a lower limit of its own, which getrlimit does not tell: the soft limit stays as it is.
            pass
    limit = MOST_CONNECTIONS if soft == resource.RLIM_INFINITY else soft - RESERVED
    return max(1, min(limit, MOST_CONNECTIONS))
