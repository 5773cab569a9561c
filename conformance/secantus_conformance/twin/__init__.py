"""The comparison of two servers by running the same random session on both. A difference is reported as a question, not as a verdict."""
