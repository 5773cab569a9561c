"""Which collections, views and indexes there are."""
