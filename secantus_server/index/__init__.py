"""Indexes: their specifications, and the keys of documents."""
