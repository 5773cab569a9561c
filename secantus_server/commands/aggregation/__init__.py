"""The commands aggregate, count and distinct."""
