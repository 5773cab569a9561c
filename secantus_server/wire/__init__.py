"""The wire protocol without I/O: parsing and building messages."""
