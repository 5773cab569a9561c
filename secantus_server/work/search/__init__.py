"""Search indexes and their queries. An index stores no entries; a search reads the documents of its transaction and never lags."""
