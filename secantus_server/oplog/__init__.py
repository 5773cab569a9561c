"""The oplog: a record of every write, written in the write's own transaction."""
