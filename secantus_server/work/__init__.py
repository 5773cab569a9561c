"""Services that several commands share: reads, writes, batches, pipelines over collections, validation, TTL."""
