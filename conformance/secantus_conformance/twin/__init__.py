"""The same random session against two servers: what differs is a question, never a verdict."""
