"""Full text: words, stems, scores, and the conditions of a search. It knows nothing of storage.

https://www.mongodb.com/docs/manual/core/link-text-indexes/
"""
