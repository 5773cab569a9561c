"""Services above dispatch that commands share: reads, writes, batches, pipelines over collections, validation, TTL."""
