"""The parsers of options that several operations and entities share: read and write concern, read preference, and timeouts."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from pymongo.client_session import TransactionOptions  # type: ignore[attr-defined]  # public, but exported with a star
from pymongo.read_concern import ReadConcern
from pymongo.read_preferences import make_read_preference, read_pref_mode_from_name
from pymongo.write_concern import WriteConcern

from secantus_conformance.failures import BadTest, SkipTest
from secantus_conformance.model import Skip

_WRITE_CONCERN = {"w": "w", "journal": "j", "wtimeoutMS": "wtimeout"}


def snake_case(name: str) -> str:
    """Convert a name such as `maxTimeMS` to `max_time_ms`."""
    return re.sub(r"(?<=[a-z0-9])([A-Z])", r"_\1", name.replace("MS", "Ms")).lower()


def read_concern(spec: dict[str, Any]) -> ReadConcern:
    """Convert a document to a read concern. Raise BadTest for an unknown key."""
    _only(spec, {"level"}, "readConcern")
    return ReadConcern(spec.get("level"))


def write_concern(spec: dict[str, Any]) -> WriteConcern:
    """Convert a document to a write concern. Raise BadTest for an unknown key."""
    _only(spec, set(_WRITE_CONCERN), "writeConcern")
    return WriteConcern(**{_WRITE_CONCERN[key]: value for key, value in spec.items()})


def read_preference(spec: dict[str, Any]) -> Any:
    """Convert a document to a read preference. Raise BadTest for an unknown key."""
    _only(spec, {"mode", "tagSets", "maxStalenessSeconds", "hedge"}, "readPreference")
    mode = read_pref_mode_from_name(spec["mode"][0].lower() + spec["mode"][1:])
    return make_read_preference(mode, tag_sets=spec.get("tagSets"), max_staleness=spec.get("maxStalenessSeconds", -1))


CONVERTERS: dict[str, Callable[[dict[str, Any]], Any]] = {
    "readConcern": read_concern,
    "writeConcern": write_concern,
    "readPreference": read_preference,
}


def concerns(spec: dict[str, Any], what: str) -> dict[str, Any]:
    """Return the options of a database, collection or bucket as keyword arguments. Raise BadTest for an unknown option."""
    if "timeoutMS" in spec:
        raise SkipTest(Skip.CLIENT, f"pymongo has no timeoutMS of a {what}")
    _only(spec, set(CONVERTERS), f"{what} options")
    return {snake_case(key): CONVERTERS[key](value) for key, value in spec.items()}


def transaction_options(spec: dict[str, Any]) -> dict[str, Any]:
    """Return the options of a transaction as keyword arguments. Raise BadTest for an unknown option."""
    _only(spec, {*CONVERTERS, "maxCommitTimeMS"}, "transaction options")
    return {snake_case(key): CONVERTERS[key](value) if key in CONVERTERS else value for key, value in spec.items()}


def session_options(spec: dict[str, Any]) -> dict[str, Any]:
    """Return the options of a session as keyword arguments.

    Raise BadTest for an unknown option, or SkipTest if pymongo lacks the option.
    """
    _only(spec, {"causalConsistency", "snapshot", "snapshotTime", "defaultTransactionOptions", "defaultTimeoutMS"}, "session options")
    for missing in ("snapshotTime", "defaultTimeoutMS"):
        if missing in spec:
            raise SkipTest(Skip.CLIENT, f"pymongo's sessions have no {missing}")
    options = {snake_case(key): value for key, value in spec.items()}
    if "defaultTransactionOptions" in spec:
        options["default_transaction_options"] = TransactionOptions(**transaction_options(spec["defaultTransactionOptions"]))
    return options


def _only(spec: dict[str, Any], known: set[str], what: str) -> None:
    unknown = sorted(set(spec) - known)
    if unknown:
        raise BadTest("unsupported-argument", f"{what}: unknown option {', '.join(unknown)}.")
