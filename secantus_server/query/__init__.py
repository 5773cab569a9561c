"""Queries: canonical queries, index bounds, the planner, plans and explain."""
