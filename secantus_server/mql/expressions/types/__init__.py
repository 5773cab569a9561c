"""The operators that inspect or convert types."""
