"""Text indexes and `$text`: words, stems, scores, and the conditions of a search. The code is independent of storage.

https://www.mongodb.com/docs/manual/core/link-text-indexes/
"""
