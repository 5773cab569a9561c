"""MongoDB's query language. The code has no side effects, because it uses no I/O, no storage and no clock."""
