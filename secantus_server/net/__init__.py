"""Connections: the listener, the transports of bytes, and `Connection`, which turns messages into commands and exceptions into replies."""
