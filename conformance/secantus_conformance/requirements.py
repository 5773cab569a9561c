"""The evaluation of a test's `runOnRequirements` for a server."""

from __future__ import annotations

from typing import Any

from secantus_conformance.environment import Environment

# The meaning of each topology name in a requirement; the last two are old names that files still use.
_TOPOLOGIES = {
    "single": {"single"},
    "replicaset": {"replicaset"},
    "sharded": {"sharded", "sharded-replicaset"},
    "load-balanced": {"load-balanced"},
    "sharded-replicaset": {"sharded-replicaset"},
}


def unmet(requirements: list[dict[str, Any]], environment: Environment) -> str | None:
    """Return None if any requirement is met or no requirements are given. Otherwise return the reasons why none is met."""
    if not requirements:
        return None
    reasons = [_unmet(requirement, environment) for requirement in requirements]
    return None if None in reasons else "; ".join(dict.fromkeys(reason for reason in reasons if reason))


def _unmet(requirement: dict[str, Any], environment: Environment) -> str | None:
    checks = (_version(requirement, environment), _topology(requirement, environment), _security(requirement, environment))
    return next((reason for reason in checks if reason), None) or _parameters(requirement, environment)


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))


def _version(requirement: dict[str, Any], environment: Environment) -> str | None:
    lowest, highest = requirement.get("minServerVersion"), requirement.get("maxServerVersion")
    if lowest and environment.version < _padded(_numbers(lowest), 0):
        return f"needs MongoDB {lowest} or newer"
    if highest and environment.version[: len(_numbers(highest))] > _numbers(highest):
        return f"is for MongoDB {highest} or older"
    return None


def _padded(numbers: tuple[int, ...], fill: int) -> tuple[int, ...]:
    return numbers + (fill,) * (3 - len(numbers))


def _topology(requirement: dict[str, Any], environment: Environment) -> str | None:
    wanted = requirement.get("topologies")
    if wanted and not any(environment.topology in _TOPOLOGIES[name] for name in wanted):
        return f"needs the topology {' or '.join(wanted)}"
    if requirement.get("serverless") == "require":
        return "needs a serverless deployment"
    return None


def _security(requirement: dict[str, Any], environment: Environment) -> str | None:
    auth = requirement.get("auth")
    if auth is not None and auth != environment.auth:
        return "needs authentication" if auth else "needs a server without authentication"
    if requirement.get("authMechanism"):
        return f"needs the authentication mechanism {requirement['authMechanism']}"
    if requirement.get("csfle"):
        return "needs client-side encryption (libmongocrypt)"
    return None


def _parameters(requirement: dict[str, Any], environment: Environment) -> str | None:
    for name, wanted in requirement.get("serverParameters", {}).items():
        if environment.parameters.get(name) != wanted or name not in environment.parameters:
            return f"needs the server parameter {name}={wanted}"
    return None
