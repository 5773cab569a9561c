"""find, insert, update, delete and their relatives."""
