"""The BSON corpus, used as a test of the server."""
