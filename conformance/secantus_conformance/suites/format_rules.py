"""The unified test format as a set of rules for files, tests, operations and expectations.

The rules are derived from the format's specification. A file that violates a rule is rejected before any test runs.
"""

from __future__ import annotations

from typing import Any

from secantus_conformance.suites.structure import (
    Rule,
    anything,
    array,
    boolean,
    document,
    either,
    excluding,
    integer,
    map_of,
    mapping,
    matching,
    one_of,
    single,
    string,
    unique,
)
from secantus_conformance.unified.events import EVENT_TYPES
from secantus_conformance.unified.logs import LEVELS

_VERSION = matching(r"\d+(\.\d+){1,2}", "a version")
_EVENT_NAMES = one_of(*EVENT_TYPES)
_COMPONENT = one_of("command", "topology", "serverSelection", "connection")
_LEVEL = one_of(*LEVELS)
_NAMES = unique(array(string, 1))
_PLACEHOLDER = document({"$$placeholder": anything})

_REQUIREMENT = document(
    optional={
        "minServerVersion": _VERSION,
        "maxServerVersion": _VERSION,
        "topologies": unique(array(one_of("single", "replicaset", "sharded", "sharded-replicaset", "load-balanced"), 1)),
        "serverless": one_of("require", "forbid", "allow"),
        "serverParameters": map_of(anything, at_least=1),
        "auth": boolean,
        "authMechanism": string,
        "csfle": either(boolean, document({"minLibmongocryptVersion": _VERSION})),
    },
    at_least=1,
)
_REQUIREMENTS = array(_REQUIREMENT, 1)

_CONCERNS = document(optional={"readConcern": mapping, "readPreference": mapping, "timeoutMS": integer, "writeConcern": mapping})
_SERVER_API = document({"version": string}, {"strict": boolean, "deprecationErrors": boolean})
_KMS_NAME = r"(:[a-zA-Z0-9_]+)?"


def _provider(*strings: str) -> Rule:
    return document(optional={name: either(_PLACEHOLDER, string) for name in strings})


_PROVIDERS = {
    "aws": _provider("accessKeyId", "secretAccessKey", "sessionToken"),
    "azure": _provider("tenantId", "clientId", "clientSecret", "identityPlatformEndpoint", "accessToken"),
    "gcp": _provider("email", "privateKey", "endpoint", "accessToken"),
    "kmip": _provider("endpoint"),
    "local": document(optional={"key": either(_PLACEHOLDER, string, map_of(anything))}),
}


def _kms_providers(value: Any, path: str) -> None:
    """Check a document of KMS providers by name. A name may be followed by `:` and a second name."""
    map_of(mapping, matching("(aws|azure|gcp|kmip|local)" + _KMS_NAME, "a KMS provider"))(value, path)
    for name, each in value.items():
        _PROVIDERS[name.split(":")[0]](each, f"{path}.{name}")


_AUTO_ENCRYPTION = document(
    {"kmsProviders": _kms_providers, "keyVaultNamespace": string},
    {
        "bypassAutoEncryption": boolean,
        "schemaMap": mapping,
        "encryptedFieldsMap": mapping,
        "extraOptions": mapping,
        "bypassQueryAnalysis": boolean,
        "keyExpirationMS": integer,
    },
)
_CLIENT = document(
    {"id": string},
    {
        "uriOptions": mapping,
        "useMultipleMongoses": boolean,
        "observeEvents": unique(array(_EVENT_NAMES, 1)),
        "ignoreCommandMonitoringEvents": _NAMES,
        "observeSensitiveCommands": boolean,
        "observeLogMessages": map_of(_LEVEL, _COMPONENT, 1),
        "observeTracingMessages": document(optional={"enableCommandPayload": boolean}),
        "serverApi": _SERVER_API,
        "autoEncryptOpts": _AUTO_ENCRYPTION,
        "awaitMinPoolSizeMS": integer,
        "storeEventsAsEntities": array(document({"id": string, "events": unique(array(string, 1))}), 1),
    },
)
_ENTITY = single(
    {
        "client": _CLIENT,
        "clientEncryption": document(
            {
                "id": string,
                "clientEncryptionOpts": document(
                    {"keyVaultClient": string, "keyVaultNamespace": string, "kmsProviders": _kms_providers}, {"keyExpirationMS": integer}
                ),
            }
        ),
        "database": document({"id": string, "client": string, "databaseName": string}, {"databaseOptions": _CONCERNS}),
        "collection": document({"id": string, "database": string, "collectionName": string}, {"collectionOptions": _CONCERNS}),
        "session": document({"id": string, "client": string}, {"sessionOptions": mapping}),
        "bucket": document({"id": string, "database": string}, {"bucketOptions": mapping}),
        "thread": document({"id": string}),
    }
)


def _create_options(value: Any, path: str) -> None:
    """Check the options of a collection, which must not contain the write concern, because the runner sets it."""
    map_of(anything, matching("(?!writeConcern$).*", "an option of a collection that a file may give"))(value, path)


