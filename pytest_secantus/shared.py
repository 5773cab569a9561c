"""The pymongo client that all tests share."""

from __future__ import annotations

from typing import Any

from pymongo import MongoClient


class SharedClient(MongoClient[dict[str, Any]]):
    """A client whose `close` does nothing, because an application may close it while further tests still use it."""

    def close(self) -> None:
        """Do nothing, because the fixture closes the client."""

    def close_for_good(self) -> None:
        """Close the client. Called after the last test."""
        super().close()
