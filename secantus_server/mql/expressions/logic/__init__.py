"""Comparison, boolean and conditional operators."""
