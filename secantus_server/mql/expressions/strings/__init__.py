"""String operators: length, substrings, search, replacement, case, regular expressions.

https://www.mongodb.com/docs/manual/reference/operator/aggregation/#string-expression-operators
"""
