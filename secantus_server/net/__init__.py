"""Sockets: the listener, and the connection, where a message becomes a command and an exception a reply."""
