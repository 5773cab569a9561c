"""aggregate, count, distinct."""
