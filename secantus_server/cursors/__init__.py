"""Open cursors: their batches, and their registry."""
