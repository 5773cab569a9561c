"""Plan stages that run once per document: scans, the steps of a read, and the writes of a document and its index entries."""
