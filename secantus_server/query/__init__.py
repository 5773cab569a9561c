"""Query planning: canonical queries, index bounds, the planner, plans and explain."""
