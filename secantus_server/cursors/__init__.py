"""Open cursors: batches and ownership."""
