"""Search indexes and their queries. An index stores no entries. A search reads the documents in its transaction, so it never lags."""
