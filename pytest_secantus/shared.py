"""The client that all tests share."""

from __future__ import annotations

from typing import Any

from pymongo import MongoClient


class SharedClient(MongoClient[dict[str, Any]]):
    """A client that no test can take from the next: an application that is given it may well close it when it is done."""

    def close(self) -> None:
        """Do nothing: the fixture closes it."""

    def close_for_good(self) -> None:
        """Close it, after the last test."""
        super().close()
