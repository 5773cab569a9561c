"""Operators on documents: merging, access to fields, and conversion to and from arrays."""
