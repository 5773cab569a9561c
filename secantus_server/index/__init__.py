"""Index definitions, index kinds, and the keys that documents have in indexes."""
