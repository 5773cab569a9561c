"""The five tables that contain all data of a server."""

from __future__ import annotations

from typing import Final

# The numbers match the enum in wiredtiger/_binding.pxd.
CATALOG: Final = 0
RECORDS: Final = 1
INDEX_ENTRIES: Final = 2
OPLOG: Final = 3
META: Final = 4

NAMES: Final = ("catalog", "records", "index_entries", "oplog", "meta")
#: The key in META whose presence says that no byte of users or roles has ever been in the store.
WITHOUT_USERS: Final = b"\0without users"
#: The key in META of the secret from which the salts sent for unknown users are derived.
LOGIN_SECRET: Final = b"login secret"
#: The tables whose keys begin with the ident of a collection or an index.
WITH_IDENTS: Final = (RECORDS, INDEX_ENTRIES)
#: The tables that a restore rewrites key by key. A restore truncates the oplog, and does not
#: change `meta`, which describes the store.
WITH_UNDO: Final = (CATALOG, RECORDS, INDEX_ENTRIES)
