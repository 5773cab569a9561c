"""The fixed set of tables. Everything a server stores lies in one of them."""

from __future__ import annotations

from typing import Final

# The numbers are those of the enum in wiredtiger/_binding.pxd.
CATALOG: Final = 0
RECORDS: Final = 1
INDEX_ENTRIES: Final = 2
OPLOG: Final = 3
META: Final = 4

NAMES: Final = ("catalog", "records", "index_entries", "oplog", "meta")
#: The tables whose keys begin with the ident of a collection or of an index.
WITH_IDENTS: Final = (RECORDS, INDEX_ENTRIES)
#: The tables that a snapshot restores key by key. The oplog is cut back, and `meta` belongs to the store, not to its contents.
WITH_UNDO: Final = (CATALOG, RECORDS, INDEX_ENTRIES)
