"""MongoDB's query language. The code is pure: it uses no I/O, no storage and no clock."""
