"""From a filter to a plan: the canonical query, index bounds, and the planner."""
