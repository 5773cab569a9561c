"""The catalog of collections, views and indexes."""
