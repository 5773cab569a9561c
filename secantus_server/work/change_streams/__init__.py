"""Change streams, which are cursors that return oplog entries as events and wait for new entries."""
