"""Change streams: cursors that return oplog entries as events and wait for new ones."""
