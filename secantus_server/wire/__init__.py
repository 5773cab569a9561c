"""Parses and builds messages of the wire protocol, without I/O."""
