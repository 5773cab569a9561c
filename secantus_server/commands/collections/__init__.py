"""The commands that create, change, list and drop collections, views and databases."""
