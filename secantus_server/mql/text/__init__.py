"""The words, stems and scores of text indexes, and the searches of `$text`. The code is independent of storage.

https://www.mongodb.com/docs/manual/core/link-text-indexes/
"""
