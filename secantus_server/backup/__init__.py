"""Backups of a storage directory: takes them, restores them, and defines their file formats."""
