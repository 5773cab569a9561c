"""The same random session against two servers: a difference is a question, never a verdict."""
