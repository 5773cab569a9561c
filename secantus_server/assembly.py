"""Assembles a server: creates the implementations of the interfaces that the other packages declare, and connects them.

This module is the composition root, so it may import every package.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from secantus_server.catalog.catalog import Catalog
from secantus_server.clock import Clock
from secantus_server.commands import all as _commands  # noqa: F401  (makes the commands known; each is imported at first use)
from secantus_server.cursors._registry import CursorRegistry
from secantus_server.diagnostics.counters import Counters
from secantus_server.diagnostics.log import Log
from secantus_server.dispatch.interceptors import Interceptors
from secantus_server.dispatch.operations import Operations
from secantus_server.dispatch.services import Services
from secantus_server.dispatch.topology import Topology
from secantus_server.interceptors.fail_command import FailCommand
from secantus_server.interceptors.fsync_wait import FsyncWait
from secantus_server.interceptors.gate import Gate
from secantus_server.interceptors.profiler import Profiler
from secantus_server.interceptors.query_settings import QuerySettingsCheck
from secantus_server.interceptors.role_check import RoleCheck
from secantus_server.interceptors.slow_log import SlowLog
from secantus_server.interceptors.time_limits import TimeLimits
from secantus_server.interceptors.write_block import WriteBlock
from secantus_server.modules import import_late
from secantus_server.oplog.oplog import Oplog
from secantus_server.oplog.retention import retention_of
from secantus_server.sessions.registry import SessionRegistry
from secantus_server.sessions.retry_rows import load
from secantus_server.settings import Settings
from secantus_server.storage import Engine
from secantus_server.work._express import Express
from secantus_server.work.auto_commit import AutoCommit
from secantus_server.work.cluster_parameter_rows import load_parameters
from secantus_server.work.query_setting_rows import load_settings
from secantus_server.work.session_work import SessionWork
from secantus_server.work.snapshot_history import SnapshotHistory

if TYPE_CHECKING:
    from secantus_server.dispatch.harness import Harness
    from secantus_server.dispatch.registry import Reply


def _free_memory(services: Services) -> None:
    """Free space by clearing `services.history` and trimming a large oplog. The store calls this function when it is nearly full."""
    services.history.clear()
    services.oplog.trim_if_large()


def _run_in_snapshot(*arguments: Any) -> Reply:
    """Call `run_in_snapshot` of a module that is imported for the first command with read concern "snapshot"."""
    return import_late("secantus_server.work.snapshot_reads").run_in_snapshot(*arguments)  # type: ignore[no-any-return]


def assemble(
    settings: Settings,
    clock: Clock,
    engine: Engine,
    operations: Operations,
    log: Log,
    harness: Harness,
    request_stop: Callable[[], None],
) -> tuple[Services, Gate]:
    """Create the services of a server. Return them together with the gate, the interceptor that can refuse all commands.

    Arguments:
        engine: the open store.
        operations: the registry of running operations, through which an operation that waits for the store can be interrupted.
        harness: implements the command secantusTest.
        request_stop: called by the command shutdown to request that the server stops.
    """
    interceptors = Interceptors()
    retention = retention_of(settings.oplog_size_mb, settings.oplog_retention_s / 3600, in_memory=engine.in_memory)
    services = Services(
        settings=settings,
        clock=clock,
        engine=engine,
        catalog=Catalog(engine, clock),
        oplog=Oplog(engine, clock, enabled=bool(settings.replica_set), retention=retention),
        cursors=CursorRegistry(clock),
        sessions=SessionRegistry(clock),
        operations=operations,
        topology=Topology(settings, clock, interceptors.refresh),
        interceptors=interceptors,
        counters=Counters(),
        log=log,
        request_stop=request_stop,
    )
    if services.catalog.outdated:
        import_late("secantus_server.work.outdated_indexes").build_outdated_indexes(services)
    services.harness = harness
    _set_implementations(services)
    return services, _install_interceptors(services)


def _set_implementations(services: Services) -> None:
    """Set the implementations of the interfaces that `dispatch` declares, and load the services' state from the store."""
    engine = services.engine
    services.sessions.resume(load(engine))
    services.work, services.express = AutoCommit(services), Express
    services.parameters, services.query_settings = load_parameters(services), load_settings(services)
    services.run_in_snapshot = _run_in_snapshot
    services.history = SnapshotHistory(services)
    engine.call_when_crowded(partial(_free_memory, services))
    services.open_transaction = partial(SessionWork, services)


def _install_interceptors(services: Services) -> Gate:
    """Install the interceptors that run around every command, and return the gate, the interceptor that can refuse all commands."""
    interceptors = services.interceptors
    # As in MongoDB, failCommand also acts on commands that the user may not run.
    interceptors.install(TimeLimits(services), FailCommand(services))
    if services.settings.require_auth:
        services.access = import_late("secantus_server.work.access_control").AccessControl(services)
        assert services.access is not None
        interceptors.install(import_late("secantus_server.interceptors.access_control").AccessCheck(services.access))
    gate = Gate(interceptors)
    interceptors.install(gate)
    # The second TimeLimits acts on the limits that query settings add.
    observing = SlowLog(services), Profiler(services), QuerySettingsCheck(services), TimeLimits(services)
    interceptors.install(*observing, RoleCheck(services), WriteBlock(services), FsyncWait(services))
    return gate
