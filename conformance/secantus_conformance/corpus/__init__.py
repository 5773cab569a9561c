"""The BSON corpus, used to test the server."""
