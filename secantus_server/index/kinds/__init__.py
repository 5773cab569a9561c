"""The index kinds, one module each. `kind` imports the less frequent ones when they are first used."""

from secantus_server.index.kinds import btree  # noqa: F401
