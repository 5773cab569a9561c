"""Change streams: the oplog's entries as events, behind a cursor that waits for more."""
