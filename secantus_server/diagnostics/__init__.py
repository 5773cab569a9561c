"""The server's log and counters."""
