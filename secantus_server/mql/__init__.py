"""MongoDB's query language. It is pure: no I/O, no storage, no clock."""
