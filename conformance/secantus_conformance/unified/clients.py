"""The creation of a test's entities: clients with their listeners, databases, collections, sessions, buckets and threads."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

from gridfs import GridFSBucket
from pymongo import MongoClient
from pymongo.database import Database
from pymongo.server_api import ServerApi

from secantus_conformance.environment import Environment
from secantus_conformance.failures import AssertionFailed, BadTest, SkipTest
from secantus_conformance.model import Skip
from secantus_conformance.unified import options
from secantus_conformance.unified.context import TestContext
from secantus_conformance.unified.events import EVENT_TYPES, Listener
from secantus_conformance.unified.threads import TestThread

_UNSUPPORTED_URI_OPTIONS = ("waitQueueSize", "waitQueueMultiple")


def create_entities(test: TestContext, specs: list[dict[str, Any]]) -> None:
    """Create entities in order. Raise BadTest for an unknown kind of entity, and SkipTest for a kind that pymongo cannot create."""
    for spec in specs:
        if len(spec) != 1:
            raise BadTest("malformed", f"An entity has exactly one kind, not {len(spec)}.")
        kind, details = next(iter(spec.items()))
        if kind not in _MAKERS:
            raise BadTest("malformed", f"Unknown kind of entity {kind!r}.")
        test.entities.define(details.get("id"), _MAKERS[kind](test, details))


def _client(test: TestContext, spec: dict[str, Any]) -> MongoClient[Any]:
    _refuse_unsupported(spec)
    uri_options = dict(spec.get("uriOptions", {}))
    listener = _listener(spec)
    minimum = uri_options.get("minPoolSize", 0) if "awaitMinPoolSizeMS" in spec else 0
    listener.enabled = not minimum
    client = _connect(_uri(test.environment, spec), {**uri_options, **_server_api(spec)}, listener)
    if minimum:
        _await_pool(listener, minimum, spec["awaitMinPoolSizeMS"] / 1000)
    test.listeners[spec["id"]] = listener
    test.observed_logs[spec["id"]] = spec.get("observeLogMessages", {})
    return client


def _refuse_unsupported(spec: dict[str, Any]) -> None:
    for name in _UNSUPPORTED_URI_OPTIONS:
        if name in spec.get("uriOptions", {}):
            raise SkipTest(Skip.CLIENT, f"pymongo has no URI option {name}")
    if "observeTracingMessages" in spec:
        raise SkipTest(Skip.CLIENT, "pymongo has no OpenTelemetry tracing")
    if "autoEncryptOpts" in spec:
        raise SkipTest(Skip.ENVIRONMENT, "client-side encryption needs libmongocrypt")


def _listener(spec: dict[str, Any]) -> Listener:
    observed = spec.get("observeEvents", [])
    unknown = [name for name in observed if name not in EVENT_TYPES]
    if unknown:
        raise BadTest("malformed", f"Unknown event {unknown[0]!r}.")
    return Listener(observed, spec.get("ignoreCommandMonitoringEvents", []), spec.get("observeSensitiveCommands", False))


def _uri(environment: Environment, spec: dict[str, Any]) -> str:
    """Return the URI for a client. It is limited to one node if the client needs a direct connection or a single mongos."""
    sharded, multiple = environment.topology == "sharded", spec.get("useMultipleMongoses")
    if sharded and multiple and len(environment.hosts) < 2:
        raise SkipTest(Skip.ENVIRONMENT, "needs a URI that names several mongos")
    if spec.get("uriOptions", {}).get("directConnection") or (sharded and multiple is False):
        return environment.uri_of_first_host()
    return environment.uri


def _server_api(spec: dict[str, Any]) -> dict[str, Any]:
    api = spec.get("serverApi")
    if api is None:
        return {}
    try:
        return {"server_api": ServerApi(api["version"], strict=api.get("strict"), deprecation_errors=api.get("deprecationErrors"))}
    except ValueError as error:
        raise BadTest("bad-argument", f"serverApi: {error}") from error


def _connect(uri: str, keywords: dict[str, Any], listener: Listener) -> MongoClient[Any]:
    with warnings.catch_warnings():
        warnings.filterwarnings("error", message="Unknown option")
        try:
            return MongoClient(uri, event_listeners=[listener], **keywords)
        except UserWarning as warning:
            raise BadTest("unsupported-argument", f"uriOptions: {warning}") from warning


def _await_pool(listener: Listener, minimum: int, seconds: float) -> None:
    if not listener.wait_until(lambda: listener.ready >= minimum, seconds):
        raise AssertionFailed("assertion", "The pool was not filled in time.", f"{minimum} connections", f"{listener.ready} connections")
    listener.enabled = True


def _database(test: TestContext, spec: dict[str, Any]) -> Any:
    client = test.entities.client(spec["client"])
    return client.get_database(spec["databaseName"], **options.concerns(spec.get("databaseOptions", {}), "database"))


def _collection(test: TestContext, spec: dict[str, Any]) -> Any:
    database = test.entities.typed(spec["database"], Database)
    return database.get_collection(spec["collectionName"], **options.concerns(spec.get("collectionOptions", {}), "collection"))


def _session(test: TestContext, spec: dict[str, Any]) -> Any:
    client = test.entities.client(spec["client"])
    return client.start_session(**options.session_options(spec.get("sessionOptions", {})))


def _bucket(test: TestContext, spec: dict[str, Any]) -> GridFSBucket:
    database = test.entities.typed(spec["database"], Database)
    details = dict(spec.get("bucketOptions", {}))
    details.pop("disableMD5", None)  # pymongo never computes the checksum, which is what all tests with this option expect
    plain = {options.snake_case(key): details.pop(key) for key in ("bucketName", "chunkSizeBytes") if key in details}
    if "readConcern" in details:
        database = database.with_options(read_concern=options.read_concern(details.pop("readConcern")))
    return GridFSBucket(database, **plain, **options.concerns(details, "bucket"))


def _thread(test: TestContext, spec: dict[str, Any]) -> TestThread:
    return TestThread(spec["id"])


def _client_encryption(test: TestContext, spec: dict[str, Any]) -> Any:
    raise SkipTest(Skip.ENVIRONMENT, "client-side encryption needs libmongocrypt")


_MAKERS: dict[str, Callable[[TestContext, dict[str, Any]], Any]] = {
    "client": _client,
    "database": _database,
    "collection": _collection,
    "session": _session,
    "bucket": _bucket,
    "thread": _thread,
    "clientEncryption": _client_encryption,
}
