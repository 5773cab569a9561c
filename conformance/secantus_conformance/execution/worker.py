"""The process in which tests run. The pool can kill it at any time and start a new one."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from contextlib import ExitStack
from functools import lru_cache
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from pymongo import MongoClient
from pymongo.errors import PyMongoError

from secantus_conformance import extjson
from secantus_conformance.environment import Environment, discover
from secantus_conformance.execution.in_process import reach
from secantus_conformance.execution.judge import judge
from secantus_conformance.failures import UsageError
from secantus_conformance.model import Result, TestCase

Runner = Callable[["Worker", TestCase], None]


class Worker:
    """A worker that runs its assigned tests against one server."""

    def __init__(self, environment: Environment) -> None:
        self.environment = environment
        self.internal: MongoClient[Any] = MongoClient(environment.uri, serverSelectionTimeoutMS=10_000)

    def run(self, case: TestCase) -> Result:
        """Run one test."""
        return judge(case, lambda: RUNNERS[case.kind](self, case))

    def forget_earlier_tests(self) -> None:
        """Disable the fail point and kill the sessions that a previous, killed worker may have left on the server."""
        commands: list[dict[str, Any]] = [{"configureFailPoint": "failCommand", "mode": "off"}, {"killAllSessions": []}]
        for command in commands:
            try:
                self.internal.admin.command(command)
            except PyMongoError:
                continue


def _run_unified(worker: Worker, case: TestCase) -> None:
    import secantus_conformance.unified.operators
    import secantus_conformance.unified.ops  # noqa: F401  (registers the operations)
    from secantus_conformance.suites.schema import check_version
    from secantus_conformance.unified.lifecycle import run_test

    file = extjson.loads(case.text) if case.text is not None else _file(case.file)
    check_version(file)
    run_test(worker.environment, worker.internal, case.id, file, file["tests"][case.index])


def _run_corpus(worker: Worker, case: TestCase) -> None:
    from secantus_conformance.corpus.bson_corpus import run_case

    run_case(worker.environment.direct_uri, worker.internal, _json(case.file), case.index)


def _run_recorded(worker: Worker, case: TestCase) -> None:
    from secantus_conformance.cases.replay import run_recorded

    assert case.text is not None
    run_recorded(worker.internal, case.text)


RUNNERS: dict[str, Runner] = {"unified": _run_unified, "bson": _run_corpus, "case": _run_recorded}


@lru_cache(maxsize=4)
def _file(path: Path) -> Any:
    return extjson.loads(path.read_text(encoding="utf-8"))


@lru_cache(maxsize=4)
def _json(path: Path) -> Any:
    from secantus_conformance.suites.catalog import read_json

    return read_json(path)


def serve(connection: Connection, uri: str) -> None:
    """Run as a worker: receive lists of tests, and send the messages ("ready", server), ("started", i), ("result", i, result) and
    ("idle",).
    """
    from secantus_conformance.unified.driver_private import log_whole_documents, speed_up_heartbeats

    _die_with_parent()
    speed_up_heartbeats()
    log_whole_documents()
    with ExitStack() as cleanup:
        try:
            worker = Worker(discover(reach(uri, cleanup)))
        except UsageError as error:
            connection.send(("unreachable", str(error)))
            return
        _answer(connection, worker)


def _answer(connection: Connection, worker: Worker) -> None:
    """Run the received tests until the pool sends None."""
    worker.forget_earlier_tests()
    connection.send(("ready", worker.environment.describe()))
    connection.send(("idle",))
    while (cases := connection.recv()) is not None:
        for index, case in enumerate(cases):
            connection.send(("started", index))
            connection.send(("result", index, worker.run(case)))
        connection.send(("idle",))


def _die_with_parent() -> None:
    """Exit when the parent process exits."""
    parent = os.getppid()

    def watch() -> None:
        while os.getppid() == parent:
            threading.Event().wait(1.0)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
