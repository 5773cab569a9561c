"""Backups of a storage directory: the archive file, taking one, restoring one."""
