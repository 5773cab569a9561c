"""The same random session against two servers. A difference is reported as a question, not as a verdict."""
