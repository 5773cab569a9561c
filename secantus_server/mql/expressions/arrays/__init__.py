"""Arrays: their elements, slices, order, and expressions over each element.

https://www.mongodb.com/docs/manual/reference/operator/aggregation/#array-expression-operators
"""
