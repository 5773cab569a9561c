"""Full-text search with the operators of `$search`. The code is independent of storage.

https://www.mongodb.com/docs/atlas/atlas-search/operators-and-collectors/
"""
