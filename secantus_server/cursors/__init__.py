"""Open cursors: their batches, and who may use them."""
