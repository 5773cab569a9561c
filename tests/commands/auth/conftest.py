"""The fixtures of `with_access` and `tests.one_server`."""

from tests.commands.auth.with_access import guarded, log_in, root
from tests.one_server import admin, client, db, server

__all__ = ["admin", "client", "db", "guarded", "log_in", "root", "server"]
