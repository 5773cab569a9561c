"""Search indexes and what reads them. An index holds no entries: a search reads the documents of its transaction, so it is never behind."""
