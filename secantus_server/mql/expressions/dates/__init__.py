"""Dates: their parts, arithmetic, text, and time zones.

https://www.mongodb.com/docs/manual/reference/operator/aggregation/#date-expression-operators
"""
