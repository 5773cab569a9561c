"""What commands do their work with: reading, writing, pipelines over collections, validation, TTL."""
