"""The commands that read and write documents, and the cursor commands."""
