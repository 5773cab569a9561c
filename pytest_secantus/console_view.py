"""The option ``--secantus-console``: show a failed test in the web console, and wait until the user continues on the page or in the
terminal.
"""

from __future__ import annotations

import os
import select
import sys
from typing import TYPE_CHECKING, Any, Final, cast

import pytest

from pytest_secantus.command_watch import watch_of
from pytest_secantus.driver import OWN_NAME
from pytest_secantus.errors import CannotStart, ServerDied
from pytest_secantus.isolation import RANKS, SEED_RANK
from pytest_secantus.pausing import reason, shown_terminal
from pytest_secantus.seeding import describe
from secantus_server.bson import decode
from secantus_server.console_process import ConsoleProcess
from secantus_server.work._shell_text import typed

if TYPE_CHECKING:
    from pytest_secantus.dumping import DumpableServer
    from pytest_secantus.guard import Guard
    from pytest_secantus.isolation import Layers
    from secantus_server.dispatch.harness import Difference
    from secantus_server.work._command_records import CommandRecord

#: How many documents of each kind the page shows for a collection, and how many of the latest commands.
SHOWN_DOCUMENTS: Final = 50
SHOWN_COMMANDS: Final = 500
_SCOPES: Final = {rank: scope for scope, rank in RANKS.items()} | {SEED_RANK: "seed"}


class ConsoleView:
    """The web console of a test run. Its process starts when the first test fails.

    Arguments:
        uri: the server's connection string.
    """

    def __init__(self, uri: str) -> None:
        self._read, self._write = os.pipe()
        start = {"uri": uri, "write": False, "tests": True, "client_options": {"appname": OWN_NAME}}
        try:
            self._process = ConsoleProcess(start, "127.0.0.1", 0, lambda url: print(f"console: {url}", file=sys.stderr), self._resume)
        except OSError as error:
            raise CannotStart(f"--secantus-console: the console cannot be started: {error}") from error
        self.is_new = True

    @property
    def url(self) -> str:
        """The address of the page. On the first read, it contains the token that authenticates the browser."""
        url = f"{self._process.url}" if self.is_new else self._process.url.partition("/?")[0] + "/test"
        self.is_new = False
        return url

    @property
    def is_running(self) -> bool:
        """Whether the console process is running."""
        return self._process.is_running

    def _resume(self) -> None:
        os.write(self._write, b"r")

    def show(self, test: dict[str, Any]) -> None:
        """Show a failed test on the page."""
        self._process.show(test)

    def wait(self) -> None:
        """Wait until the user continues on the page or presses Enter. If the terminal's input has ended, only the page can continue."""
        sources: list[Any] = [self._read]
        if sys.stdin is not None and sys.stdin.isatty():
            sources.append(sys.stdin)
        ready, _, _ = select.select(sources, [], [])
        if self._read in ready:
            os.read(self._read, 1)
        else:
            sys.stdin.readline()
            self._process.show(None)

    def close(self) -> None:
        """End the console's process."""
        self._process.close()
        os.close(self._read)
        os.close(self._write)


_VIEW: Final = pytest.StashKey[ConsoleView]()


def pause_in_console(guard: Guard, node: pytest.Item | pytest.Collector, report: pytest.TestReport) -> None:
    """Show a failed test in the web console, and wait until the user continues."""
    config = node.config
    view = view_of(config, guard.worker.uri)
    view.show(state_of(guard, node, report))
    with shown_terminal(config) as terminal:
        terminal.section("Secantus: paused", sep="-")
        terminal.line(f"{report.nodeid} failed: {reason(report)}")
        terminal.line(f"The console shows it: {view.url} (press Enter here, or Continue there, to go on)")
        view.wait()


def view_of(config: pytest.Config, uri: str) -> ConsoleView:
    """Return the web console of the run. Start a console if none is running, for instance because its process was killed."""
    view = config.stash.get(_VIEW, None)
    if view is None or not view.is_running:
        view = config.stash[_VIEW] = ConsoleView(uri)
        config.add_cleanup(view.close)
    return view


def state_of(guard: Guard, node: pytest.Item | pytest.Collector, report: pytest.TestReport) -> dict[str, Any]:
    """Return the data about a failed test that the page shows."""
    worker = guard.worker
    differences, note = _differences(guard, node)
    records, left_out = _commands(node.config)
    return {
        "test": report.nodeid,
        "phase": report.when,
        "reason": reason(report),
        "database": worker.options.database,
        "differences": differences,
        "differencesNote": note,
        "commands": [_command(record) for record in records[-SHOWN_COMMANDS:]],
        "commandsLeftOut": left_out + max(0, len(records) - SHOWN_COMMANDS),
        "snapshots": _snapshots(worker.layers),
        "seeds": [*map(str, worker.options.seed), *_seeds(guard, node)],
    }


def _differences(guard: Guard, node: pytest.Item | pytest.Collector) -> tuple[list[dict[str, Any]], str]:
    """Return the changes made by the test, and the reason if they are unknown."""
    worker = guard.worker
    snapshot = worker.layers.snapshot_of(node)
    if snapshot is None:
        return [], "" if worker.options.isolation == "restore" else "the difference needs secantus_isolation = restore"
    try:
        found = cast("DumpableServer", worker.server).differences(snapshot)
    except ServerDied as error:
        return [], str(error)
    return [_difference(one) for one in found], ""


def _difference(one: Difference) -> dict[str, Any]:
    def text(document: bytes) -> str:
        return typed(decode(document))

    kinds = (one.added, one.removed, one.changed)
    return {
        "namespace": f"{one.db}.{one.name}",
        "state": one.fate or "kept",
        "added": [text(document) for document in one.added[:SHOWN_DOCUMENTS]],
        "removed": [text(document) for document in one.removed[:SHOWN_DOCUMENTS]],
        "changed": [{"before": text(old), "after": text(new)} for old, new in one.changed[:SHOWN_DOCUMENTS]],
        "more": sum(max(0, len(found) - SHOWN_DOCUMENTS) for found in kinds),
    }


def _commands(config: pytest.Config) -> tuple[list[CommandRecord], int]:
    """Return the commands of the test, and the number of commands that did not fit into its log."""
    watch = watch_of(config)
    return (watch.own_records(), watch.server.commands_left_out()) if watch.is_on else ([], 0)


def _command(record: CommandRecord) -> dict[str, Any]:
    return {
        "text": record.text,
        "namespace": record.namespace,
        "plan": record.plan_summary,
        "scanned": record.docs_examined,
        "ms": record.duration_ms,
        "error": record.error,
        "source": record.source,
        "advice": list(record.advice) if record.rejected or record.sorted else [],
    }


def _snapshots(layers: Layers) -> list[dict[str, Any]]:
    """Return the open snapshots, outermost first."""
    return [
        {"scope": f"{_SCOPES.get(rank, 'teardown')}: {_name(owner)}", "written": written} for owner, rank, written in layers.described()
    ]


def _name(owner: Any) -> str:
    if isinstance(owner, tuple):
        return ", ".join(map(str, owner[1])) if owner[0] == "seed" else f"teardown of {getattr(owner[1], 'argname', '')}"
    return str(getattr(owner, "nodeid", "") or getattr(owner, "argname", owner))


def _seeds(guard: Guard, node: pytest.Item | pytest.Collector) -> list[str]:
    """Return the seeds in the test's markers. Ignore an invalid marker, because the test itself reports it."""
    try:
        return [describe(source) for source in guard.sources(node)] if isinstance(node, pytest.Item) else []
    except Exception:  # noqa: BLE001  (whatever importing a callable seed raises)
        return []
