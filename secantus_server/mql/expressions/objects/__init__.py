"""Operators on documents: merging, fields, and conversion to and from arrays."""
