"""The option ``secantus_block = yes``, which blocks the server for every test that requests none of the plugin's fixtures."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, cast

import pytest

from pytest_secantus.companions import PREFIX
from pytest_secantus.errors import ServerDied

if TYPE_CHECKING:
    from pytest_secantus.worker import Worker
    from secantus_server.server import SecantusDBServer

BLOCKED = (
    "secantus_block: this test requests no fixture of the plugin, so it cannot use the server; request secantus_db or another one, "
    "for instance with @pytest.mark.usefixtures('secantus_server')"
)


class Blocking:
    """Blocks access to the server during every test that requests none of the plugin's fixtures."""

    def __init__(self, worker: Worker) -> None:
        self._worker = worker
        self._is_on = False

    def begin(self, item: pytest.Item) -> None:
        """Block a test's access to the server, unless the test requests a seed or one of the plugin's fixtures, directly or indirectly."""
        if not self._worker.options.block or item.get_closest_marker(f"{PREFIX}seed") is not None:
            return
        if not any(name.startswith(PREFIX) for name in getattr(item, "fixturenames", ())):
            self._is_on = True
            self._close(BLOCKED)

    def end(self) -> None:
        """Restore access to the server for all tests."""
        if self._is_on:
            self._is_on = False
            self._close(None)

    @contextmanager
    def lifted(self) -> Generator[None]:
        """Unblock the server while a fixture that outlives the test is set up within the block, because this setup is not part of the
        test.
        """
        if not self._is_on:
            yield
            return
        self._close(None)
        try:
            yield
        finally:
            if self._is_on:
                self._close(BLOCKED)

    def _close(self, reason: str | None) -> None:
        worker = self._worker
        if worker.running and not worker.is_left_to_parent and not worker.death():
            with suppress(ServerDied):  # reported at the end of the test
                cast("SecantusDBServer", worker.server).block(reason)
