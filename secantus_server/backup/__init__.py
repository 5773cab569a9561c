"""Takes and restores backups of a storage directory, and defines the backups' file formats."""
