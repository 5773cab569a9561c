"""The comparison, boolean and conditional operators."""
