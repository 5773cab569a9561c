"""Commands with `encryptionInformation`, which Queryable Encryption sends: their queries, their writes and the state collections."""
