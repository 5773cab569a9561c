"""The test cases of the BSON corpus, run against the server."""
