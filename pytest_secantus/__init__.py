"""The pytest plugin of Secantus: a MongoDB server for tests, restored to its earlier state after each test.

Importing this package or `pytest_secantus.plugin` imports neither pymongo nor the server. The first fixture that is used,
or ``--secantus``, imports both.
"""
