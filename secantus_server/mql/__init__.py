"""MongoDB's query language, pure: no input or output, no storage, no clock."""
