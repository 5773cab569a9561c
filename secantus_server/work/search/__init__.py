"""Search indexes and their queries. An index has no stored entries. A search reads the documents in its own transaction, so its results
are never outdated.
"""