_DATA = document({"collectionName": string, "databaseName": string, "documents": array(mapping)}, {"createOptions": _create_options})
_ERROR = document(
    optional={
        "isError": one_of(True),
        "isClientError": boolean,
        "isTimeoutError": boolean,
        "errorContains": string,
        "errorCode": integer,
        "errorCodeName": string,
        "errorLabelsContain": _NAMES,
        "errorLabelsOmit": _NAMES,
        "writeErrors": mapping,
        "writeConcernErrors": array(mapping),
        "errorResponse": mapping,
        "expectResult": anything,
    },
    at_least=1,
)
_OPERATION = excluding(
    document(
        {"name": string, "object": string},
        {
            "arguments": mapping,
            "ignoreResultAndError": boolean,
            "expectError": _ERROR,
            "expectResult": anything,
            "saveResultAsEntity": string,
        },
    ),
    [
        ("expectError", {"expectResult", "saveResultAsEntity"}),
        ("ignoreResultAndError", {"expectResult", "expectError", "saveResultAsEntity"}),
    ],
)
_IDS = {"hasServiceId": boolean, "hasServerConnectionId": boolean}
_NAMED = {"commandName": string, "databaseName": string, **_IDS}
_EMPTY = document()
_AWAITED = document(optional={"awaited": boolean})
_SERVER_TYPES = (
    "Standalone",
    "Mongos",
    "PossiblePrimary",
    "RSPrimary",
    "RSSecondary",
    "RSOther",
    "RSArbiter",
    "RSGhost",
    "LoadBalancer",
    "Unknown",
)
_TOPOLOGY_TYPES = ("Single", "Unknown", "ReplicaSetNoPrimary", "ReplicaSetWithPrimary", "Sharded", "LoadBalanced")


def _change(types: tuple[str, ...]) -> Rule:
    description = document(optional={"type": one_of(*types)})
    return document(optional={"previousDescription": description, "newDescription": description})


_EVENTS: dict[str, Rule] = {
    "commandStartedEvent": document(optional={"command": mapping, **_NAMED}),
    "commandSucceededEvent": document(optional={"reply": mapping, **_NAMED}),
    "commandFailedEvent": document(optional=dict(_NAMED)),
    "poolClearedEvent": document(optional={"hasServiceId": boolean, "interruptInUseConnections": boolean}),
    "connectionClosedEvent": document(optional={"reason": string}),
    "connectionCheckOutFailedEvent": document(optional={"reason": string}),
    "serverDescriptionChangedEvent": _change(_SERVER_TYPES),
    "topologyDescriptionChangedEvent": _change(_TOPOLOGY_TYPES),
    **dict.fromkeys(("serverHeartbeatStartedEvent", "serverHeartbeatSucceededEvent", "serverHeartbeatFailedEvent"), _AWAITED),
}


def _events_of(kind: str) -> Rule:
    return array(single({name: _EVENTS.get(name, _EMPTY) for name, each in EVENT_TYPES.items() if each == kind}))


def _expected_events(value: Any, path: str) -> None:
    """Check the expected events of one client. The event type determines which event names are allowed."""
    document({"client": string, "events": array(mapping)}, {"eventType": one_of("command", "cmap", "sdam"), "ignoreExtraEvents": boolean})(
        value, path
    )
    _events_of(value.get("eventType", "command"))(value["events"], f"{path}.events")


_MESSAGE = document({"level": _LEVEL, "component": _COMPONENT, "data": mapping}, {"failureIsRedacted": boolean})
_MESSAGES = document({"client": string, "messages": array(_MESSAGE)}, {"ignoreMessages": array(_MESSAGE), "ignoreExtraMessages": boolean})


def _span(value: Any, path: str) -> None:
    """Check a tracing span, which may contain nested spans."""
    document({"name": string, "attributes": mapping}, {"nested": array(_span)})(value, path)


_TEST = document(
    {"description": string, "operations": array(_OPERATION)},
    {
        "runOnRequirements": _REQUIREMENTS,
        "skipReason": string,
        "expectEvents": array(_expected_events, 1),
        "expectLogMessages": array(_MESSAGES, 1),
        "expectTracingMessages": array(document({"client": string, "spans": array(_span)}, {"ignoreExtraSpans": boolean}), 1),
        "outcome": array(_DATA, 1),
    },
)
_FILE = document(
    {"description": string, "schemaVersion": _VERSION, "tests": array(_TEST, 1)},
    {
        "runOnRequirements": _REQUIREMENTS,
        "createEntities": array(_ENTITY, 1),
        "initialData": array(_DATA, 1),
        "_yamlAnchors": map_of(anything, at_least=1),
    },
)


def check_structure(file: Any) -> None:
    """Raise BadTest for a file that violates the format. The message contains the location and the rule."""
    _FILE(file, "")
