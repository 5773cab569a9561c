"""The operators on documents, which merge documents, access fields, and convert to and from arrays."""
