"""Vectors in documents and queries, and the exact search for the nearest vectors.

The code is independent of storage.

https://www.mongodb.com/docs/atlas/atlas-vector-search/vector-search-stage/
"""
