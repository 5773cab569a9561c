"""The commands that show what the server holds and does."""
