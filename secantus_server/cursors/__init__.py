"""Open cursors, which return results in batches, and their registry."""
