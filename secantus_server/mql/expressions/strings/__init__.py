"""Strings: counted in bytes or in code points, cut, searched and replaced.

https://www.mongodb.com/docs/manual/reference/operator/aggregation/#string-expression-operators
"""
