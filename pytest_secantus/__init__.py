"""The pytest plugin of Secantus: a MongoDB server for tests, restored to its earlier state after each test.

Importing this package or `pytest_secantus.plugin` imports neither pymongo nor the server. Both are imported when a test requests the
first fixture, or at the start of a run with ``--secantus``.
"""
