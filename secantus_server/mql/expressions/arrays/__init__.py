"""Array operators: elements, slices, sets, sorting, and expressions over each element.

https://www.mongodb.com/docs/manual/reference/operator/aggregation/#array-expression-operators
"""
