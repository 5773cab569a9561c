"""Derives the connection limit from the process's limit on file descriptors."""

from __future__ import annotations

import resource

# MongoDB's own limit on incoming connections.
MOST_CONNECTIONS = 65536
# Descriptors kept free for the store's files, logs and other files of a test process.
RESERVED = 64


def raise_descriptor_limit() -> int:
    """Raise the soft limit on open descriptors to the hard limit, and return the number of connections that the new limit allows."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MOST_CONNECTIONS + RESERVED if hard == resource.RLIM_INFINITY else min(hard, MOST_CONNECTIONS + RESERVED)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
            soft = wanted
        except (OSError, ValueError):
            # macOS enforces a lower limit that getrlimit does not report: keep the soft limit.
            pass
    limit = MOST_CONNECTIONS if soft == resource.RLIM_INFINITY else soft - RESERVED
    return max(1, min(limit, MOST_CONNECTIONS))
