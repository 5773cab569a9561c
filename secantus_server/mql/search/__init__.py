"""Full-text search by the operators of `$search`. It knows nothing of storage.

https://www.mongodb.com/docs/atlas/atlas-search/operators-and-collectors/
"""
