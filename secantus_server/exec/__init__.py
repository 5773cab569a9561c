"""Plan stages that run once per document: scans, read steps, and writes of documents with their index entries."""
