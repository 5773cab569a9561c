"""The commands that read and write documents, and the commands on cursors."""
