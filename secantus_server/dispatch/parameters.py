"""The registry of server parameters. It contains the parameters that drivers and tools read, or that have an effect in this server.

https://www.mongodb.com/docs/manual/reference/parameters/
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from secantus_server.auth.collections import BY_CERTIFICATE
from secantus_server.bson import int_value
from secantus_server.bson.numbers import INT32_MAX, to_float
from secantus_server.bson.values import is_number, type_name
from secantus_server.differences import OPERATION_MEMORY, TRANSACTION_LIMIT
from secantus_server.dispatch import arguments as a
from secantus_server.dispatch import establishment, memory_limits, scripts
from secantus_server.dispatch.cluster_time import MAX_DRIFT_S
from secantus_server.dispatch.log_verbosity import NAME, default_verbosity, logs_everything
from secantus_server.dispatch.request import NO_TABLE_SCAN
from secantus_server.dispatch.services import Services
from secantus_server.errors import CommandError, not_supported
from secantus_server.modules import import_late
from secantus_server.mql.limits import DEFAULT_BYTES
from secantus_server.records import record
from secantus_server.sessions.registry import MAX_SESSIONS, TIMEOUT_MINUTES
from secantus_server.settings import MIN_ITERATIONS, Settings
from secantus_server.version import Difference, Release

MAX_SYNC_DELAY_S = 9_000_000
#: The parameter for how many seconds past states of the store are retained.
HISTORY_WINDOW = "minSnapshotHistoryWindowInSeconds"
#: The key for whether clients' writes are refused. setUserWriteBlockMode sets it. It is stored with the parameters, so that restoring a
#: snapshot resets it.
#: The version of the format of the documents of users, as in MongoDB since 3.0.
AUTH_SCHEMA_VERSION = 5
USER_WRITE_BLOCK = "cluster:userWriteBlock"
#: The key for the default read and write concerns, which setDefaultRWConcern sets.
DEFAULT_CONCERNS = "cluster:defaultRWConcern"
#: The parameter for the field `baseBackoffMS` of overload errors. With 0, the errors have no such field. MongoDB has the parameter since
#: 9.0.
BASE_BACKOFF_MS = "externalClientBaseBackoffMS"
#: The parameter for the maximum number of open multi-document transactions.
MAX_TRANSACTIONS = "maxConcurrentMultiDocumentTransactions"


@record(frozen=True)
class Parameter:
    """A server parameter.

    Arguments:
        default: returns the parameter's default value.
        check: returns the value to store, or raises an error for an invalid value. None if this server does not support changing the
            parameter.
        settable: whether MongoDB allows a change at runtime.
        at_startup: whether MongoDB allows setting it on the command line.
        since: the difference between releases that introduces the parameter; None if every release has it.
    """

    default: Callable[[Settings], Any]
    check: a.Check | None = None
    settable: bool = False
    at_startup: bool = True
    since: Difference | None = None


def _constant(value: Any) -> Callable[[Settings], Any]:
    return lambda _settings: value


def _mechanisms(_settings: Settings) -> list[str]:
    return [BY_CERTIFICATE, *import_late("secantus_server.auth.scram").MECHANISMS]


def _boolean(name: str, value: Any) -> bool:
    """Convert any value to a bool. Null becomes false, and any other value that is neither a bool nor a number becomes true."""
    return a.truth(value) if type(value) is bool or is_number(value) else value is not None


def _integer(minimum: int | None = None, maximum: int | None = None) -> a.Check:
    """Return a check that converts a number or a bool to an integer.

    For a value of any other type, the check raises error 2 BadValue. The check of `arguments.integer` would raise error 14 instead.
    """
    check = a.integer(minimum, maximum)

    def checked(name: str, value: Any) -> Any:
        if type(value) is not bool and not is_number(value):
            raise CommandError(2, f"{name} must be a number, not {type_name(value)}")
        return check(name, int(value) if type(value) is bool else value)

    return checked


def _writes_noops(settings: Settings) -> bool:
    return not settings.in_memory and settings.oplog_noop_heartbeat_s > 0


def _sync_delay(name: str, value: Any) -> float:
    """Validate the number of seconds between checkpoints.

    Raise an error for 0, because without checkpoints WiredTiger's log would grow without bound.
    """
    if not is_number(value):
        raise a.wrong_type(name, value, "[long, int, decimal, double]")
    seconds = to_float(value)
    if not 0 <= seconds <= MAX_SYNC_DELAY_S:
        raise CommandError(2, f"Invalid value for parameter syncdelay: {value} is not between 0 and {MAX_SYNC_DELAY_S}")
    if seconds == 0:
        raise not_supported("setting syncdelay to 0", "set a positive number of seconds")
    return seconds


def _burst_capacity(name: str, value: Any) -> float:
    """Validate the number of seconds for which unused capacity for new connections accumulates."""
    if not is_number(value):
        raise a.wrong_type(name, value, "[long, int, decimal, double]")
    seconds = to_float(value)
    if not seconds > 0:
        raise CommandError(2, f"Invalid value for parameter {establishment.BURST}: {value} is not greater than 0")
    return seconds


#: For each mechanism, the parameter for the iteration count of new credentials.
ITERATION_PARAMETERS = {"SCRAM-SHA-1": "scramIterationCount", "SCRAM-SHA-256": "scramSHA256IterationCount"}

PARAMETERS: dict[str, Parameter] = {
    "KeysRotationIntervalSec": Parameter(_constant(7776000)),
    "ShardingTaskExecutorPoolReplicaSetMatching": Parameter(_constant("automatic"), None, settable=True),
    "acceptApiVersion2": Parameter(_constant(False)),
    "authSchemaVersion": Parameter(_constant(AUTH_SCHEMA_VERSION), None, at_startup=False),
    "authenticationMechanisms": Parameter(_mechanisms),
    "clientCursorMonitorFrequencySecs": Parameter(_constant(4), _integer(1), settable=True),
    "cursorTimeoutMillis": Parameter(lambda settings: settings.cursor_timeout_s * 1000, _integer(1), settable=True),
    "enableElectionHandoff": Parameter(_constant(True), _boolean, settable=True),
    "enableTestCommands": Parameter(lambda settings: settings.enable_test_commands),
    BASE_BACKOFF_MS: Parameter(_constant(0), _integer(0), settable=True),
    "featureCompatibilityVersion": Parameter(lambda settings: {"version": settings.compat}, None, at_startup=False),
    establishment.ENABLED: Parameter(_constant(False), _boolean, settable=True),
    establishment.RATE: Parameter(_constant(INT32_MAX), _integer(1), settable=True),
    establishment.BURST: Parameter(_constant(float(INT32_MAX)), _burst_capacity, settable=True),
    establishment.DEPTH: Parameter(_constant(0), _integer(0), settable=True),
    "localLogicalSessionTimeoutMinutes": Parameter(_constant(TIMEOUT_MINUTES)),
    NAME: Parameter(lambda _settings: default_verbosity(), a.as_anything, settable=True),
    "logLevel": Parameter(_constant(0), _integer(0, 5), settable=True),
    "maxBsonObjectSize": Parameter(_constant(16 * 1024 * 1024), None, at_startup=False),
    "maxTransactionLockRequestTimeoutMillis": Parameter(_constant(5), _integer(), settable=True),
    "maxAcceptableLogicalClockDriftSecs": Parameter(_constant(MAX_DRIFT_S)),
    "maxSessions": Parameter(_constant(MAX_SESSIONS)),
    MAX_TRANSACTIONS: Parameter(_constant(10_000), _integer(1), settable=True, since=TRANSACTION_LIMIT),
    HISTORY_WINDOW: Parameter(_constant(300), _integer(0), settable=True),
    NO_TABLE_SCAN: Parameter(_constant(False), _boolean, settable=True),
    "periodicNoopIntervalSecs": Parameter(lambda settings: settings.oplog_noop_heartbeat_s or 10, _integer(1), settable=True),
    "quiet": Parameter(_constant(False), _boolean, settable=True),
    "requireApiVersion": Parameter(_constant(False), None, settable=True),
    "syncdelay": Parameter(lambda settings: float(settings.checkpoint_interval_s), _sync_delay, settable=True),
    "tlsMode": Parameter(lambda settings: settings.effective_tls_mode),
    "transactionLifetimeLimitSeconds": Parameter(_constant(60), _integer(1), settable=True),
    "ttlMonitorEnabled": Parameter(_constant(True), _boolean, settable=True),
    "ttlMonitorSleepSecs": Parameter(lambda settings: settings.ttl_interval_s, _integer(1), settable=True),
    "writePeriodicNoops": Parameter(_writes_noops, _boolean, settable=True),
    ITERATION_PARAMETERS["SCRAM-SHA-1"]: Parameter(
        lambda settings: settings.scram_iteration_count, _integer(MIN_ITERATIONS), settable=True
    ),
    ITERATION_PARAMETERS["SCRAM-SHA-256"]: Parameter(
        lambda settings: settings.scram_sha256_iteration_count, _integer(MIN_ITERATIONS), settable=True
    ),
    memory_limits.OPERATION: Parameter(
        lambda _settings: int_value(memory_limits.operation_bytes()), _integer(1), settable=True, since=OPERATION_MEMORY
    ),
    memory_limits.ALLOW_DISK_USE: Parameter(_constant(True), _boolean, settable=True),
    scripts.HEAP_LIMIT: Parameter(_constant(scripts.HEAP_LIMIT_MB), _integer(1), settable=True),
    scripts.CALL_LIMIT: Parameter(_constant(scripts.CALL_LIMIT_MS), _integer(1), settable=True),
    **{name: Parameter(_constant(DEFAULT_BYTES), _integer(1), settable=True) for name in memory_limits.PARAMETERS.values()},
}


def find_parameter(name: str, release: Release) -> Parameter | None:
    """Return the parameter with a name, or None if the given release has no such parameter."""
    found = PARAMETERS.get(name)
    return None if found is None or (found.since is not None and not release.has(found.since)) else found


def parameter_value(services: Services, name: str) -> Any:
    """Return the current value of a parameter."""
    if name in services.parameters:
        return services.parameters[name]
    return PARAMETERS[name].default(services.settings)


def apply_verbosity(services: Services) -> None:
    """Apply the parameter logComponentVerbosity to the log."""
    everything = logs_everything(parameter_value(services, NAME))
    services.log.set_verbose(everything)
    services.observer.log_all(everything)
