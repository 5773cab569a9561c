"""Connections: the listener, the transport of bytes, and the connection, which turns messages into commands and exceptions into replies."""
