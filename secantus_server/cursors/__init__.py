"""Open cursors, which return results in batches, and the registry of cursors."""
