"""Backups of a storage directory: the archive file, and taking and restoring a backup."""
