"""The pages, one subject per file."""

from __future__ import annotations

from typing import Final

from secantus_console.page import Entry
from secantus_console.pages import collections, databases, documents, login

#: All routes besides those of the session.
ROUTES: Final[tuple[Entry, ...]] = (*databases.ROUTES, *collections.ROUTES, *documents.ROUTES, *login.ROUTES)
