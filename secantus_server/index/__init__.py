"""Indexes: their definitions, and the keys of documents."""
