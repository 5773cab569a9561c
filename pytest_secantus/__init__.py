"""The pytest plugin of Secantus: a MongoDB server for tests, put back to where it was after each of them.

Importing this package, or `pytest_secantus.plugin`, imports neither pymongo nor the server: both come with the first
fixture that is used, or with ``--secantus``.
"""
