"""The commands that read and write documents, and those on cursors."""
