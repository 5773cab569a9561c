"""The client that all tests share."""

from __future__ import annotations

from typing import Any

from pymongo import MongoClient


class SharedClient(MongoClient[dict[str, Any]]):
    """A client whose `close` does nothing: an application that receives it may close it while other tests still use it."""

    def close(self) -> None:
        """Do nothing: the fixture closes the client."""

    def close_for_good(self) -> None:
        """Close the client after the last test."""
        super().close()
