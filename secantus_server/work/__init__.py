"""The services that commands share above dispatch: reads, writes, batches, pipelines over collections, validation, TTL."""
