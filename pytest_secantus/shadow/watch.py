"""The shadow of one process. The commands of each test are recorded, and sent to the shadow before the test's writes are undone.

By then, the test has received its replies, so the shadow affects neither the replies nor their timing.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, cast

import pytest
from pymongo.errors import PyMongoError

from pytest_secantus.driver import OWN_NAME
from pytest_secantus.errors import ServerDied
from pytest_secantus.shadow.client import ShadowClient, places_of
from pytest_secantus.shadow.contents import Contents, NotLoaded
from pytest_secantus.shadow.findings import Findings, add_difference, lines_of, merge_findings, new_findings
from pytest_secantus.shadow.replay import Replay
from pytest_secantus.shadow.rewriting import Names

if TYPE_CHECKING:
    from pytest_secantus.worker import Worker
    from secantus_server.dispatch.harness import DumpedCollection
    from secantus_server.interceptors.command_tap import Tapped
    from secantus_server.server import SecantusDBServer


class ShadowWatch:
    """Records the commands of each test in one process, and sends them to the shadow.

    Arguments:
        uri: the shadow's connection string.
    """

    def __init__(self, worker: Worker, uri: str) -> None:
        self._worker = worker
        self._uri = uri
        self._pid = os.getpid()
        self._client: ShadowClient | None = None
        self._contents: Contents | None = None
        self._names: Names | None = None
        self._test: str | None = None
        self._beginning: list[DumpedCollection] | None = None
        self._is_lost = False
        self.findings: Findings = new_findings()
        worker.when_started.append(self._begin)
        worker.when_stopping.append(self._close)

    @property
    def _server(self) -> SecantusDBServer:
        return cast("SecantusDBServer", self._worker.server)

    def begin_test(self, item: pytest.Item) -> None:
        """Start to record the commands of a test."""
        self._test = item.nodeid
        if self._worker.running and not self._worker.death():
            self._begin()

    def _begin(self) -> None:
        if self._test is None or self._is_lost or os.getpid() != self._pid:
            return
        self._server.tap_commands(OWN_NAME)
        self._beginning = self._server.dump(with_kept=True)

    def end_test(self) -> None:
        """Send the recorded commands of the test to the shadow, and compare the replies."""
        test, self._test = self._test, None
        beginning, self._beginning = self._beginning, None
        if test is None or beginning is None or os.getpid() != self._pid:
            return
        try:
            entries, left_out = self._server.stop_tapping()
        except ServerDied:
            # The server's death is reported at the end of the test.
            return
        try:
            self._replay(test, beginning, entries)
        except PyMongoError as error:
            self._is_lost = True
            self.findings["problems"].append(f"{test} and later tests were not compared: the shadow has not answered: {error}")
        except NotLoaded as error:
            self.findings["problems"].append(f"{test} was not compared: {error}")
        except Exception as error:  # noqa: BLE001 - no error in here may fail the test.
            what = f"{type(error).__name__}: {error}"
            self.findings["problems"].append(f"{test} was not compared because of an internal error: {what} (a bug in Secantus)")
        if left_out:
            self.findings["problems"].append(f"{test} has sent too much: its last {left_out:,} commands were not compared")

    def _replay(self, test: str, beginning: list[DumpedCollection], entries: list[Tapped]) -> None:
        client = self._client_of_run()
        assert self._contents is not None
        assert self._names is not None
        replay = Replay(client, self._contents, self._names, test, self._worker.options.keep_definitions)
        try:
            replay.run(beginning, entries)
        finally:
            findings = self.findings
            findings["tests"] += bool(replay.compared)
            findings["commands"] += replay.compared
            for reason, count in replay.left_out.items():
                findings["left_out"][reason] = findings["left_out"].get(reason, 0) + count
            for difference in replay.differences:
                add_difference(findings, difference)

    def _client_of_run(self) -> ShadowClient:
        """Return the client of the shadow. Connect on first use."""
        if self._client is None:
            self._client = ShadowClient(self._uri)
            self.findings["server"] = f"the server {self._client.version} at {places_of(self._uri)}"
            directory = self._worker.run_directory
            self._names = Names(f"sh_{directory.token}_{directory.worker}_")
            self._contents = Contents(self._client, self._names, lambda name: directory.note_database(self._uri, name))
        return self._client

    def _close(self) -> None:
        """Drop the databases on the shadow, and disconnect. Called when the server stops at the end of the run."""
        client, self._client = self._client, None
        if client is None or os.getpid() != self._pid:
            return
        try:
            assert self._contents is not None
            self._contents.drop_all()
        except PyMongoError as error:
            self.findings["problems"].append(f"the databases on the shadow could not be dropped: {error}")
        client.close()

    def add_part(self, part: Any) -> None:
        """Add the findings of an xdist worker."""
        if part is not None:
            merge_findings(self.findings, part)

    def write(self, terminal: pytest.TerminalReporter) -> None:
        """Print the section about the shadow in the terminal."""
        terminal.section("Secantus shadow", sep="-")
        for line in lines_of(self.findings):
            terminal.line(line)
