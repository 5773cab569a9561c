"""The string operators: length, substrings, search, replacement, case and regular expressions.

https://www.mongodb.com/docs/manual/reference/operator/aggregation/#string-expression-operators
"""
