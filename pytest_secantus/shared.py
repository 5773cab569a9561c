"""The pymongo client that all tests share."""

from __future__ import annotations

from typing import Any

from pymongo import MongoClient

from pytest_secantus.driver import leave_threads, stacks_omitted


class SharedClient(MongoClient[dict[str, Any]]):
    """A client whose `close` does nothing, because an application may close it while further tests still use it."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        # The fixture that creates the client also closes it, so there is no warning about it.
        with stacks_omitted():
            super().__init__(*arguments, **options)

    def close(self) -> None:
        """Do nothing, because the fixture closes the client."""

    def close_for_good(self) -> None:
        """Close the client. Called after the last test."""
        super().close()
        leave_threads(self)
