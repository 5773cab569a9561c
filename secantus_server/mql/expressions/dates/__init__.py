"""Date operators: parts of dates, arithmetic, formatting, parsing, and time zones.

https://www.mongodb.com/docs/manual/reference/operator/aggregation/#date-expression-operators
"""
